// d and m (dmin) are f16. A super-block has 256 elements in parts of 16 or 32, each with a small integer scale (and minimum):
//   Q5_0    | d | 32 high bits | 16 × 2 nibbles |               y = (q − 16)·d
//   Q5_1    | d | m | 32 high bits | 16 × 2 nibbles |           y = q·d + m
//   Q2_K    | 16 × (scale 4, min 4) | 64 × 4 crumbs | d | m |   y = (d·scale)·q − m·min
//   Q3_K    | 256 high bits | 64 × 4 crumbs | 16 × scale 6 | d | y = (d·(scale − 32))·q, q −4 … 3
//   Q4_K    | d | m | 8 × (scale 6, min 6) | 128 × 2 nibbles |  y = (d·scale)·q − m·min
//   Q5_K    the same with 256 high bits before the nibbles
//   Q6_K    | 128 × 2 nibbles | 64 × 4 high crumbs | 16 × i8 scale | d | y = (d·scale)·(q − 32)
//   IQ4_NL  | d | 16 × 2 nibbles |                              y = d·table[q]
//   IQ4_XS  | d | 8 × scale 6 | 128 × 2 nibbles |               y = (d·(scale − 32))·table[q]
#include "io/gguf_blocks.h"

#include <cstdint>
#include <cstring>

#include "base/float16.h"

namespace pent {
namespace {

int u8(const std::byte* at) { return std::to_integer<int>(*at); }

float f16(const std::byte* at) {
  uint16_t bits;
  std::memcpy(&bits, at, sizeof(bits));
  return f16_to_f32(bits);
}

uint32_t u32(const std::byte* at) {
  uint32_t value;
  std::memcpy(&value, at, sizeof(value));
  return value;
}

// Two bits or four of elements that lie in planes: byte `i` holds element i of every plane, lowest bits first.
int crumb(const std::byte* bytes, int i, int plane) { return u8(bytes + i) >> (2 * plane) & 3; }
int nibble(const std::byte* bytes, int i, int plane) { return u8(bytes + i) >> (4 * plane) & 15; }

// Levels of IQ4: not evenly spaced (ggml's kvalues_iq4nl).
constexpr int kLevels[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

// Q4_K's and Q5_K's eight scales and minima in 12 bytes: six bits of the first four of each, then four bits of the last four,
// whose upper two bits are the upper ones of the first eight bytes.
struct ScaleAndMinimum {
  int scale, minimum;
};
ScaleAndMinimum six_bits(const std::byte* bytes, int part) {
  if (part < 4) return {u8(bytes + part) & 63, u8(bytes + 4 + part) & 63};
  const int both = u8(bytes + 4 + part), i = part - 4;
  return {(both & 15) | (u8(bytes + i) >> 2 & 0x30), both >> 4 | (u8(bytes + 4 + i) >> 2 & 0x30)};
}

}  // namespace

void dequantize_q5_0(const std::byte* block, float* out) {
  const float d = f16(block);
  const uint32_t high = u32(block + 2);
  for (int j = 0; j < 32; ++j) {
    const int q = nibble(block + 6, j % 16, j / 16) | static_cast<int>(high >> j & 1) << 4;
    out[j] = static_cast<float>(q - 16) * d;
  }
}

void dequantize_q5_1(const std::byte* block, float* out) {
  const float d = f16(block), m = f16(block + 2);
  const uint32_t high = u32(block + 4);
  for (int j = 0; j < 32; ++j) {
    const int q = nibble(block + 8, j % 16, j / 16) | static_cast<int>(high >> j & 1) << 4;
    out[j] = static_cast<float>(q) * d + m;
  }
}

void dequantize_iq4_nl(const std::byte* block, float* out) {
  const float d = f16(block);
  for (int j = 0; j < 32; ++j) out[j] = d * static_cast<float>(kLevels[nibble(block + 2, j % 16, j / 16)]);
}

void dequantize_q2_k(const std::byte* block, float* out) {
  const std::byte *scales = block, *quants = block + 16;
  const float d = f16(block + 80), m = f16(block + 82);
  for (int j = 0; j < 256; ++j) {
    const int both = u8(scales + j / 16);
    const float scale = d * static_cast<float>(both & 15), minimum = m * static_cast<float>(both >> 4);
    const int q = crumb(quants + j / 128 * 32, j % 32, j % 128 / 32);
    out[j] = scale * static_cast<float>(q) - minimum;
  }
}

void dequantize_q3_k(const std::byte* block, float* out) {
  const std::byte *high = block, *quants = block + 32, *scales = block + 96;
  const float d = f16(block + 108);
  for (int j = 0; j < 256; ++j) {
    const int part = j / 16;
    const int six = nibble(scales, part % 8, part / 8) | crumb(scales + 8, part % 4, part / 4) << 4;
    const float scale = d * static_cast<float>(six - 32);
    const int q = crumb(quants + j / 128 * 32, j % 32, j % 128 / 32);
    const bool set = u8(high + j % 32) >> (j / 32) & 1;
    out[j] = scale * static_cast<float>(set ? q : q - 4);
  }
}

void dequantize_q4_k(const std::byte* block, float* out) {
  const float d = f16(block), m = f16(block + 2);
  for (int part = 0; part < 8; ++part) {
    const auto [six, least] = six_bits(block + 4, part);
    const float scale = d * static_cast<float>(six), minimum = m * static_cast<float>(least);
    for (int i = 0; i < 32; ++i)
      out[part * 32 + i] = scale * static_cast<float>(nibble(block + 16 + part / 2 * 32, i, part % 2)) - minimum;
  }
}

void dequantize_q5_k(const std::byte* block, float* out) {
  const float d = f16(block), m = f16(block + 2);
  const std::byte *high = block + 16, *quants = block + 48;
  for (int part = 0; part < 8; ++part) {
    const auto [six, least] = six_bits(block + 4, part);
    const float scale = d * static_cast<float>(six), minimum = m * static_cast<float>(least);
    for (int i = 0; i < 32; ++i) {
      const int q = nibble(quants + part / 2 * 32, i, part % 2) | (u8(high + i) >> part & 1) << 4;
      out[part * 32 + i] = scale * static_cast<float>(q) - minimum;
    }
  }
}

void dequantize_q6_k(const std::byte* block, float* out) {
  const std::byte *low = block, *high = block + 128, *scales = block + 192;
  const float d = f16(block + 208);
  for (int j = 0; j < 256; ++j) {
    const int half = j / 128, within = j % 128;
    const int q = nibble(low + half * 64, within % 64, within / 64) | crumb(high + half * 32, j % 32, within / 32) << 4;
    const float scale = d * static_cast<float>(static_cast<int8_t>(u8(scales + j / 16)));
    out[j] = scale * static_cast<float>(q - 32);
  }
}

void dequantize_iq4_xs(const std::byte* block, float* out) {
  const float d = f16(block);
  const std::byte *low = block + 4, *quants = block + 8;
  for (int part = 0; part < 8; ++part) {
    const int six = nibble(low, part / 2, part % 2) | crumb(block + 2, part / 4, part % 4) << 4;
    const float scale = d * static_cast<float>(six - 32);
    for (int i = 0; i < 32; ++i)
      out[part * 32 + i] = scale * static_cast<float>(kLevels[nibble(quants + part * 16, i % 16, i / 16)]);
  }
}

}  // namespace pent
