// Shared by the fused operations: rows handed to threads, and loops compiled for wide vectors where the machine has them.
#pragma once

#include <ATen/Parallel.h>
#include <c10/util/BFloat16.h>

#include <bit>
#include <cstdint>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define PENT_VECTOR_CLONES __attribute__((target_clones("arch=skylake-avx512", "arch=haswell", "default")))
#else
#define PENT_VECTOR_CLONES
#endif

namespace pent::train {

inline float load(float value) { return value; }
inline float load(uint16_t bits) { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }
inline void store(float* at, float value) { *at = value; }
// Round to nearest even. Gradients and activations are finite here; the trainer stops on the first loss that is not.
inline void store(uint16_t* at, float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  *at = static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

// exp to about 2 ulp for x <= 88; 0 below -87. Cody-Waite reduction and a degree-6 polynomial.
inline float fast_exp(float x) {
  const float clamped = x < -87.0f ? -87.0f : (x > 88.0f ? 88.0f : x);
  const float shifted = clamped * 1.44269504f + 12582912.0f;  // 1.5 * 2^23: the integer lands in the low bits
  const float n = shifted - 12582912.0f;
  const float r = (clamped - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.3888889e-3f;
  p = p * r + 8.3333333e-3f;
  p = p * r + 4.1666667e-2f;
  p = p * r + 1.6666667e-1f;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  const uint32_t power = (std::bit_cast<uint32_t>(shifted) + 127u) << 23;
  return x < -87.0f ? 0.0f : p * std::bit_cast<float>(power);
}

// 1 where the element stays, scaled by 1 / (1 - p). A 32-bit finaliser (Murmur3's constants) of key and index.
inline float keep_scale(uint32_t key_low, uint32_t key_high, uint32_t index, uint32_t threshold, float scale) {
  uint32_t h = index * 0x9e3779b9u + key_low;
  h ^= h >> 16;
  h *= 0x85ebca6bu;
  h ^= key_high;
  h ^= h >> 13;
  h *= 0xc2b2ae35u;
  h ^= h >> 16;
  return h >= threshold ? scale : 0.0f;
}

}  // namespace pent::train
