// How probable texts are that a hole has to choose from.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "model/denoiser.h"
#include "sample/canvas.h"

namespace pent {

// Of each choice, tokens for the cells [begin, end) of the canvas (as many as it has stand there instead), the log-probability by the
// chain rule from left to right: each token given the canvas, the choice's tokens before it, and masks for those behind it. All in one
// forward, among the `allowed` tokens (null: all), so over all choices of one length the probabilities sum to 1. PENT_CHECK: no choice
// is empty, and begin > 0 where logits are shifted.
struct ChoiceScores {
  std::vector<double> log_probabilities;
  int64_t rows = 0;
};
ChoiceScores chain_log_probabilities(Denoiser& denoiser, const Canvas& canvas, int32_t begin, int32_t end,
                                     std::span<const std::vector<int32_t>> choices,
                                     std::shared_ptr<const std::vector<uint64_t>> allowed);

}  // namespace pent
