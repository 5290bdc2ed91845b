// Tensors of a model's files as the kernels want them: found and checked, dequantised, packed panel by panel on all threads; or taken
// from a file in which they were kept packed.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "io/model_files.h"
#include "kernels/pack.h"
#include "model/families/family.h"
#include "model/packed_cache.h"
#include "model/tensor_slots.h"

namespace pent {

// A matrix that was stored as [in, out], turned round.
struct TurnedMatrix {
  std::vector<float> values;
  TensorView view;  // of values
};

// One tensor's share of a packed matrix. head_dim > 0: its rows are in interleaved RoPE order and come back to half
// form.
struct MatrixPart {
  const TensorView* tensor;
  int64_t interleaved_head_dim = 0;
  int64_t first_row = 0;
  int64_t row_count = -1;                                // -1: all of the tensor's
  std::shared_ptr<const TurnedMatrix> turned = nullptr;  // what `tensor` is the view of, if it is no stored one

  int64_t rows() const { return row_count < 0 ? tensor->rows() : row_count; }

  int64_t source_row(int64_t row) const {
    return interleaved_head_dim == 0 ? first_row + row : row_in_interleaved(row, interleaved_head_dim);
  }
};

// What loading a model is made of. All that looks at a tensor throws kCorrupt naming it when it is missing, of the wrong shape or not
// finite, kUnsupported when of a type that weights cannot have.
class WeightPacker {
 public:
  WeightPacker(const ModelFiles& files, const TensorNames& names, kernels::PackedMatrix::Format format,
               ThreadPool* pool)
      : files_(files), names_(names), format_(format), pool_(pool) {}

  // The tensor, marked as used.
  const TensorView* find(const std::string& name, const std::vector<int64_t>& shape);
  std::vector<float> vector(const std::string& name, int64_t size);  // of a tensor [size]
  void check_finite(const TensorView& tensor) const;
  // A matrix stored the other way round.
  std::shared_ptr<const TurnedMatrix> turn(const TensorView& stored) const;

  // How the parts of a matrix are packed: 4-bit blocks as they are, everything else as the caller wants it.
  kernels::PackedMatrix::Format format_of(const std::vector<const TensorView*>& parts) const;
  // Bytes of a packed [n, k], by the formats of the tensors whose names these are, with {} the layer and 0.
  double matrix_bytes(const std::vector<std::string>& patterns, int layer, int64_t n, int64_t k) const;
  // The parts below one another as one matrix; or as a stack of `count` matrices of equally many parts, each beginning a panel.
  kernels::PackedMatrix pack(const std::vector<MatrixPart>& parts, int64_t count = 1) const;
  kernels::PackedMatrix pack_as(kernels::PackedMatrix::Format format, const std::vector<MatrixPart>& parts,
                                int64_t count) const;

 protected:
  // The tensor of this name, or its copy where the encoder's tensors repeat the decoder's; null: neither.
  const TensorView* find_either(const std::string& name) const;
  void read_rows(const TensorView& tensor, int64_t begin, int64_t end, float* out) const;

  const ModelFiles& files_;
  const TensorNames& names_;
  kernels::PackedMatrix::Format format_;
  ThreadPool* pool_;  // null where tensors are only looked for: matrices are empty then
  std::set<std::string> used_;
  std::unique_ptr<PackedFile> kept_;  // packed earlier; null: to be packed

 private:
  void check_fits_int8(const TensorView& tensor, const float* row) const;
  void pack_four_bit_row(const TensorView& tensor, int64_t source, int64_t row, kernels::PackedMatrix& matrix) const;
};

}  // namespace pent
