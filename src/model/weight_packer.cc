#include "model/weight_packer.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "model/experts.h"

namespace pent {

using kernels::PackedMatrix;

const TensorView* WeightPacker::find_either(const std::string& name) const {
  const TensorView* tensor = files_.weights->find(name);
  if (tensor != nullptr || names_.decoder_prefix == nullptr || !name.starts_with(names_.decoder_prefix)) return tensor;
  return files_.weights->find(names_.encoder_prefix + name.substr(std::string_view(names_.decoder_prefix).size()));
}

const TensorView* WeightPacker::find(const std::string& name, const std::vector<int64_t>& shape) {
  used_.insert(name);
  const TensorView* tensor = find_either(name);
  if (tensor == nullptr) {
    throw error(ErrorKind::kCorrupt, "{}: tensor '{}' is missing", files_.weights->describe(), name);
  }
  if (tensor->shape != shape) {
    throw error(ErrorKind::kCorrupt, "{}: tensor '{}' has shape [{}], the config asks for [{}]",
                files_.weights->describe(), name, fmt::join(tensor->shape, ", "), fmt::join(shape, ", "));
  }
  if (!is_weight_type(tensor->dtype)) {
    throw error(ErrorKind::kUnsupported, "{}: tensor '{}' has type {}, which weights cannot have",
                files_.weights->describe(), name, dtype_info(tensor->dtype).name);
  }
  return tensor;
}

std::vector<float> WeightPacker::vector(const std::string& name, int64_t size) {
  std::vector<float> values(static_cast<size_t>(size));
  read_rows(*find(name, {size}), 0, 1, values.data());
  return values;
}

// Rows of the tensor as float, refused if any element is NaN or infinite.
void WeightPacker::read_rows(const TensorView& tensor, int64_t begin, int64_t end, float* out) const {
  dequantize_rows(tensor, begin, end, out);
  for (int64_t i = 0; i < (end - begin) * tensor.cols(); ++i) {
    if (!std::isfinite(out[i])) {
      throw error(ErrorKind::kCorrupt, "{}: tensor '{}' holds a value that is not finite (row {}, column {})",
                  files_.weights->describe(), tensor.name, begin + i / tensor.cols(), i % tensor.cols());
    }
  }
}

void WeightPacker::check_finite(const TensorView& tensor) const {
  pool_->parallel_for(tensor.rows(), 256, [&](int64_t begin, int64_t end, int) {
    std::vector<float> row(tensor.cols());
    for (int64_t i = begin; i < end; ++i) read_rows(tensor, i, i + 1, row.data());
  });
}

std::shared_ptr<const TurnedMatrix> WeightPacker::turn(const TensorView& stored) const {
  const int64_t n = stored.cols(), k = stored.rows();
  auto turned = std::make_shared<TurnedMatrix>();
  turned->view = {.name = stored.name, .dtype = DType::kF32, .shape = {n, k}, .bytes = {}};
  if (kept_ || pool_ == nullptr) return turned;  // only its shape is asked for
  turned->values.resize(static_cast<size_t>(n * k));
  turned->view.bytes = std::as_bytes(std::span(turned->values));
  pool_->parallel_for(k, 16, [&](int64_t begin, int64_t end, int) {
    std::vector<float> column(static_cast<size_t>(n));
    for (int64_t i = begin; i < end; ++i) {
      read_rows(stored, i, i + 1, column.data());
      for (int64_t row = 0; row < n; ++row)
        turned->values[static_cast<size_t>(row * k + i)] = column[static_cast<size_t>(row)];
    }
  });
  return turned;
}

PackedMatrix::Format WeightPacker::format_of(const std::vector<const TensorView*>& parts) const {
  using Format = PackedMatrix::Format;
  bool four_bit = true, without_minima = true;
  for (const TensorView* part : parts) {
    four_bit = four_bit && part != nullptr && is_four_bit(part->dtype);
    without_minima = without_minima && part != nullptr && part->dtype == DType::kQ4_0;
  }
  return format_ != Format::kQ8 || !four_bit ? format_ : without_minima ? Format::kQ4_0 : Format::kQ4_1;
}

double WeightPacker::matrix_bytes(const std::vector<std::string>& patterns, int layer, int64_t n, int64_t k) const {
  std::vector<const TensorView*> parts;
  for (const std::string& pattern : patterns)
    parts.push_back(find_either(fmt::format(fmt::runtime(pattern), layer, 0)));
  return static_cast<double>(PackedMatrix::bytes_needed(format_of(parts), n, k));
}

PackedMatrix WeightPacker::pack(const std::vector<MatrixPart>& parts, int64_t count) const {
  std::vector<const TensorView*> tensors;
  for (const MatrixPart& part : parts) tensors.push_back(part.tensor);
  return pack_as(format_of(tensors), parts, count);
}

PackedMatrix WeightPacker::pack_as(PackedMatrix::Format format, const std::vector<MatrixPart>& parts,
                                   int64_t count) const {
  const int64_t k = parts.front().tensor->cols(), parts_each = static_cast<int64_t>(parts.size()) / count;
  int64_t n = 0;
  for (int64_t i = 0; i < parts_each; ++i) n += parts[static_cast<size_t>(i)].rows();
  const int64_t whole = count == 1 ? n : count * stacked_rows(n), panels_each = stacked_rows(n) / kernels::kPanel;
  if (kept_) return kept_->next(format, whole, k);
  if (pool_ == nullptr) return {};
  PackedMatrix matrix(format, whole, k);
  pool_->parallel_for(matrix.panels(), 1, [&](int64_t begin, int64_t end, int) {
    std::vector<float> rows(static_cast<size_t>(kernels::kPanel * k));
    for (int64_t panel = begin; panel < end; ++panel) {
      const int64_t first = panel % panels_each * kernels::kPanel, rows_here = std::min(kernels::kPanel, n - first);
      for (int64_t i = 0; i < rows_here; ++i) {
        int64_t row = first + i;
        const MatrixPart* part = parts.data() + panel / panels_each * parts_each;
        for (; row >= part->rows(); ++part) row -= part->rows();
        const int64_t source = part->source_row(row);
        if (matrix.is_four_bit()) {
          pack_four_bit_row(*part->tensor, source, panel * kernels::kPanel + i, matrix);
        } else {
          read_rows(*part->tensor, source, source + 1, rows.data() + i * k);
          if (matrix.format() == PackedMatrix::Format::kQ8) check_fits_int8(*part->tensor, rows.data() + i * k);
        }
      }
      if (!matrix.is_four_bit()) matrix.pack_panel(panel, rows.data(), rows_here);
    }
  });
  return matrix;
}

void WeightPacker::check_fits_int8(const TensorView& tensor, const float* row) const {
  const auto too_large = [](float x) { return std::fabs(x) > PackedMatrix::kMostInInt8; };
  const float* end = row + tensor.cols();
  if (const float* found = std::find_if(row, end, too_large); found != end)
    throw error(ErrorKind::kUnsupported, "{}: tensor '{}' holds {}, more than int8 weights can say; --precise can",
                files_.weights->describe(), tensor.name, *found);
}

void WeightPacker::pack_four_bit_row(const TensorView& tensor, int64_t source, int64_t row,
                                     PackedMatrix& matrix) const {
  for (int64_t group = 0; group < matrix.groups(); ++group) {
    const FourBitBlock block = read_four_bit_block(tensor, source, group);
    if (!std::isfinite(f16_to_f32(block.scale)) || !std::isfinite(f16_to_f32(block.minimum))) {
      throw error(ErrorKind::kCorrupt, "{}: tensor '{}' holds a value that is not finite (row {}, column {})",
                  files_.weights->describe(), tensor.name, source, group * kernels::kGroup);
    }
    matrix.pack_group(row, group, block.scale, block.minimum, block.values);
  }
}

}  // namespace pent
