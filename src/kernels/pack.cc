// Packing of weights (layouts: kernels.h). int8 weights are symmetric per output row and group of 32, scale the first float16
// number from max|w| / 127 on, rounded to nearest even, whatever the source format was. GGUF's Q8_0 blocks, whose greatest value is
// 127, come out as they went in.
#include "kernels/pack.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/float16.h"
#include "base/memory.h"

namespace pent::kernels {

PackedMatrix::PackedMatrix(Format format, int64_t n, int64_t k)
    : format_(format),
      n_(n),
      k_(k),
      filled_(allocate_zeroed(static_cast<size_t>(bytes_needed(format, n, k)))),
      bytes_(filled_.get()) {}

PackedMatrix::PackedMatrix(Format format, int64_t n, int64_t k, const std::byte* bytes,
                           std::shared_ptr<const void> owner)
    : format_(format), n_(n), k_(k), owner_(std::move(owner)), bytes_(bytes) {}

int64_t PackedMatrix::bytes_needed(Format format, int64_t n, int64_t k) {
  const int64_t panels = (n + kPanel - 1) / kPanel, groups = (k + kGroup - 1) / kGroup;
  if (format == Format::kF32) return panels * kPanel * k * 4;
  return panels * kPanel * groups * ((format == Format::kQ8 ? kGroup : kGroup / 2) + scale_bytes_of(format));
}

int64_t PackedMatrix::scale_bytes_of(Format format) {
  return format == Format::kF32 ? 0 : format == Format::kQ4_1 ? 4 : 2;
}

void PackedMatrix::pack_panel(int64_t panel, const float* rows, int64_t count) {
  if (format_ == Format::kF32) {
    float* out = writable<float>(0) + panel * k_ * kPanel;
    for (int64_t column = 0; column < count; ++column) {
      for (int64_t k = 0; k < k_; ++k) out[k * kPanel + column] = rows[column * k_ + k];
    }
    return;
  }
  uint8_t* const values = writable<uint8_t>(scale_bytes()) + panel * groups() * kGroup * kPanel;
  uint16_t* const scales = writable<uint16_t>(0) + panel * groups() * kPanel;
  std::fill_n(values, groups() * kGroup * kPanel, uint8_t{128});  // zero, where no weight is
  for (int64_t column = 0; column < count; ++column) {
    for (int64_t group = 0; group < groups(); ++group) {
      const float* x = rows + column * k_ + group * kGroup;
      const int64_t length = std::min(kGroup, k_ - group * kGroup);
      float largest = 0;
      for (int64_t i = 0; i < length; ++i) largest = std::max(largest, std::fabs(x[i]));
      const uint16_t scale = f16_at_least(largest / 127.0f);
      const float inverse = largest > 0 ? 1.0f / f16_to_f32(scale) : 0.0f;
      scales[group * kPanel + column] = scale;
      uint8_t* out = values + group * kGroup * kPanel + column * 4;
      for (int64_t i = 0; i < length; ++i) {
        out[i / 4 * kPanel * 4 + i % 4] = static_cast<uint8_t>(128 + static_cast<int>(std::nearbyint(x[i] * inverse)));
      }
    }
  }
}

void PackedMatrix::pack_group(int64_t row, int64_t group, uint16_t scale, uint16_t minimum, const uint8_t* values) {
  const int64_t block = row / kPanel * groups() + group, column = row % kPanel;
  uint16_t* const scales = writable<uint16_t>(0) + block * kPanel * (scale_bytes_of(format_) / 2) + column;
  scales[0] = scale;
  if (format_ == Format::kQ4_1) scales[kPanel] = minimum;
  constexpr int64_t kHalf = kPanel / 2;
  uint8_t* out = writable<uint8_t>(scale_bytes()) + block * kGroup * kHalf + column % kHalf * 4;
  const int shift = column < kHalf ? 0 : 4;
  for (int64_t i = 0; i < kGroup; ++i) out[i / 4 * kHalf * 4 + i % 4] |= static_cast<uint8_t>(values[i] << shift);
}

void QuantizedRows::resize(int64_t rows, int64_t k) {
  groups = (k + kGroup - 1) / kGroup;
  const auto grow = [](auto& vector, int64_t size) {
    if (static_cast<int64_t>(vector.size()) < size) vector.resize(size);
  };
  grow(values, rows * groups * kGroup);
  grow(scales, rows * groups);
  grow(offsets, rows * groups);
  grow(sums, rows * groups);
}

}  // namespace pent::kernels
