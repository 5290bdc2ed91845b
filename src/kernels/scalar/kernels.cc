// The kernels written out plainly: what every other instruction set is checked against.
#include "kernels/kernels.h"

#include <math.h>
#include <string.h>

namespace pent::kernels::scalar {
namespace {

bool supported() { return true; }

int64_t min(int64_t a, int64_t b) { return a < b ? a : b; }

void store(float* out, const float* sums, int64_t count, bool add) {
  for (int64_t i = 0; i < count; ++i) out[i] = add ? out[i] + sums[i] : sums[i];
}

void matmul_f32(const MatrixF32& w, const float* x, int64_t x_stride, float* out, int64_t out_stride,
                const MatmulRange& range) {
  for (int64_t panel = range.panel_begin; panel < range.panel_end; ++panel) {
    const float* weights = w.values + panel * w.k * kPanel;
    for (int64_t row = range.row_begin; row < range.row_end; ++row) {
      float sums[kPanel] = {};
      for (int64_t k = 0; k < w.k; ++k) {
        for (int64_t column = 0; column < kPanel; ++column) {
          sums[column] += x[row * x_stride + k] * weights[k * kPanel + column];
        }
      }
      store(out + row * out_stride + panel * kPanel, sums, min(kPanel, w.n - panel * kPanel), range.add);
    }
  }
}

float from_f16(uint16_t x) {
  const uint32_t sign = uint32_t{x & 0x8000u} << 16, exponent = x >> 10 & 31, fraction = x & 0x3FF;
  if (exponent == 0) return (sign != 0 ? -1.0f : 1.0f) * static_cast<float>(fraction) * 0x1p-24f;
  const uint32_t bits = sign | (exponent == 31 ? 0xFFu : exponent + 112) << 23 | fraction << 13;
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

void matmul_q8(const MatrixQ8& w, const RowsQ8& x, float* out, int64_t out_stride, const MatmulRange& range) {
  for (int64_t panel = range.panel_begin; panel < range.panel_end; ++panel) {
    for (int64_t row = range.row_begin; row < range.row_end; ++row) {
      float sums[kPanel] = {};
      for (int64_t group = 0; group < w.groups; ++group) {
        const int64_t block = panel * w.groups + group;
        const uint8_t* weights = w.values + block * kGroup * kPanel;
        const int8_t* values = x.values + (row * x.groups + group) * kGroup;
        for (int64_t column = 0; column < kPanel; ++column) {
          int32_t sum = x.offsets[row * x.groups + group];
          for (int64_t k = 0; k < kGroup; ++k) {
            sum += static_cast<int32_t>(weights[(k / 4 * kPanel + column) * 4 + k % 4]) * values[k];
          }
          sums[column] += static_cast<float>(sum) *
                          (x.scales[row * x.groups + group] * from_f16(w.scales[block * kPanel + column]));
        }
      }
      store(out + row * out_stride + panel * kPanel, sums, min(kPanel, w.n - panel * kPanel), range.add);
    }
  }
}

void matmul_q4(const MatrixQ4& w, const RowsQ8& x, float* out, int64_t out_stride, const MatmulRange& range) {
  constexpr int64_t kHalf = kPanel / 2;
  for (int64_t panel = range.panel_begin; panel < range.panel_end; ++panel) {
    for (int64_t row = range.row_begin; row < range.row_end; ++row) {
      float sums[kPanel] = {};
      for (int64_t group = 0; group < w.groups; ++group) {
        const int64_t block = panel * w.groups + group;
        const uint8_t* weights = w.values + block * kGroup * kHalf;
        const uint16_t* scales = w.scales + block * (w.has_minima ? 2 : 1) * kPanel;
        const int8_t* values = x.values + (row * x.groups + group) * kGroup;
        const float row_scale = x.scales[row * x.groups + group];
        const int32_t offset = w.has_minima ? 0 : x.offsets[row * x.groups + group] / 16;
        for (int64_t column = 0; column < kPanel; ++column) {
          int32_t sum = offset;
          for (int64_t k = 0; k < kGroup; ++k) {
            const int byte = weights[(k / 4 * kHalf + column % kHalf) * 4 + k % 4];
            sum += (column < kHalf ? byte & 15 : byte >> 4) * values[k];
          }
          sums[column] += static_cast<float>(sum) * (row_scale * from_f16(scales[column]));
          if (w.has_minima) sums[column] += x.sums[row * x.groups + group] * from_f16(scales[kPanel + column]);
        }
      }
      store(out + row * out_stride + panel * kPanel, sums, min(kPanel, w.n - panel * kPanel), range.add);
    }
  }
}

void quantize_row(const float* x, int64_t k, const RowsQ8& out, int64_t row) {
  for (int64_t group = 0; group < out.groups; ++group) {
    const int64_t length = min(kGroup, k - group * kGroup);
    const float* from = x + group * kGroup;
    uint32_t largest_bits = 0;  // of |x|: as integers, NaN > infinity > every number
    for (int64_t i = 0; i < length; ++i) {
      uint32_t bits;
      memcpy(&bits, from + i, 4);
      bits &= 0x7FFFFFFF;
      if (bits > largest_bits) largest_bits = bits;
    }
    float largest;
    memcpy(&largest, &largest_bits, 4);
    const float inverse = largest > 0x1p-120f ? 127.0f / largest : 0.0f;
    int8_t* to = out.values + (row * out.groups + group) * kGroup;
    int32_t sum = 0;
    for (int64_t i = 0; i < kGroup; ++i) {
      const float scaled = i < length ? from[i] * inverse : 0.0f;
      to[i] = scaled > -127.5f && scaled < 127.5f ? static_cast<int8_t>(nearbyintf(scaled)) : 0;
      sum += to[i];
    }
    out.scales[row * out.groups + group] = largest / 127.0f;
    out.offsets[row * out.groups + group] = -128 * sum;
    out.sums[row * out.groups + group] = largest / 127.0f * static_cast<float>(sum);
  }
}

float rmsnorm(const float* x, const float* weight, int64_t n, float eps, float* out) {
  float sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += x[i] * x[i];
  const float mean = sum / static_cast<float>(n);
  const float factor = 1.0f / sqrtf(mean + eps);
  for (int64_t i = 0; i < n; ++i) out[i] = x[i] * factor * weight[i];
  return mean;
}

float layernorm(const float* x, const float* weight, const float* bias, int64_t n, float eps, float* out) {
  float sum = 0, squares = 0;
  for (int64_t i = 0; i < n; ++i) sum += x[i];
  const float mean = sum / static_cast<float>(n);
  for (int64_t i = 0; i < n; ++i) squares += (x[i] - mean) * (x[i] - mean);
  const float variance = squares / static_cast<float>(n);
  const float factor = 1.0f / sqrtf(variance + eps);
  for (int64_t i = 0; i < n; ++i) out[i] = (x[i] - mean) * factor * weight[i] + bias[i];
  return variance;
}

void rope(float* x, int64_t heads, int64_t half, const float* cosines, const float* sines) {
  for (int64_t head = 0; head < heads; ++head) {
    float* first = x + head * 2 * half;
    float* second = first + half;
    for (int64_t i = 0; i < half; ++i) {
      const float a = first[i], b = second[i];
      first[i] = a * cosines[i] - b * sines[i];
      second[i] = b * cosines[i] + a * sines[i];
    }
  }
}

void silu_mul(const float* gate, const float* up, int64_t n, float* out) {
  for (int64_t i = 0; i < n; ++i) out[i] = gate[i] / (1.0f + expf(-gate[i])) * up[i];
}

void gelu(const float* x, int64_t n, float* out) {
  for (int64_t i = 0; i < n; ++i) {
    const float twice = 1.5957691216f * (x[i] + 0.044715f * x[i] * x[i] * x[i]);
    out[i] = x[i] / (1.0f + expf(-twice));
  }
}

void attention_scores(const float* const* queries, int64_t rows, const float* keys, int64_t head_dim, int64_t begin,
                      int64_t end, float scale, float* const* scores) {
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t slot = begin; slot < end; ++slot) {
      const float* key = keys + slot / kSlotBlock * head_dim * kSlotBlock + slot % kSlotBlock;
      float sum = 0;
      for (int64_t i = 0; i < head_dim; ++i) sum += queries[row][i] * key[i * kSlotBlock];
      scores[row][slot - begin] = sum * scale;
    }
  }
}

float softmax_exp(float* x, int64_t n) {
  float largest = x[0];
  for (int64_t i = 1; i < n; ++i) largest = x[i] > largest ? x[i] : largest;
  float sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += x[i] = expf(x[i] - largest);
  return sum;
}

void attention_values(const float* const* weights, int64_t rows, const float* values, int64_t padded_head_dim,
                      int64_t begin, int64_t end, float* const* out) {
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t slot = begin; slot < end; ++slot) {
      for (int64_t i = 0; i < padded_head_dim; ++i) {
        out[row][i] += weights[row][slot - begin] * values[slot * padded_head_dim + i];
      }
    }
  }
}

float from_bf16(uint16_t x) {
  const uint32_t bits = uint32_t{x} << 16;
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

void to_bf16(const float* x, int64_t n, uint16_t* out) {
  for (int64_t i = 0; i < n; ++i) {
    uint32_t bits;
    memcpy(&bits, x + i, sizeof bits);
    const bool nan = x[i] != x[i];
    out[i] = static_cast<uint16_t>(nan ? bits >> 16 | 0x40 : (bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
  }
}

void attention_scores_bf16(const uint16_t* const* queries, int64_t rows, const uint16_t* keys, int64_t head_pairs,
                           int64_t begin, int64_t end, float scale, float* const* scores) {
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t slot = begin; slot < end; ++slot) {
      const uint16_t* key = keys + (slot / kSlotBlock * head_pairs * kSlotBlock + slot % kSlotBlock) * 2;
      float sum = 0;
      for (int64_t i = 0; i < head_pairs * 2; ++i)
        sum += from_bf16(queries[row][i]) * from_bf16(key[i / 2 * kSlotBlock * 2 + i % 2]);
      scores[row][slot - begin] = sum * scale;
    }
  }
}

void attention_values_bf16(const uint16_t* const* weights, int64_t rows, const uint16_t* values,
                           int64_t padded_head_dim, int64_t begin, int64_t end, float* const* out) {
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t slot = begin; slot < end; ++slot) {
      const uint16_t* value = values + slot / 2 * padded_head_dim * 2 + slot % 2;
      for (int64_t i = 0; i < padded_head_dim; ++i)
        out[row][i] += from_bf16(weights[row][slot - begin]) * from_bf16(value[i * 2]);
    }
  }
}

int32_t int8_peak(int64_t rounds) {
  volatile int8_t a = 3, b = -5;
  int32_t sum = 0;
  for (int64_t i = 0; i < rounds * kPeakProducts; ++i) sum += int32_t{a} * b;
  return sum;
}

int64_t arg_max(const float* x, int64_t n, bool* finite) {
  int64_t best = 0;
  *finite = true;
  for (int64_t i = 0; i < n; ++i) {
    if (x[i] > x[best]) best = i;
    *finite &= isfinite(x[i]) != 0;
  }
  return best;
}

double exp_sum_weighted(const float* x, int64_t n, float max, double* weighted) {
  double sum = 0, sum_weighted = 0;
  for (int64_t i = 0; i < n; ++i) {
    const float shifted = x[i] - max;
    if (shifted < -104.0f) continue;  // exp is 0 in float, and -infinity * 0 would not be
    const double e = expf(shifted);
    sum += e;
    sum_weighted += e * shifted;
  }
  *weighted = sum_weighted;
  return sum;
}

void exp_tempered(const float* x, int64_t n, float max, float temperature, double* out) {
  for (int64_t i = 0; i < n; ++i) out[i] = exp((double{x[i]} - double{max}) / double{temperature});
}

double exp_sum(const float* x, int64_t n, float max) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += expf(x[i] - max);
  return sum;
}

}  // namespace

const KernelSet kKernels = {
    .name = "scalar",
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

}  // namespace pent::kernels::scalar
