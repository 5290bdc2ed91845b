#include "engine/moved_tensor.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "io/quantize.h"
#include "model/tensor_slots.h"

namespace pent {
namespace {

class Mover {
 public:
  Mover(const MovedTensor& tensor, const std::string& source, const MoveOptions& options)
      : tensor_(tensor), source_(source), options_(options) {}

  void write(const ByteSink& sink) const {
    if (tensor_.turned) return write_turned(sink);
    if (tensor_.shape.size() == 1) return write_vector(sink);
    constexpr int64_t kPieceElements = int64_t{1} << 22;
    const int64_t cols = tensor_.shape.back();
    int64_t rows = 0;
    for (const MovedTensor::Part& part : tensor_.parts) rows += part.rows();
    if (rows == 0 || cols == 0) return;  // whatever length a file gives the other axes
    const int64_t row_bytes = bytes_of(cols), piece_rows = std::max<int64_t>(1, kPieceElements / cols);
    std::vector<std::byte> piece(static_cast<size_t>(row_bytes * std::min(piece_rows, rows)));
    for (int64_t first = 0; first < rows; first += piece_rows) {
      const int64_t count = std::min(piece_rows, rows - first);
      options_.pool.parallel_for(count, std::max<int64_t>(1, 4096 / cols), [&](int64_t begin, int64_t end, int) {
        std::vector<float> values(static_cast<size_t>(cols));
        for (int64_t row = begin; row < end; ++row)
          move_row(first + row, values.data(), piece.data() + row * row_bytes);
      });
      emit(piece.data(), row_bytes * count, sink);
    }
  }

 private:
  int64_t bytes_of(int64_t elements) const {
    const DTypeInfo& info = dtype_info(tensor_.type);
    return elements / info.block_size * info.block_bytes;
  }

  void emit(const std::byte* data, int64_t bytes, const ByteSink& sink) const {
    if (options_.cancel != nullptr && options_.cancel->cancelled())
      throw error(ErrorKind::kCancelled, "stopped; nothing was written");
    sink(data, static_cast<size_t>(bytes));
    if (options_.progress) options_.progress(tensor_.name, static_cast<uint64_t>(bytes));
  }

  int64_t source_row(int64_t row) const {
    switch (tensor_.rows) {
      case MovedTensor::Rows::kInterleaved: return row_in_half_form(row, tensor_.head_dim);
      case MovedTensor::Rows::kHalfForm: return row_in_interleaved(row, tensor_.head_dim);
      case MovedTensor::Rows::kAsTheyAre: break;
    }
    return row;
  }

  void move_row(int64_t row, float* values, std::byte* out) const {
    int64_t at = source_row(row);
    const MovedTensor::Part* part = tensor_.parts.data();
    for (; at >= part->rows(); ++part) at -= part->rows();
    const TensorView& from = *part->tensor;
    at += part->first_row;
    if (from.dtype == tensor_.type && tensor_.scale == 1) {
      const auto row_bytes = static_cast<size_t>(bytes_of(from.cols()));
      std::memcpy(out, from.bytes.data() + static_cast<size_t>(at) * row_bytes, row_bytes);
      return;
    }
    dequantize_rows(from, at, at + 1, values);
    store(from, at, values, from.cols(), out);
  }

  void write_turned(const ByteSink& sink) const {
    const TensorView& from = *tensor_.parts.front().tensor;
    const int64_t rows = from.rows(), cols = from.cols();
    std::vector<float> turned(static_cast<size_t>(rows * cols));
    options_.pool.parallel_for(rows, 16, [&](int64_t begin, int64_t end, int) {
      std::vector<float> values(static_cast<size_t>(cols));
      for (int64_t row = begin; row < end; ++row) {
        dequantize_rows(from, row, row + 1, values.data());
        for (int64_t col = 0; col < cols; ++col)
          turned[static_cast<size_t>(col * rows + row)] = values[static_cast<size_t>(col)];
      }
    });
    const TensorView view{
        .name = from.name, .dtype = DType::kF32, .shape = {cols, rows}, .bytes = std::as_bytes(std::span(turned))};
    MovedTensor straight = tensor_;
    straight.turned = false;
    straight.parts = {{&view}};
    Mover(straight, source_, options_).write(sink);
  }

  // A vector's elements are what rows are elsewhere.
  void write_vector(const ByteSink& sink) const {
    const TensorView& from = *tensor_.parts.front().tensor;
    std::vector<float> stored(static_cast<size_t>(from.elements())), values(stored.size());
    dequantize_rows(from, 0, 1, stored.data());
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = stored[static_cast<size_t>(source_row(static_cast<int64_t>(i)))];
    std::vector<std::byte> out(static_cast<size_t>(bytes_of(from.elements())));
    store(from, 0, values.data(), from.elements(), out.data());
    emit(out.data(), static_cast<int64_t>(out.size()), sink);
  }

  void store(const TensorView& from, int64_t row, float* values, int64_t count, std::byte* out) const {
    const float most = most_storable(tensor_.type);
    for (int64_t i = 0; i < count; ++i) {
      values[i] *= tensor_.scale;
      if (!std::isfinite(values[i]))
        throw error(ErrorKind::kCorrupt, "{}: tensor '{}' holds a value that is not finite (row {})", source_,
                    from.name, row);
      if (std::fabs(values[i]) > most)
        throw error(ErrorKind::kUnsupported,
                    "{}: tensor '{}' holds {} (row {}), more than {} can say; take bf16 or f32", source_, from.name,
                    values[i], row, dtype_info(tensor_.type).name);
    }
    quantize(tensor_.type, values, count, out);
  }

  const MovedTensor& tensor_;
  const std::string& source_;
  const MoveOptions& options_;
};

}  // namespace

StreamedTensor stream(const MovedTensor& tensor, const std::string& source, const MoveOptions& options) {
  return {tensor.name, tensor.type, tensor.shape,
          [&tensor, &source, &options](const ByteSink& sink) { Mover(tensor, source, options).write(sink); }};
}

}  // namespace pent
