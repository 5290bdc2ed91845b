// Attention over keys and values in bfloat16, whichever way pairs are multiplied:
//   Pairs::dot(sum, a, b) = sum + a0 * b0 + a1 * b1, for sixteen pairs.
// Everything here is local to the file that includes it, which is compiled for its own instructions.
#pragma once

#include <immintrin.h>
#include <stdint.h>

#include "kernels/kernels.h"

namespace pent::kernels::avx512 {
namespace {

inline __m512i broadcast_pair(const uint16_t* pair) {
  uint32_t both;
  __builtin_memcpy(&both, pair, sizeof both);
  return _mm512_set1_epi32(int(both));
}

// B blocks of sixteen slots for R queries.
template <typename Pairs, int R, int B>
inline void score_blocks_bf16(const uint16_t* const* queries, const uint16_t* keys, int64_t head_pairs, int64_t block,
                              int64_t begin, int64_t end, float scale, float* const* scores) {
  __m512 sums[R][B];
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int b = 0; b < B; ++b) sums[r][b] = _mm512_setzero_ps();
  }
  const uint16_t* at = keys + block * head_pairs * kSlotBlock * 2;
  for (int64_t i = 0; i < head_pairs; ++i) {
    __m512i key[B];
#pragma GCC unroll 4
    for (int b = 0; b < B; ++b) key[b] = _mm512_loadu_si512(at + (b * head_pairs + i) * kSlotBlock * 2);
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) {
      const __m512i query = broadcast_pair(queries[r] + 2 * i);
#pragma GCC unroll 4
      for (int b = 0; b < B; ++b) sums[r][b] = Pairs::dot(sums[r][b], query, key[b]);
    }
  }
#pragma GCC unroll 4
  for (int b = 0; b < B; ++b) {
    const int64_t first = (block + b) * kSlotBlock;  // the slot of lane 0
    const int64_t skip = begin > first ? begin - first : 0, stop = end - first;
    const __mmask16 upto = stop >= 16 ? __mmask16(0xFFFF) : __mmask16((1u << stop) - 1);
    const __mmask16 mask = upto & ~__mmask16((1u << skip) - 1);
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) {
      // Masked-off lanes may lie before the buffer: they are never touched.
      _mm512_mask_storeu_ps(scores[r] + (first - begin), mask, _mm512_mul_ps(sums[r][b], _mm512_set1_ps(scale)));
    }
  }
}

template <typename Pairs, int R>
void score_rows_bf16(const uint16_t* const* queries, const uint16_t* keys, int64_t head_pairs, int64_t begin,
                     int64_t end, float scale, float* const* scores) {
  int64_t block = begin / kSlotBlock;
  const int64_t blocks = (end + kSlotBlock - 1) / kSlotBlock;
  for (; block + 4 <= blocks; block += 4)
    score_blocks_bf16<Pairs, R, 4>(queries, keys, head_pairs, block, begin, end, scale, scores);
  for (; block < blocks; ++block)
    score_blocks_bf16<Pairs, R, 1>(queries, keys, head_pairs, block, begin, end, scale, scores);
}

template <typename Pairs>
void scores_bf16(const uint16_t* const* queries, int64_t rows, const uint16_t* keys, int64_t head_pairs, int64_t begin,
                 int64_t end, float scale, float* const* scores) {
  for (; rows >= 4; rows -= 4, queries += 4, scores += 4)
    score_rows_bf16<Pairs, 4>(queries, keys, head_pairs, begin, end, scale, scores);
  if (rows == 3) score_rows_bf16<Pairs, 3>(queries, keys, head_pairs, begin, end, scale, scores);
  if (rows == 2) score_rows_bf16<Pairs, 2>(queries, keys, head_pairs, begin, end, scale, scores);
  if (rows == 1) score_rows_bf16<Pairs, 1>(queries, keys, head_pairs, begin, end, scale, scores);
}

// V vectors of the head for R rows, kept in registers over all slots, two at a time.
template <typename Pairs, int R, int V>
inline void value_columns_bf16(const uint16_t* const* weights, const uint16_t* values, int64_t stride, int64_t begin,
                               int64_t end, float* const* out, int64_t column) {
  __m512 sums[R][V];
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) sums[r][v] = _mm512_loadu_ps(out[r] + column + v * 16);
  }
  const auto add = [&](int64_t pair, const auto& weight_of) __attribute__((always_inline)) {
    __m512i value[V];
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) value[v] = _mm512_loadu_si512(values + (pair * stride + column + v * 16) * 2);
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) {
      const __m512i weight = weight_of(r);
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) sums[r][v] = Pairs::dot(sums[r][v], weight, value[v]);
    }
  };
  int64_t slot = begin;
  if (slot % 2 != 0 && slot < end) {  // the second of its pair
    add(slot / 2, [&](int r) { return _mm512_set1_epi32(int(uint32_t{weights[r][0]} << 16)); });
    ++slot;
  }
  for (; slot + 2 <= end; slot += 2) add(slot / 2, [&](int r) { return broadcast_pair(weights[r] + (slot - begin)); });
  if (slot < end) add(slot / 2, [&](int r) { return _mm512_set1_epi32(weights[r][slot - begin]); });
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) _mm512_storeu_ps(out[r] + column + v * 16, sums[r][v]);
  }
}

template <typename Pairs, int R>
void value_rows_bf16(const uint16_t* const* weights, const uint16_t* values, int64_t stride, int64_t begin, int64_t end,
                     float* const* out) {
  int64_t column = 0;
  for (; column + 64 <= stride; column += 64)
    value_columns_bf16<Pairs, R, 4>(weights, values, stride, begin, end, out, column);
  for (; column < stride; column += 16)
    value_columns_bf16<Pairs, R, 1>(weights, values, stride, begin, end, out, column);
}

template <typename Pairs>
void values_bf16(const uint16_t* const* weights, int64_t rows, const uint16_t* values, int64_t padded_head_dim,
                 int64_t begin, int64_t end, float* const* out) {
  for (; rows >= 4; rows -= 4, weights += 4, out += 4)
    value_rows_bf16<Pairs, 4>(weights, values, padded_head_dim, begin, end, out);
  if (rows == 3) value_rows_bf16<Pairs, 3>(weights, values, padded_head_dim, begin, end, out);
  if (rows == 2) value_rows_bf16<Pairs, 2>(weights, values, padded_head_dim, begin, end, out);
  if (rows == 1) value_rows_bf16<Pairs, 1>(weights, values, padded_head_dim, begin, end, out);
}

}  // namespace
}  // namespace pent::kernels::avx512
