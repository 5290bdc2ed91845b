// Attention over float32 keys and values of the AVX-512 set (table: kernels.cc).
#pragma once

#include "kernels/kernels.h"

namespace pent::kernels::avx512 {

void attention_scores(const float* const* queries, int64_t rows, const float* keys, int64_t head_dim, int64_t begin,
                      int64_t end, float scale, float* const* scores);
void attention_values(const float* const* weights, int64_t rows, const float* values, int64_t padded_head_dim,
                      int64_t begin, int64_t end, float* const* out);

}  // namespace pent::kernels::avx512
