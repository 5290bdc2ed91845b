// Blocks of 32 as ggml's reference makes them (layouts: gguf_blocks.cc, docs/formats.md):
//   Q8_0        d = max |x| / 127,               q = x / d, halves away from zero
//   Q4_0, Q5_0  d = the x of largest |x| / -8, -16, q = x / d + 8, 16: the extreme value is exact, its opposite one step short
//   Q4_1, Q5_1  d = (max - min) / 15, 31,        q = (x - min) / d
// 1 / d is taken before d is rounded to float16.
#include "io/quantize.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "io/quantize_k.h"

namespace pent {
namespace {

constexpr int kBlock = 32;

void put_f16(float value, std::byte* out) {
  const uint16_t bits = f32_to_f16(value);
  std::memcpy(out, &bits, sizeof(bits));
}

uint8_t clamped(float level, int top) { return static_cast<uint8_t>(std::clamp(static_cast<int>(level), 0, top)); }

// The low four bits of element j and of j + 16 in byte j; 5-bit formats have the others in a word before.
template <int kBits>
void put_levels(const uint8_t* levels, std::byte* out) {
  if constexpr (kBits == 5) {
    uint32_t high = 0;
    for (int j = 0; j < kBlock; ++j) high |= static_cast<uint32_t>(levels[j] >> 4) << j;
    std::memcpy(out, &high, sizeof(high));
    out += sizeof(high);
  }
  for (int j = 0; j < kBlock / 2; ++j)
    out[j] = static_cast<std::byte>((levels[j] & 15) | (levels[j + kBlock / 2] & 15) << 4);
}

void quantize_q8_0(const float* values, std::byte* block) {
  float most = 0;
  for (int j = 0; j < kBlock; ++j) most = std::max(most, std::fabs(values[j]));
  const float scale = most / 127, inverse = inverse_scale(scale);
  put_f16(scale, block);
  for (int j = 0; j < kBlock; ++j)
    block[2 + j] = static_cast<std::byte>(static_cast<int8_t>(std::round(values[j] * inverse)));
}

template <int kBits>
void quantize_around_zero(const float* values, std::byte* block) {
  constexpr int kZero = 1 << (kBits - 1);
  float extreme = 0;
  for (int j = 0; j < kBlock; ++j) {
    if (std::fabs(values[j]) > std::fabs(extreme)) extreme = values[j];
  }
  const float scale = extreme / -kZero, inverse = inverse_scale(scale);
  uint8_t levels[kBlock];
  for (int j = 0; j < kBlock; ++j) levels[j] = clamped(values[j] * inverse + (kZero + 0.5f), 2 * kZero - 1);
  put_f16(scale, block);
  put_levels<kBits>(levels, block + 2);
}

template <int kBits>
void quantize_from_minimum(const float* values, std::byte* block) {
  constexpr int kTop = (1 << kBits) - 1;
  const auto [least, most] = std::minmax_element(values, values + kBlock);
  const float scale = (*most - *least) / kTop, inverse = inverse_scale(scale);
  uint8_t levels[kBlock];
  for (int j = 0; j < kBlock; ++j) levels[j] = clamped((values[j] - *least) * inverse + 0.5f, kTop);
  put_f16(scale, block);
  put_f16(*least, block + 2);
  put_levels<kBits>(levels, block + 4);
}

using QuantizeBlock = void (*)(const float* values, std::byte* block);

// nullptr for types whose elements stand alone, and for those that are not written.
QuantizeBlock block_quantizer(DType type) {
  switch (type) {
    case DType::kQ8_0: return quantize_q8_0;
    case DType::kQ4_0: return quantize_around_zero<4>;
    case DType::kQ5_0: return quantize_around_zero<5>;
    case DType::kQ4_1: return quantize_from_minimum<4>;
    case DType::kQ5_1: return quantize_from_minimum<5>;
    case DType::kQ4_K: return quantize_q4_k;
    case DType::kQ5_K: return quantize_q5_k;
    case DType::kQ6_K: return quantize_q6_k;
    default: return nullptr;
  }
}

}  // namespace

bool can_quantize(DType type) { return type <= DType::kBF16 || block_quantizer(type) != nullptr; }

float most_storable(DType type) { return type == DType::kF32 || type == DType::kBF16 ? 3.38e38f : 65504.0f; }

void quantize(DType type, const float* values, int64_t count, std::byte* out) {
  const DTypeInfo& info = dtype_info(type);
  PENT_CHECK(can_quantize(type) && count % info.block_size == 0, "{} values as {}", count, info.name);
  if (type == DType::kF32) {
    if (count > 0) std::memcpy(out, values, static_cast<size_t>(count) * sizeof(float));
  } else if (const QuantizeBlock quantize_block = block_quantizer(type)) {
    for (int64_t i = 0; i < count; i += info.block_size, out += info.block_bytes) quantize_block(values + i, out);
  } else {
    for (int64_t i = 0; i < count; ++i, out += sizeof(uint16_t)) {
      const uint16_t bits = type == DType::kF16 ? f32_to_f16(values[i]) : f32_to_bf16(values[i]);
      std::memcpy(out, &bits, sizeof(bits));
    }
  }
}

}  // namespace pent
