// Infilling tasks out of held-out texts.
#include "eval/infilling.h"

#include <algorithm>
#include <cstdlib>

#include "base/random.h"

namespace pent {
namespace {

struct Sentence {
  size_t text;  // which one it is from
  std::string words;
  int tokens;
};

std::string escaped(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i).starts_with("[[")) out += '\\';
    out += text[i];
  }
  return out;
}

// Leading sentences that have at most max_tokens together.
std::vector<std::string> beginning_of(const HeldOutText& text, const Tokenizer& tokenizer, int max_tokens) {
  std::vector<std::string> sentences = split_sentences(text.text);
  int tokens = 0;
  size_t kept = 0;
  for (; kept < sentences.size(); ++kept) {
    tokens += static_cast<int>(tokenizer.encode(sentences[kept]).size());
    if (tokens > max_tokens) break;
  }
  sentences.resize(kept);
  return sentences;
}

std::string pick_random(const std::vector<Sentence>& sentences, size_t text, int tokens, const DrawKey& key) {
  std::vector<const Sentence*> nearest;
  int distance = 1 << 30;
  for (const Sentence& sentence : sentences) {
    if (sentence.text == text) continue;
    const int d = std::abs(sentence.tokens - tokens);
    if (d < distance) nearest.clear();
    distance = std::min(distance, d);
    if (d == distance) nearest.push_back(&sentence);
  }
  if (nearest.empty()) return {};
  const auto index = static_cast<size_t>(draw_uniform(key) * static_cast<double>(nearest.size()));
  return nearest[std::min(index, nearest.size() - 1)]->words;
}

}  // namespace

std::string InfillingTask::fill_template() const {
  return escaped(before) + "[[" + std::to_string(hole_tokens) + "]]" + escaped(after);
}

std::vector<InfillingTask> make_infilling_tasks(const std::vector<HeldOutText>& texts, const Tokenizer& tokenizer,
                                                int max_tokens, int count, double hole_at, uint64_t seed) {
  std::vector<std::vector<std::string>> parts;
  std::vector<Sentence> sentences;
  for (const HeldOutText& text : texts) {
    parts.push_back(beginning_of(text, tokenizer, max_tokens));
    for (const std::string& words : parts.back())
      sentences.push_back({parts.size() - 1, words, static_cast<int>(tokenizer.encode(words).size())});
  }
  std::vector<size_t> order;
  for (const bool story : {true, false})
    for (size_t i = 0; i < texts.size(); ++i)
      if (texts[i].is_story == story && parts[i].size() >= 3) order.push_back(i);
  std::vector<InfillingTask> tasks;
  for (const size_t i : order) {
    if (static_cast<int>(tasks.size()) == count) break;
    const size_t size = parts[i].size(),
                 hole = std::min(size - 1, static_cast<size_t>(hole_at * static_cast<double>(size)));
    InfillingTask task{.original = parts[i][hole], .is_story = texts[i].is_story};
    for (size_t s = 0; s < size; ++s)
      if (s != hole) (s < hole ? task.before : task.after) += parts[i][s];
    task.hole_tokens = static_cast<int>(tokenizer.encode(task.original).size());
    task.random = pick_random(sentences, i, task.hole_tokens,
                              {.seed = seed, .cell = static_cast<uint32_t>(i), .purpose = DrawPurpose::kData});
    if (!task.random.empty()) tasks.push_back(std::move(task));
  }
  return tasks;
}

}  // namespace pent
