// The matrix products of the AVX2 set (table: kernels.cc).
#pragma once

#include "kernels/kernels.h"

namespace pent::kernels::avx2 {

void matmul_f32(const MatrixF32& w, const float* x, int64_t x_stride, float* out, int64_t out_stride,
                const MatmulRange& range);
void matmul_q8(const MatrixQ8& w, const RowsQ8& x, float* out, int64_t out_stride, const MatmulRange& range);
void matmul_q4(const MatrixQ4& w, const RowsQ8& x, float* out, int64_t out_stride, const MatmulRange& range);

}  // namespace pent::kernels::avx2
