// The forward of the pre-norm transformer in float64, written straight from its definition: what the engine is checked
// against. One sequence, no cache.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "io/model_files.h"
#include "model/spec.h"

namespace pent::test {

// Logits [tokens, vocab]; token i stands at positions[i] and sees token j when sees(i, j).
std::vector<double> reference_logits(const ModelFiles& files, const std::vector<int32_t>& tokens,
                                     const std::vector<int32_t>& positions, const std::function<bool(int, int)>& sees);

}  // namespace pent::test
