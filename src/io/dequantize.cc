// Stored elements as float32. Block formats as in spec chapter 10 §14.4: blocks of 32 along the last axis, little-endian,
// d and m are f16; in a 4-bit block the low nibbles hold elements 0–15 and the high nibbles elements 16–31.
//   Q8_0  | d | 32 × i8 |            y = q·d
//   Q4_0  | d | 16 × 2 nibbles |     y = (q − 8)·d
//   Q4_1  | d | m | 16 × 2 nibbles | y = q·d + m
// Each product and sum is rounded on its own (-ffp-contract=off), as the format's reference does.
#include <bit>
#include <cstring>

#include "base/error.h"
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

}  // namespace

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
    for (int64_t i = 0; i < count; i += kBlock, from += info.block_bytes) dequantize_block(from, out + i);
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
