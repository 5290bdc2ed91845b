// Everything but the matrix products with AVX2 and FMA, and the set's table. Horizontal sums go through 8 lanes that
// are folded in one fixed order; a row's length alone decides how it is summed.
#include "kernels/kernels.h"

#include <math.h>
#include <string.h>

#include "kernels/avx2/attention_bf16.h"
#include "kernels/avx2/matmul.h"
#include "kernels/avx2/vector.h"

namespace pent::kernels::avx2 {
namespace {

bool supported() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
}

void quantize_row(const float* x, int64_t k, const RowsQ8& out, int64_t row) {
  const __m256i magnitude = _mm256_set1_epi32(0x7FFFFFFF);
  for (int64_t group = 0; group < out.groups; ++group) {
    __m256 parts[4];
    __m256i bits = _mm256_setzero_si256();  // of |x|: as integers, NaN > infinity > every number
    for (int i = 0; i < 4; ++i) {
      const int64_t at = group * kGroup + i * 8;
      parts[i] = at < k ? load_part(x + at, k - at) : _mm256_setzero_ps();
      bits = _mm256_max_epu32(bits, _mm256_and_si256(_mm256_castps_si256(parts[i]), magnitude));
    }
    __m128i half = _mm_max_epu32(_mm256_castsi256_si128(bits), _mm256_extracti128_si256(bits, 1));
    half = _mm_max_epu32(half, _mm_shuffle_epi32(half, 0x4E));
    half = _mm_max_epu32(half, _mm_shuffle_epi32(half, 0xB1));
    const float largest = _mm_cvtss_f32(_mm_castsi128_ps(half));
    const __m256 inverse = _mm256_set1_ps(largest > 0x1p-120f ? 127.0f / largest : 0.0f);
    __m256i q[4];
    for (int i = 0; i < 4; ++i) q[i] = _mm256_cvtps_epi32(_mm256_mul_ps(parts[i], inverse));
    const __m256i packed = _mm256_packs_epi16(_mm256_packs_epi32(q[0], q[1]), _mm256_packs_epi32(q[2], q[3]));
    const __m256i ordered = _mm256_permutevar8x32_epi32(packed, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    int8_t* to = out.values + (row * out.groups + group) * kGroup;
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), ordered);
    const __m256i sums = _mm256_add_epi32(_mm256_add_epi32(q[0], q[1]), _mm256_add_epi32(q[2], q[3]));
    __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
    sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0x4E));
    sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0xB1));
    out.scales[row * out.groups + group] = largest / 127.0f;
    out.offsets[row * out.groups + group] =
        _mm_cvtsi128_si32(_mm_slli_epi32(_mm_sub_epi32(_mm_setzero_si128(), sum), 7));
    out.sums[row * out.groups + group] = largest / 127.0f * static_cast<float>(_mm_cvtsi128_si32(sum));
  }
}

float rmsnorm(const float* x, const float* weight, int64_t n, float eps, float* out) {
  __m256 sums = _mm256_setzero_ps();
  for (int64_t i = 0; i < n; i += 8) {
    const __m256 value = load_part(x + i, n - i);
    sums = _mm256_fmadd_ps(value, value, sums);
  }
  const float mean = fold_sum(sums) / float(n);
  const __m256 factor = _mm256_set1_ps(1.0f / sqrtf(mean + eps));
  for (int64_t i = 0; i < n; i += 8) {
    const __m256 value = _mm256_mul_ps(load_part(x + i, n - i), factor);
    store_part(out + i, n - i, _mm256_mul_ps(value, load_part(weight + i, n - i)));
  }
  return mean;
}

float layernorm(const float* x, const float* weight, const float* bias, int64_t n, float eps, float* out) {
  __m256 sums = _mm256_setzero_ps();
  for (int64_t i = 0; i < n; i += 8) sums = _mm256_add_ps(sums, load_part(x + i, n - i));
  const __m256 mean = _mm256_set1_ps(fold_sum(sums) / float(n));
  __m256 squares = _mm256_setzero_ps();
  for (int64_t i = 0; i < n; i += 8) {
    const __m256 centred = keep_part(_mm256_sub_ps(load_part(x + i, n - i), mean), n - i);
    squares = _mm256_fmadd_ps(centred, centred, squares);
  }
  const float variance = fold_sum(squares) / float(n);
  const __m256 factor = _mm256_set1_ps(1.0f / sqrtf(variance + eps));
  for (int64_t i = 0; i < n; i += 8) {
    const __m256 scaled = _mm256_mul_ps(_mm256_sub_ps(load_part(x + i, n - i), mean), factor);
    store_part(out + i, n - i, _mm256_fmadd_ps(scaled, load_part(weight + i, n - i), load_part(bias + i, n - i)));
  }
  return variance;
}

void rope(float* x, int64_t heads, int64_t half, const float* cosines, const float* sines) {
  for (int64_t head = 0; head < heads; ++head) {
    float* first = x + head * 2 * half;
    float* second = first + half;
    for (int64_t i = 0; i < half; i += 8) {
      const int64_t count = half - i;
      const __m256 a = load_part(first + i, count), b = load_part(second + i, count);
      const __m256 cosine = load_part(cosines + i, count), sine = load_part(sines + i, count);
      store_part(first + i, count, _mm256_fmsub_ps(a, cosine, _mm256_mul_ps(b, sine)));
      store_part(second + i, count, _mm256_fmadd_ps(b, cosine, _mm256_mul_ps(a, sine)));
    }
  }
}

void silu_mul(const float* gate, const float* up, int64_t n, float* out) {
  for (int64_t i = 0; i < n; i += 8) {
    const __m256 g = load_part(gate + i, n - i), u = load_part(up + i, n - i);
    const __m256 e = exp_ps(_mm256_sub_ps(_mm256_setzero_ps(), g));
    store_part(out + i, n - i, _mm256_mul_ps(_mm256_div_ps(g, _mm256_add_ps(_mm256_set1_ps(1.0f), e)), u));
  }
}

void gelu(const float* x, int64_t n, float* out) {
  for (int64_t i = 0; i < n; i += 8) {
    const __m256 value = load_part(x + i, n - i), square = _mm256_mul_ps(value, value);
    const __m256 cubic = _mm256_fmadd_ps(_mm256_mul_ps(_mm256_set1_ps(0.044715f), square), value, value);
    const __m256 e = exp_ps(_mm256_mul_ps(_mm256_set1_ps(-1.5957691216f), cubic));
    store_part(out + i, n - i, _mm256_div_ps(value, _mm256_add_ps(_mm256_set1_ps(1.0f), e)));
  }
}

// One block of 16 slots for R queries; only slots [begin, end) are written.
template <int R>
void score_rows(const float* const* queries, const float* keys, int64_t head_dim, int64_t begin, int64_t end,
                float scale, float* const* scores) {
  for (int64_t block = begin / kSlotBlock; block * kSlotBlock < end; ++block) {
    __m256 sums[R][2];
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) sums[r][0] = sums[r][1] = _mm256_setzero_ps();
    const float* at = keys + block * head_dim * kSlotBlock;
    for (int64_t i = 0; i < head_dim; ++i) {
      const __m256 key0 = _mm256_loadu_ps(at + i * kSlotBlock), key1 = _mm256_loadu_ps(at + i * kSlotBlock + 8);
#pragma GCC unroll 4
      for (int r = 0; r < R; ++r) {
        const __m256 query = _mm256_set1_ps(queries[r][i]);
        sums[r][0] = _mm256_fmadd_ps(query, key0, sums[r][0]);
        sums[r][1] = _mm256_fmadd_ps(query, key1, sums[r][1]);
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

void attention_scores(const float* const* queries, int64_t rows, const float* keys, int64_t head_dim, int64_t begin,
                      int64_t end, float scale, float* const* scores) {
  for (; rows >= 4; rows -= 4, queries += 4, scores += 4) {
    score_rows<4>(queries, keys, head_dim, begin, end, scale, scores);
  }
  for (; rows > 0; --rows, ++queries, ++scores) score_rows<1>(queries, keys, head_dim, begin, end, scale, scores);
}

float softmax_exp(float* x, int64_t n) {
  __m256 maxima = _mm256_set1_ps(-INFINITY);
  for (int64_t i = 0; i < n; i += 8) maxima = _mm256_max_ps(maxima, fill_part(load_part(x + i, n - i), n - i));
  const __m256 largest = _mm256_set1_ps(fold_max(maxima));
  __m256 sums = _mm256_setzero_ps();
  for (int64_t i = 0; i < n; i += 8) {
    const __m256 e = keep_part(exp_ps(_mm256_sub_ps(load_part(x + i, n - i), largest)), n - i);
    store_part(x + i, n - i, e);
    sums = _mm256_add_ps(sums, e);
  }
  return fold_sum(sums);
}

// V vectors of the head for R rows, kept in registers over all slots.
template <int R, int V>
inline void value_columns(const float* const* weights, const float* values, int64_t stride, int64_t begin, int64_t end,
                          float* const* out, int64_t column) {
  __m256 sums[R][V];
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) sums[r][v] = _mm256_loadu_ps(out[r] + column + v * 8);
  }
  for (int64_t slot = begin; slot < end; ++slot) {
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) {
      const __m256 value = _mm256_loadu_ps(values + slot * stride + column + v * 8);
#pragma GCC unroll 4
      for (int r = 0; r < R; ++r) {
        sums[r][v] = _mm256_fmadd_ps(_mm256_set1_ps(weights[r][slot - begin]), value, sums[r][v]);
      }
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) _mm256_storeu_ps(out[r] + column + v * 8, sums[r][v]);
  }
}

void attention_values(const float* const* weights, int64_t rows, const float* values, int64_t padded_head_dim,
                      int64_t begin, int64_t end, float* const* out) {
  for (; rows >= 4; rows -= 4, weights += 4, out += 4) {
    for (int64_t column = 0; column < padded_head_dim; column += 16) {
      value_columns<4, 2>(weights, values, padded_head_dim, begin, end, out, column);
    }
  }
  for (; rows > 0; --rows, ++weights, ++out) {
    for (int64_t column = 0; column < padded_head_dim; column += 16) {
      value_columns<1, 2>(weights, values, padded_head_dim, begin, end, out, column);
    }
  }
}

void to_bf16(const float* x, int64_t n, uint16_t* out) {
  for (int64_t i = 0; i < n; i += 8) {
    const __m256 values = load_part(x + i, n - i);
    const __m256i bits = _mm256_castps_si256(values);
    const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    const __m256i rounded =
        _mm256_srli_epi32(_mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7FFF)), odd), 16);
    const __m256i quiet = _mm256_or_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(0x40));
    const __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(values, values, _CMP_UNORD_Q));
    const __m256i words = _mm256_blendv_epi8(rounded, quiet, nan);
    uint16_t lanes[8];
    _mm_storeu_si128(reinterpret_cast<__m128i*>(lanes),
                     _mm_packus_epi32(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1)));
    for (int64_t j = 0; j < 8 && i + j < n; ++j) out[i + j] = lanes[j];
  }
}

// Eight chains of maddubs, madd, add: what matmul_q8 does for 32 products at a time.
int32_t int8_peak(int64_t rounds) {
  const __m256i ones = _mm256_set1_epi16(1);
  __m256i a = _mm256_set1_epi8(3), b = _mm256_set1_epi8(-5);
  __m256i sums[8] = {};
  for (int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 3
    for (int step = 0; step < 3; ++step) {
      __asm__ volatile("" : "+x"(a), "+x"(b));  // not the same products as before, as far as the compiler knows
#pragma GCC unroll 8
      for (__m256i& sum : sums) sum = _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), ones));
      a = _mm256_add_epi8(a, sums[0]);
    }
  }
  __m256i all = sums[0];
  for (int i = 1; i < 8; ++i) all = _mm256_add_epi32(all, sums[i]);
  return _mm256_extract_epi32(all, 0);
}

// Adds the 8 floats to 8 double sums.
inline void add_double(__m256d (&sums)[2], __m256 x) {
  sums[0] = _mm256_add_pd(sums[0], _mm256_cvtps_pd(_mm256_castps256_ps128(x)));
  sums[1] = _mm256_add_pd(sums[1], _mm256_cvtps_pd(_mm256_extractf128_ps(x, 1)));
}

inline double fold(const __m256d (&sums)[2]) {
  const __m256d both = _mm256_add_pd(sums[0], sums[1]);
  const __m128d half = _mm_add_pd(_mm256_castpd256_pd128(both), _mm256_extractf128_pd(both, 1));
  return _mm_cvtsd_f64(_mm_add_sd(half, _mm_unpackhi_pd(half, half)));
}

int64_t arg_max(const float* x, int64_t n, bool* finite) {
  const __m256i infinity = _mm256_set1_epi32(0x7F800000);
  __m256 best = _mm256_set1_ps(-INFINITY);
  __m256i at = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), index = at, bad = _mm256_setzero_si256();
  for (int64_t i = 0; i < n; i += 8) {
    const __m256 part = load_part(x + i, n - i);  // a finite 0 behind the end
    const __m256i exponent = _mm256_and_si256(_mm256_castps_si256(part), infinity);
    bad = _mm256_or_si256(bad, _mm256_cmpeq_epi32(exponent, infinity));
    const __m256 values = fill_part(part, n - i), larger = _mm256_cmp_ps(values, best, _CMP_GT_OQ);
    best = _mm256_blendv_ps(best, values, larger);
    at = _mm256_blendv_epi8(at, index, _mm256_castps_si256(larger));
    index = _mm256_add_epi32(index, _mm256_set1_epi32(8));
  }
  *finite = _mm256_testz_si256(bad, bad);
  float values[8];
  int32_t places[8];
  _mm256_storeu_ps(values, best);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(places), at);
  int lane = 0;
  for (int i = 1; i < 8; ++i)
    if (values[i] > values[lane] || (values[i] == values[lane] && places[i] < places[lane])) lane = i;
  return places[lane];
}

double exp_sum(const float* x, int64_t n, float max) {
  __m256d sums[2] = {_mm256_setzero_pd(), _mm256_setzero_pd()};
  for (int64_t i = 0; i < n; i += 8) {
    add_double(sums, keep_part(exp_ps(_mm256_sub_ps(load_part(x + i, n - i), _mm256_set1_ps(max))), n - i));
  }
  return fold(sums);
}

double exp_sum_weighted(const float* x, int64_t n, float max, double* weighted) {
  __m256d sums[2] = {_mm256_setzero_pd(), _mm256_setzero_pd()};
  __m256d products[2] = {_mm256_setzero_pd(), _mm256_setzero_pd()};
  for (int64_t i = 0; i < n; i += 8) {
    const __m256 shifted = _mm256_sub_ps(load_part(x + i, n - i), _mm256_set1_ps(max));
    const __m256 counts = _mm256_cmp_ps(shifted, _mm256_set1_ps(-104.0f), _CMP_NLT_UQ);
    const __m256 e = exp_ps(shifted);
    add_double(sums, keep_part(_mm256_and_ps(counts, e), n - i));
    add_double(products, keep_part(_mm256_and_ps(counts, _mm256_mul_ps(e, shifted)), n - i));
  }
  *weighted = fold(products);
  return fold(sums);
}

// 2^n for whole n of -1100 … 0 in two halves, because the smaller results have no exponent of their own.
inline __m256d two_to(__m128i n) {
  return _mm256_castsi256_pd(
      _mm256_slli_epi64(_mm256_add_epi64(_mm256_cvtepi32_epi64(n), _mm256_set1_epi64x(1023)), 52));
}

// As exp_ps, in double: Taylor to degree 13, |r| <= ln(2)/2. x > -746.
inline __m256d exp_pd(__m256d x) {
  const __m256d n = _mm256_round_pd(_mm256_mul_pd(x, _mm256_set1_pd(1.4426950408889634)),
                                    _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  __m256d r = _mm256_fnmadd_pd(n, _mm256_set1_pd(6.93147180369123816490e-01), x);  // ln 2 in two parts
  r = _mm256_fnmadd_pd(n, _mm256_set1_pd(1.90821492927058770002e-10), r);
  __m256d p = _mm256_set1_pd(1.0 / 6227020800);
  const double inverse_factorials[] = {
      1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880, 1.0 / 40320, 1.0 / 5040, 1.0 / 720,
      1.0 / 120,       1.0 / 24,       1.0 / 6,       0.5,          1,           1};
#pragma GCC unroll 13
  for (const double factor : inverse_factorials) p = _mm256_fmadd_pd(p, r, _mm256_set1_pd(factor));
  const __m128i whole = _mm256_cvtpd_epi32(n), half = _mm_srai_epi32(whole, 1);
  return _mm256_mul_pd(_mm256_mul_pd(p, two_to(half)), two_to(_mm_sub_epi32(whole, half)));
}

void exp_tempered(const float* x, int64_t n, float max, float temperature, double* out) {
  const __m256d largest = _mm256_set1_pd(max), divisor = _mm256_set1_pd(temperature), least = _mm256_set1_pd(-746);
  for (int64_t i = 0; i < n; i += 4) {
    float part[4] = {max, max, max, max};
    const int64_t count = n - i < 4 ? n - i : 4;
    memcpy(part, x + i, static_cast<size_t>(count) * sizeof(float));
    const __m256d values = _mm256_cvtps_pd(_mm_loadu_ps(part));
    const __m256d shifted = _mm256_div_pd(_mm256_sub_pd(values, largest), divisor);
    const __m256d counts = _mm256_cmp_pd(shifted, least, _CMP_GT_OQ);
    double lanes[4];
    _mm256_storeu_pd(lanes, _mm256_and_pd(counts, exp_pd(_mm256_max_pd(shifted, least))));
    memcpy(out + i, lanes, static_cast<size_t>(count) * sizeof(double));
  }
}

}  // namespace

const KernelSet kKernels = {
    .name = "avx2",
    .supported = supported,
    .matmul_f32 = matmul_f32,
    .matmul_q8 = matmul_q8,
    .matmul_q4 = matmul_q4,
    .quantize_row = quantize_row,
    .rmsnorm = rmsnorm,
    .layernorm = layernorm,
    .rope = rope,
    .silu_mul = silu_mul,
    .gelu = gelu,
    .attention_scores = attention_scores,
    .softmax_exp = softmax_exp,
    .attention_values = attention_values,
    .attention_scores_bf16 = attention_scores_bf16,
    .attention_values_bf16 = attention_values_bf16,
    .to_bf16 = to_bf16,
    .int8_peak = int8_peak,
    .arg_max = arg_max,
    .exp_sum = exp_sum,
    .exp_sum_weighted = exp_sum_weighted,
    .exp_tempered = exp_tempered,
};

}  // namespace pent::kernels::avx2
