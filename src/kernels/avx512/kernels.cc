// Norms, activations, softmax and what the head is asked for with AVX-512, and the set's table. Horizontal sums go through 16 lanes that are
// folded in one fixed order; tails are masked, so that a row's length alone decides how it is summed.
#include "kernels/kernels.h"

#include <immintrin.h>
#include <math.h>

#include "kernels/avx512/attention.h"
#include "kernels/avx512/attention_bf16.h"
#include "kernels/avx512/bf16.h"
#include "kernels/avx512/matmul.h"
#include "kernels/avx512/vector.h"

namespace pent::kernels::avx512 {
namespace {

bool supported() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("fma");
}

void quantize_row(const float* x, int64_t k, const RowsQ8& out, int64_t row) {
  const __m512i magnitude = _mm512_set1_epi32(0x7FFFFFFF);
  for (int64_t group = 0; group < out.groups; ++group) {
    const int64_t left = k - group * kGroup;
    const float* from = x + group * kGroup;
    const __m512 low = _mm512_maskz_loadu_ps(lanes(left), from);
    const __m512 high = left > 16 ? _mm512_maskz_loadu_ps(lanes(left - 16), from + 16) : _mm512_setzero_ps();
    const __m512i bits = _mm512_max_epu32(_mm512_and_si512(_mm512_castps_si512(low), magnitude),
                                          _mm512_and_si512(_mm512_castps_si512(high), magnitude));
    const float largest = _mm_cvtss_f32(_mm_castsi128_ps(_mm_cvtsi32_si128(int(_mm512_reduce_max_epu32(bits)))));
    const __m512 inverse = _mm512_set1_ps(largest > 0x1p-120f ? 127.0f / largest : 0.0f);
    const __m512i q_low = _mm512_cvtps_epi32(_mm512_mul_ps(low, inverse));
    const __m512i q_high = _mm512_cvtps_epi32(_mm512_mul_ps(high, inverse));
    int8_t* to = out.values + (row * out.groups + group) * kGroup;
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm512_cvtsepi32_epi8(q_low));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + 16), _mm512_cvtsepi32_epi8(q_high));
    out.scales[row * out.groups + group] = largest / 127.0f;
    const __m512i sums = _mm512_add_epi32(q_low, q_high);
    // -128 * sum, term by term: vectors wrap where a group is not finite.
    const __m512i offsets = _mm512_slli_epi32(_mm512_sub_epi32(_mm512_setzero_si512(), sums), 7);
    out.offsets[row * out.groups + group] = _mm512_reduce_add_epi32(offsets);
    out.sums[row * out.groups + group] = largest / 127.0f * static_cast<float>(_mm512_reduce_add_epi32(sums));
  }
}

float rmsnorm(const float* x, const float* weight, int64_t n, float eps, float* out) {
  __m512 sums = _mm512_setzero_ps();
  for (int64_t i = 0; i < n; i += 16) {
    const __m512 value = _mm512_maskz_loadu_ps(lanes(n - i), x + i);
    sums = _mm512_fmadd_ps(value, value, sums);
  }
  const float mean = _mm512_reduce_add_ps(sums) / float(n);
  const __m512 factor = _mm512_set1_ps(1.0f / sqrtf(mean + eps));
  for (int64_t i = 0; i < n; i += 16) {
    const __mmask16 mask = lanes(n - i);
    const __m512 value = _mm512_mul_ps(_mm512_maskz_loadu_ps(mask, x + i), factor);
    _mm512_mask_storeu_ps(out + i, mask, _mm512_mul_ps(value, _mm512_maskz_loadu_ps(mask, weight + i)));
  }
  return mean;
}

float layernorm(const float* x, const float* weight, const float* bias, int64_t n, float eps, float* out) {
  __m512 sums = _mm512_setzero_ps();
  for (int64_t i = 0; i < n; i += 16) sums = _mm512_add_ps(sums, _mm512_maskz_loadu_ps(lanes(n - i), x + i));
  const __m512 mean = _mm512_set1_ps(_mm512_reduce_add_ps(sums) / float(n));
  __m512 squares = _mm512_setzero_ps();
  for (int64_t i = 0; i < n; i += 16) {
    const __mmask16 mask = lanes(n - i);
    const __m512 centred = _mm512_maskz_sub_ps(mask, _mm512_maskz_loadu_ps(mask, x + i), mean);
    squares = _mm512_fmadd_ps(centred, centred, squares);
  }
  const float variance = _mm512_reduce_add_ps(squares) / float(n);
  const __m512 factor = _mm512_set1_ps(1.0f / sqrtf(variance + eps));
  for (int64_t i = 0; i < n; i += 16) {
    const __mmask16 mask = lanes(n - i);
    const __m512 scaled = _mm512_mul_ps(_mm512_sub_ps(_mm512_maskz_loadu_ps(mask, x + i), mean), factor);
    const __m512 w = _mm512_maskz_loadu_ps(mask, weight + i), b = _mm512_maskz_loadu_ps(mask, bias + i);
    _mm512_mask_storeu_ps(out + i, mask, _mm512_fmadd_ps(scaled, w, b));
  }
  return variance;
}

void rope(float* x, int64_t heads, int64_t half, const float* cosines, const float* sines) {
  for (int64_t head = 0; head < heads; ++head) {
    float* first = x + head * 2 * half;
    float* second = first + half;
    for (int64_t i = 0; i < half; i += 16) {
      const __mmask16 mask = lanes(half - i);
      const __m512 a = _mm512_maskz_loadu_ps(mask, first + i), b = _mm512_maskz_loadu_ps(mask, second + i);
      const __m512 cosine = _mm512_maskz_loadu_ps(mask, cosines + i), sine = _mm512_maskz_loadu_ps(mask, sines + i);
      _mm512_mask_storeu_ps(first + i, mask, _mm512_fmsub_ps(a, cosine, _mm512_mul_ps(b, sine)));
      _mm512_mask_storeu_ps(second + i, mask, _mm512_fmadd_ps(b, cosine, _mm512_mul_ps(a, sine)));
    }
  }
}

void silu_mul(const float* gate, const float* up, int64_t n, float* out) {
  const __m512 one = _mm512_set1_ps(1.0f);
  for (int64_t i = 0; i < n; i += 16) {
    const __mmask16 mask = lanes(n - i);
    const __m512 g = _mm512_maskz_loadu_ps(mask, gate + i), u = _mm512_maskz_loadu_ps(mask, up + i);
    const __m512 e = exp_ps(_mm512_sub_ps(_mm512_setzero_ps(), g));
    _mm512_mask_storeu_ps(out + i, mask, _mm512_mul_ps(_mm512_div_ps(g, _mm512_add_ps(one, e)), u));
  }
}

void gelu(const float* x, int64_t n, float* out) {
  const __m512 one = _mm512_set1_ps(1.0f);
  for (int64_t i = 0; i < n; i += 16) {
    const __mmask16 mask = lanes(n - i);
    const __m512 value = _mm512_maskz_loadu_ps(mask, x + i), square = _mm512_mul_ps(value, value);
    const __m512 cubic = _mm512_fmadd_ps(_mm512_mul_ps(_mm512_set1_ps(0.044715f), square), value, value);
    const __m512 e = exp_ps(_mm512_mul_ps(_mm512_set1_ps(-1.5957691216f), cubic));
    _mm512_mask_storeu_ps(out + i, mask, _mm512_div_ps(value, _mm512_add_ps(one, e)));
  }
}

float softmax_exp(float* x, int64_t n) {
  const __m512 lowest = _mm512_set1_ps(-INFINITY);
  __m512 maxima = lowest;
  for (int64_t i = 0; i < n; i += 16) {
    maxima = _mm512_max_ps(maxima, _mm512_mask_loadu_ps(lowest, lanes(n - i), x + i));
  }
  const __m512 largest = _mm512_set1_ps(_mm512_reduce_max_ps(maxima));
  __m512 sums = _mm512_setzero_ps();
  for (int64_t i = 0; i < n; i += 16) {
    const __mmask16 mask = lanes(n - i);
    const __m512 e = exp_ps(_mm512_sub_ps(_mm512_mask_loadu_ps(lowest, mask, x + i), largest));
    _mm512_mask_storeu_ps(x + i, mask, e);
    sums = _mm512_mask_add_ps(sums, mask, sums, e);
  }
  return _mm512_reduce_add_ps(sums);
}

// Without the processor's own pair products: both halves widened.
struct WidenedPairs {
  static __m512 dot(__m512 sum, __m512i a, __m512i b) {
    const __m512i high = _mm512_set1_epi32(int(0xFFFF0000));
    sum = _mm512_fmadd_ps(_mm512_castsi512_ps(_mm512_slli_epi32(a, 16)), _mm512_castsi512_ps(_mm512_slli_epi32(b, 16)),
                          sum);
    return _mm512_fmadd_ps(_mm512_castsi512_ps(_mm512_and_si512(a, high)),
                           _mm512_castsi512_ps(_mm512_and_si512(b, high)), sum);
  }
};

void to_bf16(const float* x, int64_t n, uint16_t* out) {
  for (int64_t i = 0; i < n; i += 16) {
    const __mmask16 mask = lanes(n - i);
    const __m512 values = _mm512_maskz_loadu_ps(mask, x + i);
    const __m512i bits = _mm512_castps_si512(values), high = _mm512_srli_epi32(bits, 16);
    const __m512i odd = _mm512_and_si512(high, _mm512_set1_epi32(1));
    const __m512i rounded =
        _mm512_srli_epi32(_mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7FFF)), odd), 16);
    const __mmask16 nan = _mm512_cmp_ps_mask(values, values, _CMP_UNORD_Q);
    const __m512i words = _mm512_mask_or_epi32(rounded, nan, high, _mm512_set1_epi32(0x40));
    _mm512_mask_cvtepi32_storeu_epi16(out + i, mask, words);
  }
}

// Twelve independent chains of vpdpbusd, each in a register of its own (an array would be stored every round).
int32_t int8_peak(int64_t rounds) {
  const __m512i a = _mm512_set1_epi8(3), b = _mm512_set1_epi8(-5), zero = _mm512_setzero_si512();
  __m512i s0 = zero, s1 = zero, s2 = zero, s3 = zero, s4 = zero, s5 = zero;
  __m512i s6 = zero, s7 = zero, s8 = zero, s9 = zero, s10 = zero, s11 = zero;
  for (int64_t round = 0; round < rounds; ++round) {
    s0 = _mm512_dpbusd_epi32(s0, a, b), s1 = _mm512_dpbusd_epi32(s1, a, b), s2 = _mm512_dpbusd_epi32(s2, a, b);
    s3 = _mm512_dpbusd_epi32(s3, a, b), s4 = _mm512_dpbusd_epi32(s4, a, b), s5 = _mm512_dpbusd_epi32(s5, a, b);
    s6 = _mm512_dpbusd_epi32(s6, a, b), s7 = _mm512_dpbusd_epi32(s7, a, b), s8 = _mm512_dpbusd_epi32(s8, a, b);
    s9 = _mm512_dpbusd_epi32(s9, a, b), s10 = _mm512_dpbusd_epi32(s10, a, b), s11 = _mm512_dpbusd_epi32(s11, a, b);
    // To the compiler they are other sums now: it cannot fold the rounds.
    __asm__ volatile("" : "+v"(s0), "+v"(s1), "+v"(s2), "+v"(s3), "+v"(s4), "+v"(s5));
    __asm__ volatile("" : "+v"(s6), "+v"(s7), "+v"(s8), "+v"(s9), "+v"(s10), "+v"(s11));
  }
  const __m512i sums[12] = {s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11};
  __m512i all = zero;
  for (const __m512i sum : sums) all = _mm512_add_epi32(all, sum);
  return _mm512_cvtsi512_si32(all);
}

// Adds the 16 floats to 16 double sums.
inline void add_double(__m512d (&sums)[2], __m512 x) {
  sums[0] = _mm512_add_pd(sums[0], _mm512_cvtps_pd(_mm512_castps512_ps256(x)));
  sums[1] = _mm512_add_pd(sums[1], _mm512_cvtps_pd(_mm512_extractf32x8_ps(x, 1)));
}

inline double fold(const __m512d (&sums)[2]) { return _mm512_reduce_add_pd(_mm512_add_pd(sums[0], sums[1])); }

int64_t arg_max(const float* x, int64_t n, bool* finite) {
  const __m512 lowest = _mm512_set1_ps(-INFINITY);
  __m512 best = lowest;
  __m512i at = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0), index = at;
  __mmask16 bad = 0;
  for (int64_t i = 0; i < n; i += 16) {
    const __mmask16 mask = lanes(n - i);
    const __m512 values = _mm512_mask_loadu_ps(lowest, mask, x + i);
    bad |= _mm512_mask_fpclass_ps_mask(mask, values, 0x99);  // quiet and signalling NaN, both infinities
    const __mmask16 larger = _mm512_cmp_ps_mask(values, best, _CMP_GT_OQ);
    best = _mm512_mask_mov_ps(best, larger, values);
    at = _mm512_mask_mov_epi32(at, larger, index);
    index = _mm512_add_epi32(index, _mm512_set1_epi32(16));
  }
  *finite = bad == 0;
  const __mmask16 largest = _mm512_cmp_ps_mask(best, _mm512_set1_ps(_mm512_reduce_max_ps(best)), _CMP_EQ_OQ);
  return _mm512_mask_reduce_min_epi32(largest, at);
}

double exp_sum(const float* x, int64_t n, float max) {
  __m512d sums[2] = {_mm512_setzero_pd(), _mm512_setzero_pd()};
  for (int64_t i = 0; i < n; i += 16) {
    const __mmask16 mask = lanes(n - i);
    const __m512 e = exp_ps(_mm512_sub_ps(_mm512_maskz_loadu_ps(mask, x + i), _mm512_set1_ps(max)));
    add_double(sums, _mm512_maskz_mov_ps(mask, e));
  }
  return fold(sums);
}

double exp_sum_weighted(const float* x, int64_t n, float max, double* weighted) {
  __m512d sums[2] = {_mm512_setzero_pd(), _mm512_setzero_pd()};
  __m512d products[2] = {_mm512_setzero_pd(), _mm512_setzero_pd()};
  for (int64_t i = 0; i < n; i += 16) {
    const __mmask16 mask = lanes(n - i);
    const __m512 shifted = _mm512_sub_ps(_mm512_maskz_loadu_ps(mask, x + i), _mm512_set1_ps(max));
    const __mmask16 counts = mask & _mm512_cmp_ps_mask(shifted, _mm512_set1_ps(-104.0f), _CMP_NLT_UQ);
    const __m512 e = exp_ps(shifted);
    add_double(sums, _mm512_maskz_mov_ps(counts, e));
    add_double(products, _mm512_maskz_mul_ps(counts, e, shifted));
  }
  *weighted = fold(products);
  return fold(sums);
}

// As exp_ps, in double: Taylor to degree 13, |r| <= ln(2)/2.
inline __m512d exp_pd(__m512d x) {
  const __m512d n =
      _mm512_roundscale_pd(_mm512_mul_pd(x, _mm512_set1_pd(1.4426950408889634)), _MM_FROUND_TO_NEAREST_INT);
  __m512d r = _mm512_fnmadd_pd(n, _mm512_set1_pd(6.93147180369123816490e-01), x);  // ln 2 in two parts
  r = _mm512_fnmadd_pd(n, _mm512_set1_pd(1.90821492927058770002e-10), r);
  __m512d p = _mm512_set1_pd(1.0 / 6227020800);
  const double inverse_factorials[] = {
      1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880, 1.0 / 40320, 1.0 / 5040, 1.0 / 720,
      1.0 / 120,       1.0 / 24,       1.0 / 6,       0.5,          1,           1};
#pragma GCC unroll 13
  for (const double factor : inverse_factorials) p = _mm512_fmadd_pd(p, r, _mm512_set1_pd(factor));
  return _mm512_scalef_pd(p, n);
}

void exp_tempered(const float* x, int64_t n, float max, float temperature, double* out) {
  const __m512d largest = _mm512_set1_pd(max), divisor = _mm512_set1_pd(temperature);
  for (int64_t i = 0; i < n; i += 8) {
    const __mmask8 mask = n - i >= 8 ? __mmask8(0xFF) : __mmask8((1u << (n - i)) - 1);
    const __m512d values = _mm512_cvtps_pd(_mm256_maskz_loadu_ps(mask, x + i));
    const __m512d shifted = _mm512_div_pd(_mm512_sub_pd(values, largest), divisor);
    const __mmask8 counts = _mm512_cmp_pd_mask(shifted, _mm512_set1_pd(-746), _CMP_GT_OQ);
    _mm512_mask_storeu_pd(out + i, mask, _mm512_maskz_mov_pd(counts, exp_pd(shifted)));
  }
}

}  // namespace

constexpr KernelSet kKernels = {
    .name = "avx512",
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
    .attention_scores_bf16 = scores_bf16<WidenedPairs>,
    .attention_values_bf16 = values_bf16<WidenedPairs>,
    .to_bf16 = to_bf16,
    .int8_peak = int8_peak,
    .arg_max = arg_max,
    .exp_sum = exp_sum,
    .exp_sum_weighted = exp_sum_weighted,
    .exp_tempered = exp_tempered,
};

}  // namespace pent::kernels::avx512

namespace pent::kernels::avx512bf16 {
namespace {

bool supported() { return avx512::supported() && __builtin_cpu_supports("avx512bf16"); }

constexpr KernelSet with_native_pairs(KernelSet set) {
  set.name = "avx512bf16";
  set.supported = supported;
  set.attention_scores_bf16 = avx512::bf16_scores;
  set.attention_values_bf16 = avx512::bf16_values;
  return set;
}

}  // namespace

constexpr KernelSet kKernels = with_native_pairs(avx512::kKernels);

}  // namespace pent::kernels::avx512bf16
