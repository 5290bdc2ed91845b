// Stored elements as float32. Block formats as in spec chapter 10 §14.4: blocks of 32 along the last axis, little-endian,
// d and m are f16; in a 4-bit block the low nibbles hold elements 0–15 and the high nibbles elements 16–31.
//   Q8_0  | d | 32 × i8 |            y = q·d
//   Q4_0  | d | 16 × 2 nibbles |     y = (q − 8)·d
//   Q4_1  | d | m | 16 × 2 nibbles | y = q·d + m
// Each product and sum is rounded on its own (-ffp-contract=off), as the format's reference does.
#include <bit>
#include <cstring>

#include "base/error.h"
#include "io/gguf_blocks.h"
#include "io/tensor_view.h"

namespace pent {
namespace {

static_assert(std::endian::native == std::endian::little, "tensor bytes are used as stored");

constexpr int kBlock = 32;

template <typename T>
T load(const std::byte* from) {  // containers do not promise alignment
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}

float load_f16(const std::byte* from) { return f16_to_f32(load<uint16_t>(from)); }

void dequantize_q8_0(const std::byte* block, float* out) {
  const float d = load_f16(block);
  for (int j = 0; j < kBlock; ++j) out[j] = static_cast<float>(load<int8_t>(block + 2 + j)) * d;
}

void dequantize_q4_0(const std::byte* block, float* out) {
  const float d = load_f16(block);
  for (int j = 0; j < kBlock / 2; ++j) {
    const int pair = load<uint8_t>(block + 2 + j);
    out[j] = static_cast<float>((pair & 15) - 8) * d;
    out[j + kBlock / 2] = static_cast<float>((pair >> 4) - 8) * d;
  }
}

void dequantize_q4_1(const std::byte* block, float* out) {
  const float d = load_f16(block), m = load_f16(block + 2);
  for (int j = 0; j < kBlock / 2; ++j) {
    const int pair = load<uint8_t>(block + 4 + j);
    out[j] = static_cast<float>(pair & 15) * d + m;
    out[j + kBlock / 2] = static_cast<float>(pair >> 4) * d + m;
  }
}

template <typename T>
void convert(const std::byte* from, int64_t count, float* out) {
  for (int64_t i = 0; i < count; ++i) out[i] = static_cast<float>(load<T>(from + i * sizeof(T)));
}

// The float16 that is -8 times another: three up in the exponent, exact.
uint16_t minus_eight_times(uint16_t x) {
  const uint32_t sign = (x & 0x8000u) ^ 0x8000u, exponent = x >> 10 & 31, fraction = x & 0x3FF;
  if (exponent == 31) return static_cast<uint16_t>(sign | (x & 0x7FFF));
  if (exponent > 0) return static_cast<uint16_t>(sign | (exponent > 27 ? 0x7C00u : (exponent + 3) << 10 | fraction));
  uint32_t value = fraction << 3;  // in units of the smallest subnormal; below 2048 they are the bits themselves
  uint32_t shifts = 0;
  for (; value >= 2048; value >>= 1) ++shifts;
  return static_cast<uint16_t>(sign | ((shifts << 10) + value));
}

}  // namespace

FourBitBlock read_four_bit_block(const TensorView& tensor, int64_t row, int64_t block) {
  PENT_CHECK(is_four_bit(tensor.dtype));
  const int64_t block_bytes = dtype_info(tensor.dtype).block_bytes;
  const std::byte* from = tensor.bytes.data() + (row * (tensor.cols() / kBlock) + block) * block_bytes;
  FourBitBlock out;
  out.scale = load<uint16_t>(from);
  out.minimum = tensor.dtype == DType::kQ4_1 ? load<uint16_t>(from + 2) : minus_eight_times(out.scale);
  const std::byte* pairs = from + block_bytes - kBlock / 2;
  for (int j = 0; j < kBlock / 2; ++j) {
    const int pair = load<uint8_t>(pairs + j);
    out.values[j] = static_cast<uint8_t>(pair & 15);
    out.values[j + kBlock / 2] = static_cast<uint8_t>(pair >> 4);
  }
  return out;
}

void dequantize_rows(const TensorView& tensor, int64_t row_begin, int64_t row_end, float* out) {
  const DTypeInfo& info = dtype_info(tensor.dtype);
  const int64_t cols = tensor.cols();
  PENT_CHECK(0 <= row_begin && row_begin <= row_end && row_end <= tensor.rows());
  PENT_CHECK(cols % info.block_size == 0, "{} columns of {}", cols, info.name);
  const int64_t row_bytes = cols / info.block_size * info.block_bytes;
  PENT_CHECK(static_cast<int64_t>(tensor.bytes.size()) >= row_end * row_bytes);

  const std::byte* from = tensor.bytes.data() + row_begin * row_bytes;
  const int64_t count = (row_end - row_begin) * cols;
  const auto each_block = [&](auto dequantize_block) {
    for (int64_t i = 0; i < count; i += info.block_size, from += info.block_bytes) dequantize_block(from, out + i);
  };
  switch (tensor.dtype) {
    case DType::kF32:
      if (count > 0) std::memcpy(out, from, static_cast<size_t>(count) * sizeof(float));
      return;
    case DType::kF16:
      for (int64_t i = 0; i < count; ++i) out[i] = load_f16(from + 2 * i);
      return;
    case DType::kBF16:
      for (int64_t i = 0; i < count; ++i) out[i] = bf16_to_f32(load<uint16_t>(from + 2 * i));
      return;
    case DType::kQ8_0: return each_block(dequantize_q8_0);
    case DType::kQ4_0: return each_block(dequantize_q4_0);
    case DType::kQ4_1: return each_block(dequantize_q4_1);
    case DType::kQ5_0: return each_block(dequantize_q5_0);
    case DType::kQ5_1: return each_block(dequantize_q5_1);
    case DType::kQ2_K: return each_block(dequantize_q2_k);
    case DType::kQ3_K: return each_block(dequantize_q3_k);
    case DType::kQ4_K: return each_block(dequantize_q4_k);
    case DType::kQ5_K: return each_block(dequantize_q5_k);
    case DType::kQ6_K: return each_block(dequantize_q6_k);
    case DType::kIQ4_NL: return each_block(dequantize_iq4_nl);
    case DType::kIQ4_XS: return each_block(dequantize_iq4_xs);
    case DType::kI8: return convert<int8_t>(from, count, out);
    case DType::kI16: return convert<int16_t>(from, count, out);
    case DType::kI32: return convert<int32_t>(from, count, out);
    case DType::kI64: return convert<int64_t>(from, count, out);
    case DType::kU8:
    case DType::kBool: return convert<uint8_t>(from, count, out);
    case DType::kF64: return convert<double>(from, count, out);
  }
}

}  // namespace pent
