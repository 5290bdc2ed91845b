// Scores of four queries at a time against blocks of 16 keys, and sums of values kept in registers over all slots.
#include "kernels/avx512/attention.h"

#include <immintrin.h>

#include "kernels/avx512/vector.h"

namespace pent::kernels::avx512 {
namespace {

// B blocks of 16 slots from `block` for R queries; only slots [begin, end) are written.
template <int R, int B>
inline void score_blocks(const float* const* queries, const float* keys, int64_t head_dim, int64_t block, int64_t begin,
                         int64_t end, float scale, float* const* scores) {
  __m512 sums[R][B];
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int b = 0; b < B; ++b) sums[r][b] = _mm512_setzero_ps();
  }
  const float* at = keys + block * head_dim * kSlotBlock;
  for (int64_t i = 0; i < head_dim; ++i) {
    __m512 key[B];
#pragma GCC unroll 4
    for (int b = 0; b < B; ++b) key[b] = _mm512_loadu_ps(at + (b * head_dim + i) * kSlotBlock);
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) {
      const __m512 query = _mm512_set1_ps(queries[r][i]);
#pragma GCC unroll 4
      for (int b = 0; b < B; ++b) sums[r][b] = _mm512_fmadd_ps(query, key[b], sums[r][b]);
    }
  }
#pragma GCC unroll 4
  for (int b = 0; b < B; ++b) {
    const int64_t first = (block + b) * kSlotBlock;  // the slot of lane 0
    const int64_t skip = begin > first ? begin - first : 0;
    const int64_t stop = end - first;
    const __mmask16 mask = lanes(stop) & ~__mmask16((1u << skip) - 1);
    const int64_t to = first - begin;
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) {
      // Masked-off lanes may lie before the buffer: they are never touched.
      _mm512_mask_storeu_ps(scores[r] + to, mask, _mm512_mul_ps(sums[r][b], _mm512_set1_ps(scale)));
    }
  }
}

template <int R>
void score_rows(const float* const* queries, const float* keys, int64_t head_dim, int64_t begin, int64_t end,
                float scale, float* const* scores) {
  int64_t block = begin / kSlotBlock;
  const int64_t blocks = (end + kSlotBlock - 1) / kSlotBlock;
  for (; block + 4 <= blocks; block += 4) {
    score_blocks<R, 4>(queries, keys, head_dim, block, begin, end, scale, scores);
  }
  for (; block < blocks; ++block) score_blocks<R, 1>(queries, keys, head_dim, block, begin, end, scale, scores);
}

// V vectors of the head for R rows, kept in registers over all slots.
template <int R, int V>
inline void value_columns(const float* const* weights, const float* values, int64_t stride, int64_t begin, int64_t end,
                          float* const* out, int64_t column) {
  __m512 sums[R][V];
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) sums[r][v] = _mm512_loadu_ps(out[r] + column + v * 16);
  }
  for (int64_t slot = begin; slot < end; ++slot) {
    __m512 value[V];
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) value[v] = _mm512_loadu_ps(values + slot * stride + column + v * 16);
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) {
      const __m512 weight = _mm512_set1_ps(weights[r][slot - begin]);
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) sums[r][v] = _mm512_fmadd_ps(weight, value[v], sums[r][v]);
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) _mm512_storeu_ps(out[r] + column + v * 16, sums[r][v]);
  }
}

template <int R>
void value_rows(const float* const* weights, const float* values, int64_t stride, int64_t begin, int64_t end,
                float* const* out) {
  int64_t column = 0;
  for (; column + 64 <= stride; column += 64) value_columns<R, 4>(weights, values, stride, begin, end, out, column);
  for (; column < stride; column += 16) value_columns<R, 1>(weights, values, stride, begin, end, out, column);
}

}  // namespace

void attention_scores(const float* const* queries, int64_t rows, const float* keys, int64_t head_dim, int64_t begin,
                      int64_t end, float scale, float* const* scores) {
  for (; rows >= 4; rows -= 4, queries += 4, scores += 4) {
    score_rows<4>(queries, keys, head_dim, begin, end, scale, scores);
  }
  if (rows == 3) score_rows<3>(queries, keys, head_dim, begin, end, scale, scores);
  if (rows == 2) score_rows<2>(queries, keys, head_dim, begin, end, scale, scores);
  if (rows == 1) score_rows<1>(queries, keys, head_dim, begin, end, scale, scores);
}

void attention_values(const float* const* weights, int64_t rows, const float* values, int64_t padded_head_dim,
                      int64_t begin, int64_t end, float* const* out) {
  for (; rows >= 4; rows -= 4, weights += 4, out += 4) {
    value_rows<4>(weights, values, padded_head_dim, begin, end, out);
  }
  if (rows == 3) value_rows<3>(weights, values, padded_head_dim, begin, end, out);
  if (rows == 2) value_rows<2>(weights, values, padded_head_dim, begin, end, out);
  if (rows == 1) value_rows<1>(weights, values, padded_head_dim, begin, end, out);
}

}  // namespace pent::kernels::avx512
