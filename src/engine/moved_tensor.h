// A tensor of the model that is written, and the rows of the model that is read of which it is made.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/thread_pool.h"
#include "io/streamed_tensor.h"

namespace pent {

struct MovedTensor {
  enum class Rows { kAsTheyAre, kInterleaved, kHalfForm };  // of heads that RoPE turns: brought into this order
  struct Part {
    const TensorView* tensor;
    int64_t first_row = 0;
    int64_t row_count = -1;  // -1: all
    int64_t rows() const { return row_count < 0 ? tensor->rows() : row_count; }
  };

  std::string name;
  DType type;
  std::vector<int64_t> shape;
  std::vector<Part> parts;  // one below the other; never empty
  Rows rows = Rows::kAsTheyAre;
  int64_t head_dim = 0;
  float scale = 1;
  bool turned = false;  // the one part is stored as [in, out]: brought to [out, in], or the other way
};

struct MoveOptions {
  ThreadPool& pool;
  const CancelToken* cancel = nullptr;
  // Called from the writing thread, after each piece: the tensor, and bytes written of it since the last call.
  std::function<void(const std::string& tensor, uint64_t bytes)> progress;
};

// Piece by piece: rows that keep their type are copied as they are stored, others are dequantised, checked and quantised by all
// threads. Memory is bounded by a piece (a vector, or a
// matrix that is turned: by itself). Its `write` throws kCorrupt for a value that is not finite,
// kUnsupported for one that the type cannot hold (both name tensor and row), kCancelled. `tensor` and `options` are borrowed.
StreamedTensor stream(const MovedTensor& tensor, const std::string& source, const MoveOptions& options);

}  // namespace pent
