// Element types and the scalar conversions between them.
#include "io/tensor_view.h"

#include <bit>

#include "base/error.h"

namespace pent {

const DTypeInfo& dtype_info(DType type) {
  switch (type) {
    static constexpr DTypeInfo kF32{"F32", 1, 4}, kF16{"F16", 1, 2}, kBF16{"BF16", 1, 2}, kF64{"F64", 1, 8};
    static constexpr DTypeInfo kQ8_0{"Q8_0", 32, 34}, kQ4_0{"Q4_0", 32, 18}, kQ4_1{"Q4_1", 32, 20};
    static constexpr DTypeInfo kQ5_0{"Q5_0", 32, 22}, kQ5_1{"Q5_1", 32, 24}, kQ2_K{"Q2_K", 256, 84};
    static constexpr DTypeInfo kQ3_K{"Q3_K", 256, 110}, kQ4_K{"Q4_K", 256, 144}, kQ5_K{"Q5_K", 256, 176};
    static constexpr DTypeInfo kQ6_K{"Q6_K", 256, 210}, kIQ4_NL{"IQ4_NL", 32, 18}, kIQ4_XS{"IQ4_XS", 256, 136};
    static constexpr DTypeInfo kI8{"I8", 1, 1}, kI16{"I16", 1, 2}, kI32{"I32", 1, 4}, kI64{"I64", 1, 8};
    static constexpr DTypeInfo kU8{"U8", 1, 1}, kBool{"BOOL", 1, 1};
    case DType::kF32: return kF32;
    case DType::kF16: return kF16;
    case DType::kBF16: return kBF16;
    case DType::kQ8_0: return kQ8_0;
    case DType::kQ4_0: return kQ4_0;
    case DType::kQ4_1: return kQ4_1;
    case DType::kQ5_0: return kQ5_0;
    case DType::kQ5_1: return kQ5_1;
    case DType::kQ2_K: return kQ2_K;
    case DType::kQ3_K: return kQ3_K;
    case DType::kQ4_K: return kQ4_K;
    case DType::kQ5_K: return kQ5_K;
    case DType::kQ6_K: return kQ6_K;
    case DType::kIQ4_NL: return kIQ4_NL;
    case DType::kIQ4_XS: return kIQ4_XS;
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

}  // namespace pent
