// Attention over keys and values in bfloat16 with AVX2: both halves of a pair are widened.
// Local to the file that includes it, which is compiled for these instructions.
#pragma once

#include <immintrin.h>
#include <stdint.h>

#include "kernels/kernels.h"

namespace pent::kernels::avx2 {
namespace {

inline __m256i load_pairs(const uint16_t* from) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)); }

// sum + a0 * b0 + a1 * b1 for eight pairs of bfloat16.
inline __m256 dot_pairs(__m256 sum, __m256i a, __m256i b) {
  const __m256i high = _mm256_set1_epi32(int(0xFFFF0000));
  sum = _mm256_fmadd_ps(_mm256_castsi256_ps(_mm256_slli_epi32(a, 16)), _mm256_castsi256_ps(_mm256_slli_epi32(b, 16)),
                        sum);
  return _mm256_fmadd_ps(_mm256_castsi256_ps(_mm256_and_si256(a, high)), _mm256_castsi256_ps(_mm256_and_si256(b, high)),
                         sum);
}

inline __m256i broadcast_pair(uint16_t first, uint16_t second) {
  return _mm256_set1_epi32(int(uint32_t{second} << 16 | first));
}

template <int R>
void score_rows_bf16(const uint16_t* const* queries, const uint16_t* keys, int64_t head_pairs, int64_t begin,
                     int64_t end, float scale, float* const* scores) {
  for (int64_t block = begin / kSlotBlock; block * kSlotBlock < end; ++block) {
    __m256 sums[R][2];
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) sums[r][0] = sums[r][1] = _mm256_setzero_ps();
    const uint16_t* at = keys + block * head_pairs * kSlotBlock * 2;
    for (int64_t i = 0; i < head_pairs; ++i) {
      const __m256i key0 = load_pairs(at + i * kSlotBlock * 2), key1 = load_pairs(at + i * kSlotBlock * 2 + 16);
#pragma GCC unroll 4
      for (int r = 0; r < R; ++r) {
        const __m256i query = broadcast_pair(queries[r][2 * i], queries[r][2 * i + 1]);
        sums[r][0] = dot_pairs(sums[r][0], query, key0);
        sums[r][1] = dot_pairs(sums[r][1], query, key1);
      }
    }
    const int64_t first = block * kSlotBlock;
    const int64_t from = begin > first ? begin : first, to = end < first + kSlotBlock ? end : first + kSlotBlock;
    for (int r = 0; r < R; ++r) {
      float lanes[kSlotBlock];
      _mm256_storeu_ps(lanes, _mm256_mul_ps(sums[r][0], _mm256_set1_ps(scale)));
      _mm256_storeu_ps(lanes + 8, _mm256_mul_ps(sums[r][1], _mm256_set1_ps(scale)));
      for (int64_t slot = from; slot < to; ++slot) scores[r][slot - begin] = lanes[slot - first];
    }
  }
}

void attention_scores_bf16(const uint16_t* const* queries, int64_t rows, const uint16_t* keys, int64_t head_pairs,
                           int64_t begin, int64_t end, float scale, float* const* scores) {
  for (; rows >= 4; rows -= 4, queries += 4, scores += 4) {
    score_rows_bf16<4>(queries, keys, head_pairs, begin, end, scale, scores);
  }
  for (; rows > 0; --rows, ++queries, ++scores) {
    score_rows_bf16<1>(queries, keys, head_pairs, begin, end, scale, scores);
  }
}

// Sixteen columns of the head for R rows, kept in registers over all slots.
template <int R>
void value_columns_bf16(const uint16_t* const* weights, const uint16_t* values, int64_t stride, int64_t begin,
                        int64_t end, float* const* out, int64_t column) {
  __m256 sums[R][2];
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r) {
    sums[r][0] = _mm256_loadu_ps(out[r] + column);
    sums[r][1] = _mm256_loadu_ps(out[r] + column + 8);
  }
  for (int64_t pair = begin / 2; pair * 2 < end; ++pair) {
    const uint16_t* at = values + (pair * stride + column) * 2;
    const __m256i value0 = load_pairs(at), value1 = load_pairs(at + 16);
    const bool first = pair * 2 >= begin, second = pair * 2 + 1 < end;
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) {
      const uint16_t* weight = weights[r] + (pair * 2 - begin);
      const __m256i both = broadcast_pair(first ? weight[0] : 0, second ? weight[1] : 0);
      sums[r][0] = dot_pairs(sums[r][0], both, value0);
      sums[r][1] = dot_pairs(sums[r][1], both, value1);
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r) {
    _mm256_storeu_ps(out[r] + column, sums[r][0]);
    _mm256_storeu_ps(out[r] + column + 8, sums[r][1]);
  }
}

void attention_values_bf16(const uint16_t* const* weights, int64_t rows, const uint16_t* values,
                           int64_t padded_head_dim, int64_t begin, int64_t end, float* const* out) {
  for (; rows >= 4; rows -= 4, weights += 4, out += 4) {
    for (int64_t column = 0; column < padded_head_dim; column += 16)
      value_columns_bf16<4>(weights, values, padded_head_dim, begin, end, out, column);
  }
  for (; rows > 0; --rows, ++weights, ++out) {
    for (int64_t column = 0; column < padded_head_dim; column += 16)
      value_columns_bf16<1>(weights, values, padded_head_dim, begin, end, out, column);
  }
}

}  // namespace
}  // namespace pent::kernels::avx2
