#include "io/streamed_tensor.h"

#include <set>
#include <string_view>

#include "base/error.h"

namespace pent {

void write_streamed(const StreamedTensor& tensor, uint64_t size, const std::string& where, const ByteSink& sink) {
  uint64_t written = 0;
  tensor.write([&](const void* data, size_t piece) {
    written += piece;
    sink(data, piece);
  });
  if (written != size) {
    throw error(ErrorKind::kInvalidArgument, "{}: tensor '{}' came with {} bytes, its shape asks for {}", where,
                tensor.name, written, size);
  }
}

void check_names_differ(const std::vector<StreamedTensor>& tensors, const std::string& where) {
  std::set<std::string_view> names;
  for (const StreamedTensor& tensor : tensors) {
    if (!names.insert(tensor.name).second)
      throw error(ErrorKind::kInvalidArgument, "{}: tensor '{}' is given twice", where, tensor.name);
  }
}

}  // namespace pent
