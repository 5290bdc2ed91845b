// Weight matrices in the layouts the kernels read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "kernels/kernels.h"

namespace pent::kernels {

// A matrix [n, k] held in one of the layouts, filled panel by panel (different panels from different threads). Copies
// share the weights.
class PackedMatrix {
 public:
  // 4-bit with a minimum per group, or without: as GGUF's blocks of these names.
  enum class Format { kF32, kQ8, kQ4_0, kQ4_1 };
  // Changes whenever bytes() of the same matrix would: what is kept on disk depends on it. All kernel sets read one layout.
  static constexpr uint32_t kLayout = 2;

  static constexpr float kMostInInt8 = 127 * 65504.0f;  // what the largest float16 number as a scale can hold

  PackedMatrix() = default;
  PackedMatrix(Format format, int64_t n, int64_t k);
  // Weights packed earlier: bytes_needed() bytes, aligned to 64, never written to. `owner` keeps them alive.
  PackedMatrix(Format format, int64_t n, int64_t k, const std::byte* bytes, std::shared_ptr<const void> owner);

  // rows: up to kPanel rows of k floats, rows [panel * kPanel, …) of the matrix. Fewer only in the last panel. For int8 none is
  // larger than kMostInInt8.
  void pack_panel(int64_t panel, const float* rows, int64_t count);

  // Of a 4-bit matrix, whose k is a multiple of kGroup: the group of columns [group * kGroup, …) of `row`. scale and minimum are
  // float16 bits (kQ4_0: minimum is -8 * scale and not stored); values [kGroup], 0 … 15. Once for each.
  void pack_group(int64_t row, int64_t group, uint16_t scale, uint16_t minimum, const uint8_t* values);

  Format format() const { return format_; }
  bool is_four_bit() const { return format_ == Format::kQ4_0 || format_ == Format::kQ4_1; }
  int64_t n() const { return n_; }
  int64_t k() const { return k_; }
  int64_t panels() const { return (n_ + kPanel - 1) / kPanel; }
  int64_t groups() const { return (k_ + kGroup - 1) / kGroup; }
  MatrixF32 f32() const { return {at<float>(0), n_, k_}; }
  MatrixQ8 q8() const { return {at<uint8_t>(scale_bytes()), at<uint16_t>(0), n_, groups()}; }
  MatrixQ4 q4() const { return {at<uint8_t>(scale_bytes()), at<uint16_t>(0), format_ == Format::kQ4_1, n_, groups()}; }
  // The matrix of `n` of its outputs, from a panel on: of matrices that were stacked, each from a panel of its own.
  MatrixF32 f32_part(int64_t panel, int64_t n) const { return {at<float>(panel * kPanel * k_ * 4), n, k_}; }
  MatrixQ8 q8_part(int64_t panel, int64_t n) const {
    const int64_t before = panel * groups() * kPanel;
    return {at<uint8_t>(scale_bytes() + before * kGroup), at<uint16_t>(before * 2), n, groups()};
  }
  MatrixQ4 q4_part(int64_t panel, int64_t n) const {
    const int64_t before = panel * groups() * kPanel;
    return {at<uint8_t>(scale_bytes() + before * kGroup / 2), at<uint16_t>(before * scale_bytes_of(format_)),
            format_ == Format::kQ4_1, n, groups()};
  }
  static int64_t bytes_needed(Format format, int64_t n, int64_t k);
  // The scales (and minima) of all panels, then their values: a multiple of 64 bytes each.
  std::span<const std::byte> bytes() const { return {bytes_, static_cast<size_t>(bytes_needed(format_, n_, k_))}; }

 private:
  int64_t scale_bytes() const { return panels() * groups() * kPanel * scale_bytes_of(format_); }
  static int64_t scale_bytes_of(Format format);  // per output row and group
  template <typename T>
  const T* at(int64_t offset) const {
    return reinterpret_cast<const T*>(bytes_ + offset);
  }
  template <typename T>
  T* writable(int64_t offset) {
    return reinterpret_cast<T*>(filled_.get() + offset);
  }

  Format format_ = Format::kF32;
  int64_t n_ = 0;
  int64_t k_ = 0;
  std::shared_ptr<std::byte> filled_;  // null where the weights are someone else's
  std::shared_ptr<const void> owner_;
  const std::byte* bytes_ = nullptr;
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
