// One sequence for each token of each choice.
#include "sample/choices.h"

#include <numeric>

#include "base/error.h"

namespace pent {

ChoiceScores chain_log_probabilities(Denoiser& denoiser, const Canvas& canvas, int32_t begin, int32_t end,
                                     std::span<const std::vector<int32_t>> choices,
                                     std::shared_ptr<const std::vector<uint64_t>> allowed) {
  const bool shift = denoiser.spec().shift;
  PENT_CHECK(0 <= begin && begin <= end && end <= canvas.size() && (begin > 0 || !shift), "cells [{}, {})", begin, end);
  const std::vector<int32_t> whole = canvas.tokens();
  PassPlan plan;
  HeadRequest request;
  std::vector<std::unique_ptr<OpenSequence>> sequences;
  for (const std::vector<int32_t>& choice : choices) {
    PENT_CHECK(!choice.empty());
    std::vector<int32_t> tokens(whole.begin(), whole.begin() + begin);
    tokens.insert(tokens.end(), choice.size(), canvas.mask_id());
    tokens.insert(tokens.end(), whole.begin() + end, whole.end());
    std::vector<int32_t> all(tokens.size());
    std::iota(all.begin(), all.end(), 0);
    for (size_t i = 0; i < choice.size(); ++i) {
      const int32_t cell = begin + static_cast<int32_t>(i);
      plan.head_rows.push_back(static_cast<uint32_t>(plan.rows.size()) + static_cast<uint32_t>(cell - (shift ? 1 : 0)));
      request.targets.push_back(choice[i]);
      request.allowed.push_back(allowed);
      sequences.push_back(std::make_unique<OpenSequence>(denoiser, static_cast<int32_t>(tokens.size())));
      plan.add_cells(sequences.back()->handle(), tokens, all);
      tokens[static_cast<size_t>(cell)] = choice[i];
    }
  }
  ChoiceScores scores{.log_probabilities = {}, .rows = static_cast<int64_t>(plan.rows.size())};
  if (choices.empty()) return scores;
  PassResult result;
  denoiser.forward(plan, request, result);
  size_t row = 0;
  for (const std::vector<int32_t>& choice : choices) {
    double sum = 0;
    for (size_t i = 0; i < choice.size(); ++i, ++row)
      sum += static_cast<double>(result.rows[row].target_logit) - result.rows[row].log_sum_exp;
    scores.log_probabilities.push_back(sum);
  }
  return scores;
}

}  // namespace pent
