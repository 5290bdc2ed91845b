// The search behind Q4_K, Q5_K and Q6_K. Alternation, as in Lloyd's algorithm: for given levels the best scale and minimum
// follow from weighted least squares, for given scale and minimum the best levels are the nearest ones. It is started from
// several ranges around the values' own (an idea of ggml's quantisers, whose blocks differ), and the best met is kept.
// Sums run in eight lanes, in a fixed order, which compilers can turn into vectors.
#include "io/quantize_k.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "base/float16.h"
#include "io/quantize.h"

namespace pent {
namespace {

constexpr int kBlock = 256;
constexpr int kLanes = 8;
constexpr int kRounds = 3;  // of the alternation, from each start

float rounded_to_f16(float value, std::byte* out) {
  const uint16_t bits = f32_to_f16(value);
  std::memcpy(out, &bits, sizeof(bits));
  return f16_to_f32(bits);
}

// The nearest whole number in [0, top].
int nearest(float x, int top) { return static_cast<int>(std::min(std::max(x, 0.0f), static_cast<float>(top)) + 0.5f); }

float sum_of(const float* lanes) {
  return ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
}

// Sums over a part for its levels q: what least squares needs, and the error.
struct Sums {
  float q, qq, qx, error;
};

// x ~ scale * (q - zero) - minimum
struct Fit {
  float scale = 0, minimum = 0;
};

template <int kCount>
Sums weigh(const float* x, const float* weights, const Fit& fit, int zero, int top) {
  const float inverse = inverse_scale(fit.scale), offset = static_cast<float>(zero);
  float q_sum[kLanes] = {}, qq_sum[kLanes] = {}, qx_sum[kLanes] = {}, error[kLanes] = {};
  for (int i = 0; i < kCount; i += kLanes) {
    for (int lane = 0; lane < kLanes; ++lane) {
      const float value = x[i + lane], weight = weights[i + lane];
      const float q = static_cast<float>(nearest((value + fit.minimum) * inverse + offset, top)) - offset;
      const float off = fit.scale * q - fit.minimum - value;
      q_sum[lane] += weight * q;
      qq_sum[lane] += weight * q * q;
      qx_sum[lane] += weight * q * value;
      error[lane] += weight * off * off;
    }
  }
  return {sum_of(q_sum), sum_of(qq_sum), sum_of(qx_sum), sum_of(error)};
}

template <int kCount, typename Refit>
Fit alternate(const float* x, const float* weights, Fit fit, int zero, int top, Refit refit, float& least) {
  Fit best;
  for (int round = 0; round < kRounds; ++round) {
    const Sums sums = weigh<kCount>(x, weights, fit, zero, top);
    if (sums.error < least) {
      least = sums.error;
      best = fit;
    }
    fit = refit(sums);
    if (fit.scale == 0) break;
  }
  return best;
}

// Large values count more: they are few, and what they are off by is multiplied like everything else.
template <int kCount>
void weigh_by_size(const float* x, float* weights) {
  float squares = 0;
  for (int i = 0; i < kCount; ++i) squares += x[i] * x[i];
  const float typical = std::sqrt(squares / kCount);
  for (int i = 0; i < kCount; ++i) weights[i] = typical + std::fabs(x[i]);
}

constexpr int kPart = 32;

// Levels 0 … top above a minimum that is at most 0.
Fit fit_from_minimum(const float* x, int top) {
  const auto [low, high] = std::minmax_element(x, x + kPart);
  const float least_value = std::min(*low, 0.0f), range = *high - least_value;
  if (range <= 0) return {0, -least_value};
  float weights[kPart], weight = 0, weighted = 0;
  weigh_by_size<kPart>(x, weights);
  for (int i = 0; i < kPart; ++i) {
    weight += weights[i];
    weighted += weights[i] * x[i];
  }
  const auto refit = [&](const Sums& sums) -> Fit {
    const float spread = weight * sums.qq - sums.q * sums.q;
    if (!(spread > 0)) return {};
    const float scale = (weight * sums.qx - weighted * sums.q) / spread, base = (weighted - scale * sums.q) / weight;
    return base <= 0 ? Fit{scale, -base} : Fit{sums.qx / sums.qq, 0};
  };
  constexpr float kStarts[] = {0, -0.8f, -0.4f, 0.4f, 0.8f};  // steps more or fewer in the range
  float least = std::numeric_limits<float>::max();
  Fit best;
  for (const float start : kStarts) {
    const float before = least;
    const Fit found =
        alternate<kPart>(x, weights, {range / (static_cast<float>(top) + start), -least_value}, 0, top, refit, least);
    if (least < before) best = found;
  }
  return best.scale < 0 ? Fit{0, -least_value} : best;
}

// Q4_K's and Q5_K's eight scales and minima of six bits in 12 bytes (gguf_blocks.cc: six_bits).
void put_six_bits(int part, int scale, int minimum, uint8_t* bytes) {
  if (part < 4) {
    bytes[part] |= static_cast<uint8_t>(scale);
    bytes[4 + part] |= static_cast<uint8_t>(minimum);
    return;
  }
  bytes[4 + part] = static_cast<uint8_t>((scale & 15) | (minimum & 15) << 4);
  bytes[part - 4] |= static_cast<uint8_t>((scale >> 4) << 6);
  bytes[part] |= static_cast<uint8_t>((minimum >> 4) << 6);
}

// The levels of all 256 values; writes d, m and the twelve bytes.
void quantize_parts(const float* values, int top, std::byte* block, uint8_t* levels) {
  Fit fits[kBlock / kPart];
  float most_scale = 0, most_minimum = 0;
  for (int part = 0; part < kBlock / kPart; ++part) {
    fits[part] = fit_from_minimum(values + part * kPart, top);
    most_scale = std::max(most_scale, fits[part].scale);
    most_minimum = std::max(most_minimum, fits[part].minimum);
  }
  constexpr int kSixBits = 63;
  const float d = rounded_to_f16(most_scale / kSixBits, block), m = rounded_to_f16(most_minimum / kSixBits, block + 2);
  const float per_d = inverse_scale(d), per_m = inverse_scale(m);
  uint8_t packed[12] = {};
  for (int part = 0; part < kBlock / kPart; ++part) {
    const int six = nearest(fits[part].scale * per_d, kSixBits), least = nearest(fits[part].minimum * per_m, kSixBits);
    put_six_bits(part, six, least, packed);
    const float inverse = inverse_scale(d * static_cast<float>(six)), minimum = m * static_cast<float>(least);
    for (int i = part * kPart; i < (part + 1) * kPart; ++i)
      levels[i] = static_cast<uint8_t>(nearest((values[i] + minimum) * inverse, top));
  }
  std::memcpy(block + 4, packed, sizeof(packed));
}

// Low four bits: the parts 2i and 2i + 1 share 32 bytes.
void put_nibbles(const uint8_t* levels, std::byte* out) {
  for (int pair = 0; pair < kBlock / (2 * kPart); ++pair) {
    const uint8_t *low = levels + pair * 2 * kPart, *high = low + kPart;
    for (int i = 0; i < kPart; ++i) out[pair * kPart + i] = static_cast<std::byte>((low[i] & 15) | (high[i] & 15) << 4);
  }
}

constexpr int kSmallPart = 16;

// Levels -32 … 31 times a scale that may be negative: the extreme value then has the one more step.
float fit_around_zero(const float* x) {
  float extreme = 0;
  for (int i = 0; i < kSmallPart; ++i) {
    if (std::fabs(x[i]) > std::fabs(extreme)) extreme = x[i];
  }
  if (extreme == 0) return 0;
  float weights[kSmallPart];
  weigh_by_size<kSmallPart>(x, weights);
  const auto refit = [](const Sums& sums) { return Fit{sums.qq > 0 ? sums.qx / sums.qq : 0, 0}; };
  constexpr float kStarts[] = {32, 31.5f, 31, 30.5f, 32.5f, 33};  // steps between zero and the extreme value
  float least = std::numeric_limits<float>::max(), best = 0;
  for (const float steps : kStarts) {
    const float before = least;
    const Fit found = alternate<kSmallPart>(x, weights, {-extreme / steps, 0}, 32, 63, refit, least);
    if (least < before) best = found.scale;
  }
  return best;
}

}  // namespace

void quantize_q4_k(const float* values, std::byte* block) {
  uint8_t levels[kBlock];
  quantize_parts(values, 15, block, levels);
  put_nibbles(levels, block + 16);
}

void quantize_q5_k(const float* values, std::byte* block) {
  uint8_t levels[kBlock], high[kPart] = {};
  quantize_parts(values, 31, block, levels);
  for (int i = 0; i < kBlock; ++i) high[i % kPart] |= static_cast<uint8_t>((levels[i] >> 4) << (i / kPart));
  std::memcpy(block + 16, high, sizeof(high));
  put_nibbles(levels, block + 16 + sizeof(high));
}

void quantize_q6_k(const float* values, std::byte* block) {
  constexpr int kParts = kBlock / kSmallPart;
  float scales[kParts], most = 0;
  for (int part = 0; part < kParts; ++part) {
    scales[part] = fit_around_zero(values + part * kSmallPart);
    if (std::fabs(scales[part]) > std::fabs(most)) most = scales[part];
  }
  const float d = rounded_to_f16(most / -128, block + 208), per_d = inverse_scale(d);
  uint8_t low[128] = {}, high[64] = {};
  for (int part = 0; part < kParts; ++part) {
    const int scale = nearest(scales[part] * per_d + 128, 255) - 128;
    block[192 + part] = static_cast<std::byte>(static_cast<int8_t>(scale));
    const float inverse = inverse_scale(d * static_cast<float>(scale));
    for (int i = part * kSmallPart; i < (part + 1) * kSmallPart; ++i) {
      const int q = nearest(values[i] * inverse + 32, 63), half = i / 128, within = i % 128;
      low[half * 64 + within % 64] |= static_cast<uint8_t>((q & 15) << (4 * (within / 64)));
      high[half * 32 + i % 32] |= static_cast<uint8_t>((q >> 4) << (2 * (within / 32)));
    }
  }
  std::memcpy(block, low, sizeof(low));
  std::memcpy(block + sizeof(low), high, sizeof(high));
}

}  // namespace pent
