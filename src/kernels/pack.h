// Weight matrices in the layouts the kernels read.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/kernels.h"

namespace pent::kernels {

// A matrix [n, k] held in one of the layouts, filled panel by panel (different panels from different threads).
class PackedMatrix {
 public:
  enum class Format { kF32, kQ8, kQ4 };

  PackedMatrix() = default;
  PackedMatrix(Format format, int64_t n, int64_t k);

  // rows: up to kPanel rows of k floats, rows [panel * kPanel, …) of the matrix. Fewer only in the last panel.
  void pack_panel(int64_t panel, const float* rows, int64_t count);

  // Of a kQ4 matrix, whose k is a multiple of kGroup: the group of columns [group * kGroup, …) of `row`. scale and minimum are
  // float16 bits; values [kGroup], 0 … 15.
  void pack_group(int64_t row, int64_t group, uint16_t scale, uint16_t minimum, const uint8_t* values);

  Format format() const { return format_; }
  int64_t n() const { return n_; }
  int64_t k() const { return k_; }
  int64_t panels() const { return (n_ + kPanel - 1) / kPanel; }
  int64_t groups() const { return (k_ + kGroup - 1) / kGroup; }
  MatrixF32 f32() const { return {floats_.data(), n_, k_}; }
  MatrixQ8 q8() const { return {bytes_.data(), floats_.data(), n_, groups()}; }
  MatrixQ4 q4() const { return {bytes_.data(), halves_.data(), n_, groups()}; }
  static int64_t bytes_needed(Format format, int64_t n, int64_t k);

 private:
  Format format_ = Format::kF32;
  int64_t n_ = 0;
  int64_t k_ = 0;
  std::vector<float> floats_;     // values of kF32, scales of kQ8
  std::vector<uint8_t> bytes_;    // values of kQ8 and kQ4
  std::vector<uint16_t> halves_;  // scales and minima of kQ4
};

// Owned storage for quantised activations.
struct QuantizedRows {
  std::vector<int8_t> values;
  std::vector<float> scales;
  std::vector<int32_t> offsets;
  std::vector<float> sums;
  int64_t groups = 0;

  void resize(int64_t rows, int64_t k);
  RowsQ8 view() { return {values.data(), scales.data(), offsets.data(), sums.data(), groups}; }
};

}  // namespace pent::kernels
