// The loops themselves. Included once by each rows_*.cc, which names its instruction set in PENT_ROWS_SET. Everything here
// has internal linkage, so no copy compiled for wide registers can be picked by the linker for another file.
#include <cmath>
#include <cstdint>

#include "train/nets/rows.h"

namespace pent::train {
namespace {

inline float load(float value) { return value; }
inline float load(uint16_t bits) { return __builtin_bit_cast(float, static_cast<uint32_t>(bits) << 16); }
inline void store(float* at, float value) { *at = value; }
// Round to nearest even. Gradients and activations are finite here; the trainer stops on the first loss that is not.
inline void store(uint16_t* at, float value) {
  const uint32_t bits = __builtin_bit_cast(uint32_t, value);
  *at = static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

// exp to about 2 ulp for |x| <= 87, held there beyond. Cody-Waite reduction and a degree-6 polynomial.
inline float fast_exp(float x) {
  x = x < -87.0f ? -87.0f : x;
  x = x > 87.0f ? 87.0f : x;
  const float shifted = x * 1.44269504f + 12582912.0f;  // 1.5 * 2^23: the integer lands in the low bits
  const float n = shifted - 12582912.0f;
  const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.3888889e-3f;
  p = p * r + 8.3333333e-3f;
  p = p * r + 4.1666667e-2f;
  p = p * r + 1.6666667e-1f;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  return p * __builtin_bit_cast(float, (__builtin_bit_cast(uint32_t, shifted) + 127u) << 23);
}

// The dropout factor of element `index`. A 32-bit finaliser (Murmur3's constants) of key and index.
inline float keep_scale(const DropoutBits& drop, uint32_t index) {
  uint32_t h = index * 0x9e3779b9u + drop.low;
  h ^= h >> 16;
  h *= 0x85ebca6bu;
  h ^= drop.high;
  h ^= h >> 13;
  h *= 0xc2b2ae35u;
  h ^= h >> 16;
  return h >= drop.threshold ? drop.scale : 0.0f;
}

// Sums and maxima run in 16 lanes that are folded in a fixed order: the compiler may not reorder float sums by itself.
constexpr int64_t kLanes = 16;

template <typename Term>
inline float lane_sum(int64_t n, const Term& term) {
  float lanes[kLanes] = {};
  const int64_t whole = n / kLanes * kLanes;
  for (int64_t i = 0; i < whole; i += kLanes)
    for (int64_t j = 0; j < kLanes; ++j) lanes[j] += term(i + j);
  float total = 0;
  for (int64_t i = whole; i < n; ++i) total += term(i);
  for (float lane : lanes) total += lane;
  return total;
}

template <typename T>
inline float row_max(const T* row, int64_t n) {
  float lanes[kLanes];
  for (float& lane : lanes) lane = -INFINITY;
  const int64_t whole = n / kLanes * kLanes;
  for (int64_t i = 0; i < whole; i += kLanes) {
    for (int64_t j = 0; j < kLanes; ++j) {
      const float z = load(row[i + j]);
      lanes[j] = z > lanes[j] ? z : lanes[j];
    }
  }
  float peak = -INFINITY;
  for (int64_t i = whole; i < n; ++i) peak = load(row[i]) > peak ? load(row[i]) : peak;
  for (float lane : lanes) peak = lane > peak ? lane : peak;
  return peak;
}

template <typename T>
void rotate(const T* __restrict in, const float* __restrict cosines, float direction, int64_t head_dim, T* __restrict out) {
  if (cosines == nullptr) {
    for (int64_t i = 0; i < head_dim; ++i) out[i] = in[i];
    return;
  }
  const int64_t half = head_dim / 2;
  const float* sines = cosines + half;
  for (int64_t i = 0; i < half; ++i) {
    const float a = load(in[i]), b = load(in[i + half]), s = direction * sines[i];
    store(&out[i], a * cosines[i] - b * s);
    store(&out[i + half], b * cosines[i] + a * s);
  }
}

template <typename T>
void softmax(T* row, int64_t limit, int64_t length, float scale) {
  const float peak = row_max(row, limit);
  const float total = lane_sum(limit, [&](int64_t i) { return fast_exp((load(row[i]) - peak) * scale); });
  const float inverse = 1.0f / total;
  for (int64_t i = 0; i < limit; ++i) store(&row[i], fast_exp((load(row[i]) - peak) * scale) * inverse);
  for (int64_t i = limit; i < length; ++i) store(&row[i], 0.0f);
}

template <typename T>
void softmax_backward(const T* __restrict p, T* __restrict dp, int64_t length, float scale) {
  const float dot = lane_sum(length, [&](int64_t i) { return load(p[i]) * load(dp[i]); });
  for (int64_t i = 0; i < length; ++i) store(&dp[i], load(p[i]) * (load(dp[i]) - dot) * scale);
}

template <typename T>
void norm(const float* __restrict residual, const T* __restrict branch, const float* __restrict weight, int64_t d, float eps,
          const DropoutBits* drop, uint32_t index, float* __restrict sum, T* __restrict normed, float* inverse_rms) {
  if (branch == nullptr) {
    for (int64_t i = 0; i < d; ++i) sum[i] = residual[i];
  } else if (drop == nullptr) {
    for (int64_t i = 0; i < d; ++i) sum[i] = residual[i] + load(branch[i]);
  } else {
    const DropoutBits bits = *drop;
    for (int64_t i = 0; i < d; ++i)
      sum[i] = residual[i] + load(branch[i]) * keep_scale(bits, index + static_cast<uint32_t>(i));
  }
  const float squares = lane_sum(d, [&](int64_t i) { return sum[i] * sum[i]; });
  const float r = 1.0f / std::sqrt(squares / static_cast<float>(d) + eps);
  *inverse_rms = r;
  for (int64_t i = 0; i < d; ++i) store(&normed[i], sum[i] * r * weight[i]);
}

template <typename T>
void norm_backward(const float* __restrict x, const T* __restrict dy, const float* __restrict dx_through,
                   const float* __restrict weight, int64_t d, float r, const DropoutBits* drop, uint32_t index,
                   float* __restrict dx, T* __restrict dbranch, float* __restrict dweight) {
  const float dot = lane_sum(d, [&](int64_t i) { return load(dy[i]) * weight[i] * x[i]; });
  const float c = dot * r * r * r / static_cast<float>(d);
  for (int64_t i = 0; i < d; ++i) {
    const float g = load(dy[i]);
    dweight[i] += g * x[i] * r;
    dx[i] = g * weight[i] * r - x[i] * c;
  }
  if (dx_through != nullptr)
    for (int64_t i = 0; i < d; ++i) dx[i] += dx_through[i];
  if (dbranch == nullptr) return;
  if (drop == nullptr) {
    for (int64_t i = 0; i < d; ++i) store(&dbranch[i], dx[i]);
  } else {
    const DropoutBits bits = *drop;
    for (int64_t i = 0; i < d; ++i) store(&dbranch[i], dx[i] * keep_scale(bits, index + static_cast<uint32_t>(i)));
  }
}

template <typename T>
void swiglu(const T* __restrict gate, const T* __restrict up, int64_t f, const DropoutBits* drop, uint32_t index,
            T* __restrict out) {
  for (int64_t i = 0; i < f; ++i) {
    const float g = load(gate[i]);
    store(&out[i], g / (1.0f + fast_exp(-g)) * load(up[i]));
  }
  if (drop == nullptr) return;
  const DropoutBits bits = *drop;
  for (int64_t i = 0; i < f; ++i) store(&out[i], load(out[i]) * keep_scale(bits, index + static_cast<uint32_t>(i)));
}

template <typename T>
void swiglu_backward(const T* __restrict gate, const T* __restrict up, const T* __restrict dy, int64_t f,
                     const DropoutBits* drop, uint32_t index, T* __restrict dgate, T* __restrict dup) {
  // Without dropout the threshold is 0 and the scale 1: every element stays.
  const DropoutBits bits = drop == nullptr ? DropoutBits{} : *drop;
  for (int64_t i = 0; i < f; ++i) {
    const float d = load(dy[i]) * keep_scale(bits, index + static_cast<uint32_t>(i));
    const float g = load(gate[i]), u = load(up[i]);
    const float s = 1.0f / (1.0f + fast_exp(-g));
    store(&dgate[i], d * u * s * (1.0f + g * (1.0f - s)));
    store(&dup[i], d * g * s);
  }
}

template <typename T>
float cross_entropy(T* logits, int64_t v, int64_t target, float weight) {
  const float peak = row_max(logits, v);
  const float wanted = load(logits[target]);
  const float total = lane_sum(v, [&](int64_t i) { return fast_exp(load(logits[i]) - peak); });
  const float scale = weight / total;
  for (int64_t i = 0; i < v; ++i) store(&logits[i], fast_exp(load(logits[i]) - peak) * scale);
  store(&logits[target], fast_exp(wanted - peak) * scale - weight);
  return std::log(total) + peak - wanted;
}

template <typename T>
constexpr RowLoops<T> kSet = {
    .rotate = rotate<T>,
    .softmax = softmax<T>,
    .softmax_backward = softmax_backward<T>,
    .norm = norm<T>,
    .norm_backward = norm_backward<T>,
    .swiglu = swiglu<T>,
    .swiglu_backward = swiglu_backward<T>,
    .cross_entropy = cross_entropy<T>,
};

}  // namespace

extern const RowLoops<float> PENT_ROWS_SET(_f32);
extern const RowLoops<uint16_t> PENT_ROWS_SET(_bf16);
const RowLoops<float> PENT_ROWS_SET(_f32) = kSet<float>;
const RowLoops<uint16_t> PENT_ROWS_SET(_bf16) = kSet<uint16_t>;

}  // namespace pent::train
