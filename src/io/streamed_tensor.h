// A tensor on its way into a file whose bytes come in pieces when its turn comes: a file may be larger than memory.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/mapped_file.h"
#include "io/tensor_view.h"

namespace pent {

struct StreamedTensor {
  std::string name;
  DType dtype;
  std::vector<int64_t> shape;  // [out, in], as everywhere here
  std::function<void(const ByteSink&)> write;
};

// Lets it write itself; throws kInvalidArgument, naming `where`, unless exactly `size` bytes come.
void write_streamed(const StreamedTensor& tensor, uint64_t size, const std::string& where, const ByteSink& sink);
// Throws kInvalidArgument for a name given twice.
void check_names_differ(const std::vector<StreamedTensor>& tensors, const std::string& where);

}  // namespace pent
