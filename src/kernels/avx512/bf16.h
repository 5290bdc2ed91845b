// Attention over bfloat16 with the pair products of AVX512_BF16 (Cooper Lake, Zen 4 and later): bf16.cc.
#pragma once

#include <stdint.h>

namespace pent::kernels::avx512 {

void bf16_scores(const uint16_t* const* queries, int64_t rows, const uint16_t* keys, int64_t head_pairs, int64_t begin,
                 int64_t end, float scale, float* const* scores);
void bf16_values(const uint16_t* const* weights, int64_t rows, const uint16_t* values, int64_t padded_head_dim,
                 int64_t begin, int64_t end, float* const* out);

}  // namespace pent::kernels::avx512
