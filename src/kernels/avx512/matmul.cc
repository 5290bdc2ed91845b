// Matrix products with AVX-512: float FMA, and int8 with VNNI's vpdpbusd.
//
// A tile is R rows times one panel (two vectors of 16 columns); its sums stay in registers over all of K. R only
// decides how often a weight vector is reused: each element's chain of additions is the same for every R.
#include "kernels/avx512/matmul.h"

#include <immintrin.h>
#include <string.h>

namespace pent::kernels::avx512 {
namespace {

constexpr int kRowsF32 = 8;
constexpr int kRowsQ8 = 6;

// Where a tile's sums go: `columns` of the panel exist.
struct TileOut {
  float* out;
  int64_t stride;
  int64_t columns;
  bool add;
};

inline __mmask16 lanes(int64_t count) {
  return count >= 16 ? __mmask16(0xFFFF) : count <= 0 ? __mmask16(0) : __mmask16((1u << count) - 1);
}

template <int R>
inline void store_tile(const __m512 (&sums)[R][2], const TileOut& to) {
  const __mmask16 masks[2] = {lanes(to.columns), lanes(to.columns - 16)};
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
    for (int c = 0; c < 2; ++c) {
      float* at = to.out + r * to.stride + c * 16;
      __m512 value = sums[r][c];
      if (to.add) value = _mm512_add_ps(_mm512_maskz_loadu_ps(masks[c], at), value);
      _mm512_mask_storeu_ps(at, masks[c], value);
    }
  }
}

template <int R>
void tile_f32(const float* weights, int64_t k_size, const float* x, int64_t x_stride, const TileOut& to) {
  __m512 sums[R][2];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) sums[r][0] = sums[r][1] = _mm512_setzero_ps();
  for (int64_t k = 0; k < k_size; ++k) {
    const __m512 w0 = _mm512_loadu_ps(weights + k * kPanel);
    const __m512 w1 = _mm512_loadu_ps(weights + k * kPanel + 16);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const __m512 value = _mm512_set1_ps(x[r * x_stride + k]);
      sums[r][0] = _mm512_fmadd_ps(value, w0, sums[r][0]);
      sums[r][1] = _mm512_fmadd_ps(value, w1, sums[r][1]);
    }
  }
  store_tile<R>(sums, to);
}

inline __m512i broadcast4(const int8_t* bytes) {
  int32_t word;
  memcpy(&word, bytes, 4);
  return _mm512_set1_epi32(word);
}

inline __m512 load_f16(const uint16_t* at) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(at)));
}

// A panel's first tile fetches its weights; the later tiles find them in the cache, and memory would rest meanwhile. So the
// first tiles of a panel ask for the next one, an equal share each, group by group. A single tile (6 rows or fewer) never
// lets memory rest.
struct Ahead {
  const uint8_t* at;  // the next line to ask for
  int64_t bytes;      // with each group
};

inline void ask_ahead(Ahead& ahead) {
  for (const uint8_t* end = ahead.at + ahead.bytes; ahead.at < end; ahead.at += 64)
    _mm_prefetch(reinterpret_cast<const char*>(ahead.at), _MM_HINT_T1);
}

// What tile `tile` asks for of the next panel, which has `groups` groups of `group_bytes`.
inline Ahead share_of_next(const uint8_t* next, int64_t groups, int64_t group_bytes, int64_t tile, bool asks) {
  constexpr int64_t kAsking = 2;  // tiles
  if (!asks || tile >= kAsking) return {nullptr, 0};
  return {next + tile * groups * (group_bytes / kAsking), group_bytes / kAsking};
}

// The last two tiles are of even height: 8 rows are 4 + 4, not 6 + 2.
inline int64_t next_tile(int64_t rows_left) {
  if (rows_left <= kRowsQ8) return rows_left;
  return rows_left < 2 * kRowsQ8 ? (rows_left + 1) / 2 : kRowsQ8;
}

// weights, scales: this panel's. values, row_scales, offsets: the tile's first row.
template <int R>
void tile_q8(const uint8_t* weights, Ahead ahead, const uint16_t* scales, int64_t groups, const int8_t* values,
             const float* row_scales, const int32_t* offsets, const TileOut& to) {
  __m512 sums[R][2];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) sums[r][0] = sums[r][1] = _mm512_setzero_ps();
  for (int64_t group = 0; group < groups; ++group) {
    __m512i dots[R][2];
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) dots[r][0] = dots[r][1] = _mm512_set1_epi32(offsets[r * groups + group]);
#pragma GCC unroll 8
    for (int step = 0; step < kGroup / 4; ++step) {
      const __m512i w0 = _mm512_loadu_si512(weights + step * kPanel * 4);
      const __m512i w1 = _mm512_loadu_si512(weights + step * kPanel * 4 + 64);
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) {
        const __m512i value = broadcast4(values + (r * groups + group) * kGroup + step * 4);
        dots[r][0] = _mm512_dpbusd_epi32(dots[r][0], w0, value);
        dots[r][1] = _mm512_dpbusd_epi32(dots[r][1], w1, value);
      }
    }
    const __m512 scale0 = load_f16(scales), scale1 = load_f16(scales + 16);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const __m512 row_scale = _mm512_set1_ps(row_scales[r * groups + group]);
      sums[r][0] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dots[r][0]), _mm512_mul_ps(row_scale, scale0), sums[r][0]);
      sums[r][1] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dots[r][1]), _mm512_mul_ps(row_scale, scale1), sums[r][1]);
    }
    ask_ahead(ahead);
    weights += kGroup * kPanel;
    scales += kPanel;
  }
  store_tile<R>(sums, to);
}

// [rows - 1]
using TileQ8 = void (*)(const uint8_t*, Ahead, const uint16_t*, int64_t, const int8_t*, const float*, const int32_t*,
                        const TileOut&);
constexpr TileQ8 kTilesQ8[kRowsQ8] = {tile_q8<1>, tile_q8<2>, tile_q8<3>, tile_q8<4>, tile_q8<5>, tile_q8<6>};

// scales: this panel's, and its minima if it has any. values, row_scales, offsets, row_sums: the tile's first row.
template <int R, bool kMinima>
void tile_q4(const uint8_t* weights, Ahead ahead, const uint16_t* scales, int64_t groups, const int8_t* values,
             const float* row_scales, const int32_t* offsets, const float* row_sums, const TileOut& to) {
  const __m512i low = _mm512_set1_epi8(15);
  __m512 sums[R][2];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) sums[r][0] = sums[r][1] = _mm512_setzero_ps();
  for (int64_t group = 0; group < groups; ++group) {
    __m512i dots[R][2];
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r)
      dots[r][0] = dots[r][1] = _mm512_set1_epi32(kMinima ? 0 : offsets[r * groups + group] / 16);
#pragma GCC unroll 8
    for (int step = 0; step < kGroup / 4; ++step) {
      const __m512i both = _mm512_loadu_si512(weights + step * kPanel * 2);
      const __m512i w0 = _mm512_and_si512(both, low), w1 = _mm512_and_si512(_mm512_srli_epi16(both, 4), low);
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) {
        const __m512i value = broadcast4(values + (r * groups + group) * kGroup + step * 4);
        dots[r][0] = _mm512_dpbusd_epi32(dots[r][0], w0, value);
        dots[r][1] = _mm512_dpbusd_epi32(dots[r][1], w1, value);
      }
    }
    const __m512 scale0 = load_f16(scales), scale1 = load_f16(scales + 16);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const __m512 row_scale = _mm512_set1_ps(row_scales[r * groups + group]);
      sums[r][0] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dots[r][0]), _mm512_mul_ps(row_scale, scale0), sums[r][0]);
      sums[r][1] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dots[r][1]), _mm512_mul_ps(row_scale, scale1), sums[r][1]);
    }
    if constexpr (kMinima) {
      const __m512 minimum0 = load_f16(scales + 32), minimum1 = load_f16(scales + 48);
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) {
        const __m512 row_sum = _mm512_set1_ps(row_sums[r * groups + group]);
        sums[r][0] = _mm512_fmadd_ps(row_sum, minimum0, sums[r][0]);
        sums[r][1] = _mm512_fmadd_ps(row_sum, minimum1, sums[r][1]);
      }
    }
    ask_ahead(ahead);
    weights += kGroup * kPanel / 2;
    scales += (kMinima ? 2 : 1) * kPanel;
  }
  store_tile<R>(sums, to);
}

// [rows - 1]
using TileQ4 = void (*)(const uint8_t*, Ahead, const uint16_t*, int64_t, const int8_t*, const float*, const int32_t*,
                        const float*, const TileOut&);
template <bool kMinima>
constexpr TileQ4 kTilesQ4[kRowsQ8] = {tile_q4<1, kMinima>, tile_q4<2, kMinima>, tile_q4<3, kMinima>,
                                      tile_q4<4, kMinima>, tile_q4<5, kMinima>, tile_q4<6, kMinima>};

}  // namespace

void matmul_f32(const MatrixF32& w, const float* x, int64_t x_stride, float* out, int64_t out_stride,
                const MatmulRange& range) {
  for (int64_t panel = range.panel_begin; panel < range.panel_end; ++panel) {
    const float* weights = w.values + panel * w.k * kPanel;
    for (int64_t row = range.row_begin; row < range.row_end; row += kRowsF32) {
      const float* from = x + row * x_stride;
      const TileOut to = {out + row * out_stride + panel * kPanel, out_stride, w.n - panel * kPanel, range.add};
      switch (range.row_end - row) {
        case 1: tile_f32<1>(weights, w.k, from, x_stride, to); break;
        case 2: tile_f32<2>(weights, w.k, from, x_stride, to); break;
        case 3: tile_f32<3>(weights, w.k, from, x_stride, to); break;
        case 4: tile_f32<4>(weights, w.k, from, x_stride, to); break;
        case 5: tile_f32<5>(weights, w.k, from, x_stride, to); break;
        case 6: tile_f32<6>(weights, w.k, from, x_stride, to); break;
        case 7: tile_f32<7>(weights, w.k, from, x_stride, to); break;
        default: tile_f32<kRowsF32>(weights, w.k, from, x_stride, to);
      }
    }
  }
}

void matmul_q8(const MatrixQ8& w, const RowsQ8& x, float* out, int64_t out_stride, const MatmulRange& range) {
  constexpr int64_t kGroupBytes = kGroup * kPanel;
  for (int64_t panel = range.panel_begin; panel < range.panel_end; ++panel) {
    const uint8_t* weights = w.values + panel * w.groups * kGroupBytes;
    const uint16_t* scales = w.scales + panel * w.groups * kPanel;
    // The next panel may be another thread's; it is in a cache then all the same.
    const bool asks = range.row_end - range.row_begin > kRowsQ8 && (panel + 1) * kPanel < w.n;
    int64_t tile = 0;
    for (int64_t row = range.row_begin, rows; row < range.row_end; row += rows) {
      rows = next_tile(range.row_end - row);
      const Ahead ahead = share_of_next(weights + w.groups * kGroupBytes, w.groups, kGroupBytes, tile++, asks);
      const int8_t* values = x.values + row * x.groups * kGroup;
      const float* row_scales = x.scales + row * x.groups;
      const int32_t* offsets = x.offsets + row * x.groups;
      const TileOut to = {out + row * out_stride + panel * kPanel, out_stride, w.n - panel * kPanel, range.add};
      kTilesQ8[rows - 1](weights, ahead, scales, w.groups, values, row_scales, offsets, to);
    }
  }
}

void matmul_q4(const MatrixQ4& w, const RowsQ8& x, float* out, int64_t out_stride, const MatmulRange& range) {
  constexpr int64_t kGroupBytes = kGroup * kPanel / 2;
  for (int64_t panel = range.panel_begin; panel < range.panel_end; ++panel) {
    const uint8_t* weights = w.values + panel * w.groups * kGroupBytes;
    const uint16_t* scales = w.scales + panel * w.groups * (w.has_minima ? 2 : 1) * kPanel;
    // The next panel may be another thread's; it is in a cache then all the same.
    const bool asks = range.row_end - range.row_begin > kRowsQ8 && (panel + 1) * kPanel < w.n;
    int64_t tile = 0;
    for (int64_t row = range.row_begin, rows; row < range.row_end; row += rows) {
      rows = next_tile(range.row_end - row);
      const Ahead ahead = share_of_next(weights + w.groups * kGroupBytes, w.groups, kGroupBytes, tile++, asks);
      const int8_t* values = x.values + row * x.groups * kGroup;
      const float* row_scales = x.scales + row * x.groups;
      const int32_t* offsets = x.offsets + row * x.groups;
      const float* row_sums = x.sums + row * x.groups;
      const TileOut to = {out + row * out_stride + panel * kPanel, out_stride, w.n - panel * kPanel, range.add};
      const TileQ4 product = w.has_minima ? kTilesQ4<true>[rows - 1] : kTilesQ4<false>[rows - 1];
      product(weights, ahead, scales, w.groups, values, row_scales, offsets, row_sums, to);
    }
  }
}

}  // namespace pent::kernels::avx512
