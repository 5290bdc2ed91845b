// Held-out likelihood (evaluate.h). The standard error is that of a ratio (nats over tokens) between sequences; times
// are stratified over the sequences of a draw, which makes it an upper estimate.
#include "train/evaluate.h"

#include <algorithm>
#include <cmath>

namespace pent::train {

MicroBatch make_micro_batch(const NoisedBatch& batch, size_t begin, size_t end, TokenId padding) {
  size_t length = 0;
  for (size_t i = begin; i < end; ++i) length = std::max(length, batch.inputs[i].size());
  length = (length + 15) / 16 * 16;  // whole vectors, and few different shapes for the matrix library to prepare
  const auto count = static_cast<int64_t>(end - begin), width = static_cast<int64_t>(length);
  MicroBatch micro;
  micro.input.batch = count;
  micro.input.length = width;
  micro.input.ids = torch::full({count * width}, padding, torch::kInt64);
  micro.input.lengths = torch::empty({count}, torch::kInt32);
  for (size_t i = begin; i < end; ++i) {
    std::copy(batch.inputs[i].begin(), batch.inputs[i].end(),
              micro.input.ids.data_ptr<int64_t>() + static_cast<int64_t>(i - begin) * width);
    micro.input.lengths.data_ptr<int32_t>()[i - begin] = static_cast<int32_t>(batch.inputs[i].size());
  }
  const auto first = std::lower_bound(batch.rows.begin(), batch.rows.end(), static_cast<int32_t>(begin),
                                      [](const auto& row, int32_t s) { return row.sequence < s; });
  const auto last = std::lower_bound(first, batch.rows.end(), static_cast<int32_t>(end),
                                     [](const auto& row, int32_t s) { return row.sequence < s; });
  const int64_t rows = last - first;
  micro.input.rows = torch::empty({rows}, torch::kInt64);
  micro.targets = torch::empty({rows}, torch::kInt64);
  micro.weights = torch::empty({rows}, torch::kFloat32);
  for (int64_t r = 0; r < rows; ++r) {
    micro.input.rows.data_ptr<int64_t>()[r] =
        (first[r].sequence - static_cast<int64_t>(begin)) * width + first[r].position;
    micro.targets.data_ptr<int64_t>()[r] = first[r].target;
    micro.weights.data_ptr<float>()[r] = first[r].weight;
  }
  return micro;
}

Evaluator::Evaluator(const Recipe& recipe, const Corpus& corpus)
    : rules_(objective_rules(recipe, corpus.special)),
      draws_(rules_.diffusion ? recipe.validation.draws : 1),
      micro_(static_cast<size_t>(recipe.batch.micro)),
      padding_(corpus.special.eos) {
  if (corpus.validation.empty()) return;
  auto sources = corpus.validation;
  for (auto& source : sources) source.recipe.drop_prompt = 0;
  constexpr uint64_t kSeed = 20;  // not the run's: the same windows and masks whatever is trained
  windows_ =
      make_epoch(sources, corpus.special, {.context = recipe.model.context, .pad_in_loss = false, .seed = kSeed}, 0);
  windows_.resize(std::min(windows_.size(), static_cast<size_t>(recipe.validation.sequences)));
  std::stable_sort(windows_.begin(), windows_.end(),
                   [](const auto& a, const auto& b) { return a.tokens.size() < b.tokens.size(); });
  for (const Window& window : windows_)
    for (size_t j = static_cast<size_t>(window.loss_begin); j < window.tokens.size(); ++j)
      if (!corpus.tokenizer->is_special(window.tokens[j]))
        bytes_ += static_cast<int64_t>(corpus.tokenizer->token_bytes(window.tokens[j]).size());
  rules_.seed = kSeed;
  rules_.token_mask = rules_.block_windows = rules_.infill_windows = 0;
}

Evaluation Evaluator::run(const Transformer& net) const {
  torch::NoGradGuard no_grad;
  std::vector<double> nats(windows_.size(), 0.0), counts(windows_.size());
  for (size_t i = 0; i < windows_.size(); ++i)
    counts[i] =
        static_cast<double>(windows_[i].tokens.size()) - std::max(windows_[i].loss_begin, rules_.diffusion ? 0 : 1);
  for (int draw = 0; draw < draws_; ++draw) {
    const NoisedBatch batch = noise_batch(windows_, rules_, static_cast<uint32_t>(draw));
    auto row = batch.rows.begin();
    for (size_t begin = 0; begin < windows_.size(); begin += micro_) {
      const MicroBatch micro = make_micro_batch(batch, begin, std::min(begin + micro_, windows_.size()), padding_);
      if (micro.targets.numel() == 0) continue;
      Tensor losses;
      weighted_cross_entropy(net.forward(micro.input), net.head(), micro.targets, micro.weights, &losses);
      for (int64_t r = 0; r < losses.numel(); ++r, ++row)
        nats[static_cast<size_t>(row->sequence)] += static_cast<double>(losses.data_ptr<float>()[r]) * row->weight *
                                                    static_cast<double>(batch.eligible) / draws_;
    }
  }
  Evaluation out{.is_bound = rules_.diffusion};
  double total = 0, tokens = 0, squares = 0;
  for (size_t i = 0; i < nats.size(); ++i) total += nats[i], tokens += counts[i];
  out.nats_per_token = total / tokens;
  for (size_t i = 0; i < nats.size(); ++i) squares += std::pow(nats[i] - out.nats_per_token * counts[i], 2);
  const auto n = static_cast<double>(nats.size());
  out.standard_error = n > 1 ? std::sqrt(squares * n / (n - 1)) / tokens : 0;
  out.bits_per_byte = bytes_ > 0 ? total / std::log(2.0) / static_cast<double>(bytes_) : 0;
  out.tokens = static_cast<int64_t>(tokens);
  return out;
}

}  // namespace pent::train
