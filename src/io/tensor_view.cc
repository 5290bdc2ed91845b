// Element types and the scalar conversions between them.
#include "io/tensor_view.h"

#include <bit>

#include "base/error.h"

namespace pent {

const DTypeInfo& dtype_info(DType type) {
  switch (type) {
    static constexpr DTypeInfo kF32{"F32", 1, 4}, kF16{"F16", 1, 2}, kBF16{"BF16", 1, 2}, kF64{"F64", 1, 8};
    static constexpr DTypeInfo kQ8_0{"Q8_0", 32, 34}, kQ4_0{"Q4_0", 32, 18}, kQ4_1{"Q4_1", 32, 20};
    static constexpr DTypeInfo kI8{"I8", 1, 1}, kI16{"I16", 1, 2}, kI32{"I32", 1, 4}, kI64{"I64", 1, 8};
    static constexpr DTypeInfo kU8{"U8", 1, 1}, kBool{"BOOL", 1, 1};
    case DType::kF32: return kF32;
    case DType::kF16: return kF16;
    case DType::kBF16: return kBF16;
    case DType::kQ8_0: return kQ8_0;
    case DType::kQ4_0: return kQ4_0;
    case DType::kQ4_1: return kQ4_1;
    case DType::kI8: return kI8;
    case DType::kI16: return kI16;
    case DType::kI32: return kI32;
    case DType::kI64: return kI64;
    case DType::kU8: return kU8;
    case DType::kBool: return kBool;
    case DType::kF64: return kF64;
  }
  check_failed(__FILE__, __LINE__, "a DType", "");
}

int64_t TensorView::elements() const {
  int64_t count = 1;
  for (const int64_t axis : shape) count *= axis;
  return count;
}

int64_t TensorView::rows() const {
  int64_t count = 1;
  for (size_t i = 0; i + 1 < shape.size(); ++i) count *= shape[i];
  return count;
}

int64_t TensorView::cols() const { return shape.empty() ? 1 : shape.back(); }

// f16: 1 sign, 5 exponent (bias 15), 10 fraction; f32: 1, 8 (bias 127), 23.
float f16_to_f32(uint16_t bits) {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000) << 16;
  const uint32_t exponent = bits >> 10 & 0x1F, fraction = bits & 0x3FF;
  if (exponent == 0) {  // zero or subnormal: fraction · 2^-24, exact in f32
    const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
    return std::bit_cast<float>(std::bit_cast<uint32_t>(magnitude) | sign);
  }
  const uint32_t wide_exponent = exponent == 31 ? 255 : exponent + (127 - 15);
  return std::bit_cast<float>(sign | wide_exponent << 23 | fraction << 13);
}

uint16_t f32_to_f16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t sign = bits >> 16 & 0x8000, magnitude = bits & 0x7FFFFFFF;
  uint32_t half = 0;
  if (magnitude > 0x7F800000) {
    half = 0x7E00;
  } else if (magnitude >= 0x477FF000) {  // rounds to 65536 or is more
    half = 0x7C00;
  } else if (magnitude < 0x38800000) {  // below 2^-14: adding 1/2 rounds to the subnormals' unit, 2^-24
    half = std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude) + 0.5f) - std::bit_cast<uint32_t>(0.5f);
  } else {
    half = (magnitude + 0xFFF + (magnitude >> 13 & 1) - (uint32_t{127 - 15} << 23)) >> 13;
  }
  return static_cast<uint16_t>(sign | half);
}

float bf16_to_f32(uint16_t bits) { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }

uint16_t f32_to_bf16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7FFFFFFF) > 0x7F800000)
    return static_cast<uint16_t>(bits >> 16 | 0x0040);  // NaN: rounding could make it infinite
  return static_cast<uint16_t>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

}  // namespace pent
