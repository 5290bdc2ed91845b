// float32 into the element types of GGUF: the inverse of dequantize_rows.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "io/tensor_view.h"

namespace pent {

// F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K, Q6_K.
bool can_quantize(DType type);

// Beyond this magnitude a value, or the scale of its block, has no finite form in `type`.
float most_storable(DType type);

// `count` finite values, a multiple of the type's block, none larger than most_storable(type); `out` has the bytes of as many
// blocks. F16 and BF16 round to nearest even. Blocks of 32 equal those of the `gguf` package bit for bit; those of 256 are
// searched for (quantize_k.h).
void quantize(DType type, const float* values, int64_t count, std::byte* out);

// 1 / scale; 0 where a block is, or is so near to, zero that nothing can be divided by its scale.
inline float inverse_scale(float scale) {
  const float inverse = 1 / scale;
  return scale == 0 || !std::isfinite(inverse) ? 0 : inverse;
}

}  // namespace pent
