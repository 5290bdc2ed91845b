// Warm starts: of a given text what the model doubts is opened, the rest stays (spec 44 §2, §5).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "model/denoiser.h"
#include "sample/canvas.h"

namespace pent {

inline constexpr double kDoubted = 0.3;  // a token less probable than this is opened, and what stands beside it

// What the model gives each of `cells`, ascending, where it does not see it: the probability of a token that it sees is near 1,
// whatever the token. Every fourth cell is masked in one of four canvases, all in one forward. A cell that nothing predicts (the
// first one where logits are shifted) has probability 1. `banned` tokens have none.
std::vector<double> leave_out_probabilities(Denoiser& denoiser, const Canvas& canvas, std::span<const int32_t> cells,
                                            std::span<const int32_t> banned);
inline constexpr int kLeaveOutGroups = 4;

// Which of as many cells with these probabilities are opened, ascending: with a strength s the ceil(s n) least probable, of equals the
// lower ones; without, those below kDoubted and their neighbours.
std::vector<size_t> cells_to_open(std::span<const double> probabilities, std::optional<double> strength);

}  // namespace pent
