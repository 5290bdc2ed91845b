// Judge perplexity and unigram entropy (spec 34 §3.1, §3.2).
#include "eval/quality.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "base/error.h"
#include "sample/bound.h"

namespace pent {

double unigram_entropy(std::span<const int32_t> tokens) {
  std::map<int32_t, int> counts;
  for (const int32_t token : tokens) ++counts[token];
  double entropy = 0;
  for (const auto& [token, count] : counts) {
    const double p = static_cast<double>(count) / static_cast<double>(tokens.size());
    entropy -= p * std::log(p);
  }
  return entropy;
}

JudgedTexts judge_texts(Model& judge, const std::vector<std::string>& texts, int width) {
  const ModelSpec& spec = judge.denoiser->spec();
  if (spec.is_diffusion())
    throw error(ErrorKind::kInvalidArgument, "{} is a diffusion model; the judge must be autoregressive", judge.name);
  JudgedTexts judged;
  judged.nll.resize(texts.size());
  std::vector<ScoringItem> items;
  std::vector<size_t> item_text;
  std::vector<int32_t> all_tokens;
  for (size_t i = 0; i < texts.size(); ++i) {
    std::vector<int32_t> tokens = judge.tokenizer->encode(texts[i]);
    tokens.resize(std::min(tokens.size(), static_cast<size_t>(spec.max_positions)));
    if (tokens.size() < 2) {
      ++judged.empty_texts;
      continue;
    }
    judged.unigram_entropy += unigram_entropy(tokens);
    all_tokens.insert(all_tokens.end(), tokens.begin(), tokens.end());
    items.push_back({.context = {tokens[0]}, .target = {tokens.begin() + 1, tokens.end()}});
    item_text.push_back(i);
  }
  judged.texts = static_cast<int>(items.size());
  if (items.empty()) return judged;
  judged.unigram_entropy /= judged.texts;
  judged.pooled_unigram_entropy = unigram_entropy(all_tokens);
  double nll = 0;
  const std::vector<LogLikelihood> likelihoods = ar_log_likelihood(*judge.denoiser, items, width);
  for (size_t i = 0; i < items.size(); ++i) {
    judged.nll[item_text[i]] = -likelihoods[i].log_prob;
    nll -= likelihoods[i].log_prob;
    judged.tokens += likelihoods[i].tokens;
  }
  judged.perplexity = std::exp(nll / static_cast<double>(judged.tokens));
  return judged;
}

}  // namespace pent
