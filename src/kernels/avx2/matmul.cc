// Matrix products with AVX2 and FMA. A tile is R rows times half a panel (two vectors of 8 columns), its sums in
// registers over all of K; each element's chain of additions is the same for every R.
#include "kernels/avx2/matmul.h"

#include <string.h>

#include "kernels/avx2/vector.h"

namespace pent::kernels::avx2 {
namespace {

constexpr int kRowsF32 = 6;
constexpr int kRowsQ8 = 3;
constexpr int64_t kHalf = kPanel / 2;

// Where a tile's sums go: `columns` of its 16 exist (may be none).
struct TileOut {
  float* out;
  int64_t stride;
  int64_t columns;
  bool add;
};

template <int R>
inline void store_tile(const __m256 (&sums)[R][2], const TileOut& to) {
  for (int r = 0; r < R; ++r) {
    for (int c = 0; c < 2; ++c) {
      float* at = to.out + r * to.stride + c * 8;
      const int64_t count = to.columns - c * 8;
      if (count <= 0) continue;
      store_part(at, count, to.add ? _mm256_add_ps(load_part(at, count), sums[r][c]) : sums[r][c]);
    }
  }
}

template <int R>
void tile_f32(const float* weights, int64_t k_size, const float* x, int64_t x_stride, const TileOut& to) {
  __m256 sums[R][2];
#pragma GCC unroll 6
  for (int r = 0; r < R; ++r) sums[r][0] = sums[r][1] = _mm256_setzero_ps();
  for (int64_t k = 0; k < k_size; ++k) {
    const __m256 w0 = _mm256_loadu_ps(weights + k * kPanel), w1 = _mm256_loadu_ps(weights + k * kPanel + 8);
#pragma GCC unroll 6
    for (int r = 0; r < R; ++r) {
      const __m256 value = _mm256_set1_ps(x[r * x_stride + k]);
      sums[r][0] = _mm256_fmadd_ps(value, w0, sums[r][0]);
      sums[r][1] = _mm256_fmadd_ps(value, w1, sums[r][1]);
    }
  }
  store_tile<R>(sums, to);
}

// Four products of signed bytes per 32-bit lane: vpmaddubsw wants an unsigned operand, so the sign moves from the
// activations to the weights. |weights|, |activations| <= 127: the 16-bit sums of two cannot saturate.
inline __m256i dot4(__m256i sums, __m256i weights, __m256i values) {
  const __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(values), _mm256_sign_epi8(weights, values));
  return _mm256_add_epi32(sums, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

inline __m256 load_f16(const uint16_t* at) {
  return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at)));
}

template <int R>
void tile_q8(const uint8_t* weights, const uint16_t* scales, int64_t groups, const int8_t* values,
             const float* row_scales, const TileOut& to) {
  const __m256i offset = _mm256_set1_epi8(-128);
  __m256 sums[R][2];
#pragma GCC unroll 3
  for (int r = 0; r < R; ++r) sums[r][0] = sums[r][1] = _mm256_setzero_ps();
  for (int64_t group = 0; group < groups; ++group) {
    __m256i dots[R][2];
#pragma GCC unroll 3
    for (int r = 0; r < R; ++r) dots[r][0] = dots[r][1] = _mm256_setzero_si256();
    for (int step = 0; step < kGroup / 4; ++step) {
      const __m256i* at = reinterpret_cast<const __m256i*>(weights + step * kPanel * 4);
      const __m256i w0 = _mm256_xor_si256(_mm256_loadu_si256(at), offset);
      const __m256i w1 = _mm256_xor_si256(_mm256_loadu_si256(at + 1), offset);
#pragma GCC unroll 3
      for (int r = 0; r < R; ++r) {
        int32_t word;
        memcpy(&word, values + (r * groups + group) * kGroup + step * 4, 4);
        const __m256i value = _mm256_set1_epi32(word);
        dots[r][0] = dot4(dots[r][0], w0, value);
        dots[r][1] = dot4(dots[r][1], w1, value);
      }
    }
    const __m256 scale0 = load_f16(scales), scale1 = load_f16(scales + 8);
#pragma GCC unroll 3
    for (int r = 0; r < R; ++r) {
      const __m256 row_scale = _mm256_set1_ps(row_scales[r * groups + group]);
      sums[r][0] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dots[r][0]), _mm256_mul_ps(row_scale, scale0), sums[r][0]);
      sums[r][1] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dots[r][1]), _mm256_mul_ps(row_scale, scale1), sums[r][1]);
    }
    weights += kGroup * kPanel;
    scales += kPanel;
  }
  store_tile<R>(sums, to);
}

// Columns [half * 16, …) of the panel: the low or the high halves of its bytes. Weights of at most 15 cannot saturate.
template <int R, bool kMinima>
void tile_q4(const uint8_t* weights, const uint16_t* scales, int64_t half, int64_t groups, const int8_t* values,
             const float* row_scales, const int32_t* offsets, const float* row_sums, const TileOut& to) {
  const __m256i low = _mm256_set1_epi8(15), ones = _mm256_set1_epi16(1);
  __m256 sums[R][2];
#pragma GCC unroll 3
  for (int r = 0; r < R; ++r) sums[r][0] = sums[r][1] = _mm256_setzero_ps();
  for (int64_t group = 0; group < groups; ++group) {
    __m256i dots[R][2];
#pragma GCC unroll 3
    for (int r = 0; r < R; ++r)
      dots[r][0] = dots[r][1] = _mm256_set1_epi32(kMinima ? 0 : offsets[r * groups + group] / 16);
    for (int step = 0; step < kGroup / 4; ++step) {
      const __m256i* at = reinterpret_cast<const __m256i*>(weights + step * kPanel * 2);
      const __m128i shift = _mm_cvtsi32_si128(int(half * 4));
      const __m256i w0 = _mm256_and_si256(_mm256_srl_epi16(_mm256_loadu_si256(at), shift), low);
      const __m256i w1 = _mm256_and_si256(_mm256_srl_epi16(_mm256_loadu_si256(at + 1), shift), low);
#pragma GCC unroll 3
      for (int r = 0; r < R; ++r) {
        int32_t word;
        memcpy(&word, values + (r * groups + group) * kGroup + step * 4, 4);
        const __m256i value = _mm256_set1_epi32(word);
        dots[r][0] = _mm256_add_epi32(dots[r][0], _mm256_madd_epi16(_mm256_maddubs_epi16(w0, value), ones));
        dots[r][1] = _mm256_add_epi32(dots[r][1], _mm256_madd_epi16(_mm256_maddubs_epi16(w1, value), ones));
      }
    }
    const uint16_t* own = scales + half * kHalf;
    const __m256 scale0 = load_f16(own), scale1 = load_f16(own + 8);
#pragma GCC unroll 3
    for (int r = 0; r < R; ++r) {
      const __m256 row_scale = _mm256_set1_ps(row_scales[r * groups + group]);
      sums[r][0] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dots[r][0]), _mm256_mul_ps(row_scale, scale0), sums[r][0]);
      sums[r][1] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dots[r][1]), _mm256_mul_ps(row_scale, scale1), sums[r][1]);
    }
    if constexpr (kMinima) {
      const __m256 minimum0 = load_f16(own + kPanel), minimum1 = load_f16(own + kPanel + 8);
#pragma GCC unroll 3
      for (int r = 0; r < R; ++r) {
        const __m256 row_sum = _mm256_set1_ps(row_sums[r * groups + group]);
        sums[r][0] = _mm256_fmadd_ps(row_sum, minimum0, sums[r][0]);
        sums[r][1] = _mm256_fmadd_ps(row_sum, minimum1, sums[r][1]);
      }
    }
    weights += kGroup * kPanel / 2;
    scales += (kMinima ? 2 : 1) * kPanel;
  }
  store_tile<R>(sums, to);
}

template <bool kMinima>
void multiply_q4(const MatrixQ4& w, const RowsQ8& x, float* out, int64_t out_stride, const MatmulRange& range) {
  for (int64_t half = range.panel_begin * 2; half < range.panel_end * 2; ++half) {
    const uint8_t* weights = w.values + half / 2 * w.groups * kGroup * kPanel / 2;
    const uint16_t* scales = w.scales + half / 2 * w.groups * (kMinima ? 2 : 1) * kPanel;
    for (int64_t row = range.row_begin; row < range.row_end; row += kRowsQ8) {
      const int8_t* values = x.values + row * x.groups * kGroup;
      const float* row_scales = x.scales + row * x.groups;
      const int32_t* offsets = x.offsets + row * x.groups;
      const float* row_sums = x.sums + row * x.groups;
      const TileOut to = {out + row * out_stride + half * kHalf, out_stride, w.n - half * kHalf, range.add};
      switch (range.row_end - row) {
        case 1:
          tile_q4<1, kMinima>(weights, scales, half % 2, w.groups, values, row_scales, offsets, row_sums, to);
          break;
        case 2:
          tile_q4<2, kMinima>(weights, scales, half % 2, w.groups, values, row_scales, offsets, row_sums, to);
          break;
        default:
          tile_q4<kRowsQ8, kMinima>(weights, scales, half % 2, w.groups, values, row_scales, offsets, row_sums, to);
      }
    }
  }
}

}  // namespace

void matmul_f32(const MatrixF32& w, const float* x, int64_t x_stride, float* out, int64_t out_stride,
                const MatmulRange& range) {
  for (int64_t half = range.panel_begin * 2; half < range.panel_end * 2; ++half) {
    const float* weights = w.values + half / 2 * w.k * kPanel + half % 2 * kHalf;
    for (int64_t row = range.row_begin; row < range.row_end; row += kRowsF32) {
      const float* from = x + row * x_stride;
      const TileOut to = {out + row * out_stride + half * kHalf, out_stride, w.n - half * kHalf, range.add};
      switch (range.row_end - row) {
        case 1: tile_f32<1>(weights, w.k, from, x_stride, to); break;
        case 2: tile_f32<2>(weights, w.k, from, x_stride, to); break;
        case 3: tile_f32<3>(weights, w.k, from, x_stride, to); break;
        case 4: tile_f32<4>(weights, w.k, from, x_stride, to); break;
        case 5: tile_f32<5>(weights, w.k, from, x_stride, to); break;
        default: tile_f32<kRowsF32>(weights, w.k, from, x_stride, to);
      }
    }
  }
}

void matmul_q8(const MatrixQ8& w, const RowsQ8& x, float* out, int64_t out_stride, const MatmulRange& range) {
  for (int64_t half = range.panel_begin * 2; half < range.panel_end * 2; ++half) {
    const uint8_t* weights = w.values + half / 2 * w.groups * kGroup * kPanel + half % 2 * kHalf * 4;
    const uint16_t* scales = w.scales + half / 2 * w.groups * kPanel + half % 2 * kHalf;
    for (int64_t row = range.row_begin; row < range.row_end; row += kRowsQ8) {
      const int8_t* values = x.values + row * x.groups * kGroup;
      const float* row_scales = x.scales + row * x.groups;
      const TileOut to = {out + row * out_stride + half * kHalf, out_stride, w.n - half * kHalf, range.add};
      switch (range.row_end - row) {
        case 1: tile_q8<1>(weights, scales, w.groups, values, row_scales, to); break;
        case 2: tile_q8<2>(weights, scales, w.groups, values, row_scales, to); break;
        default: tile_q8<kRowsQ8>(weights, scales, w.groups, values, row_scales, to);
      }
    }
  }
}

void matmul_q4(const MatrixQ4& w, const RowsQ8& x, float* out, int64_t out_stride, const MatmulRange& range) {
  (w.has_minima ? multiply_q4<true> : multiply_q4<false>)(w, x, out, out_stride, range);
}

}  // namespace pent::kernels::avx2
