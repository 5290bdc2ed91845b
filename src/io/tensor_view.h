// Element types, and a borrowed view of one stored tensor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/float16.h"

namespace pent {

// The stored formats we read. Q*, IQ*: GGUF blocks of 32 elements, *_K and IQ4_XS of 256 (formats: docs/formats.md).
enum class DType : uint8_t {
  kF32,
  kF16,
  kBF16,
  kQ8_0,
  kQ4_0,
  kQ4_1,
  kQ5_0,
  kQ5_1,
  kQ2_K,
  kQ3_K,
  kQ4_K,
  kQ5_K,
  kQ6_K,
  kIQ4_NL,
  kIQ4_XS,
  kI8,
  kI16,
  kI32,
  kI64,
  kU8,
  kBool,
  kF64
};

struct DTypeInfo {
  const char* name;     // "BF16", "Q8_0", …
  int64_t block_size;   // elements per block: 1, 32 or 256
  int64_t block_bytes;  // bytes per block
};
const DTypeInfo& dtype_info(DType type);
// Floats of 16 or 32 bits, or blocks: what a weight matrix may be stored as.
inline bool is_weight_type(DType type) { return type <= DType::kBF16 || dtype_info(type).block_size > 1; }

// Borrowed: valid while the file it came from is open. Row-major, shape [out, in] for matrices whatever the file's own
// order is; the last axis is contiguous.
struct TensorView {
  std::string_view name;
  DType dtype = DType::kF32;
  std::vector<int64_t> shape;
  std::span<const std::byte> bytes;

  int64_t elements() const;
  int64_t rows() const;  // product of all axes but the last (1 for a vector)
  int64_t cols() const;  // last axis
};

// Rows [row_begin, row_end) as float32, bit for bit what the format's reference gives. out has (row_end-row_begin)*cols.
void dequantize_rows(const TensorView& tensor, int64_t row_begin, int64_t row_end, float* out);

// A block of a 4-bit format as it is stored: element i = scale * values[i] + minimum, both float16 bits.
struct FourBitBlock {
  uint16_t scale, minimum;
  uint8_t values[32];  // 0 … 15
};
inline bool is_four_bit(DType type) { return type == DType::kQ4_0 || type == DType::kQ4_1; }
// Block `block` of a row of such a tensor. Q4_0's minimum is -8 times its scale: infinite where float16 cannot hold that.
FourBitBlock read_four_bit_block(const TensorView& tensor, int64_t row, int64_t block);

}  // namespace pent
