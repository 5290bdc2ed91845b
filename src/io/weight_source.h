// Where weights come from: named tensors, whatever the container (safetensors, GGUF, memory).
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "io/streamed_tensor.h"
#include "io/tensor_view.h"

namespace pent {

// Owns the mapped files; views it gives are valid for its lifetime. Reading is thread-safe.
class WeightSource {
 public:
  virtual ~WeightSource() = default;
  virtual std::vector<std::string> names() const = 0;                      // in file order
  virtual const TensorView* find(std::string_view name) const = 0;         // nullptr if absent
  virtual std::string describe() const = 0;                                // path(s), for messages
  virtual std::vector<std::filesystem::path> files() const { return {}; }  // mapped; none: from memory
  virtual void check_intact() const = 0;                                   // throws kIo if a file shrank while mapped
};

// One .safetensors file, or a model.safetensors.index.json with its shards. Throws kNotFound, kCorrupt, kIo.
std::unique_ptr<WeightSource> open_safetensors(const std::filesystem::path& path);
// The same from bytes that stay alive (the embedded model). `where` names it in messages.
std::unique_ptr<WeightSource> open_safetensors(std::span<const std::byte> bytes, std::string where);

// A tensor to be written; `bytes` is borrowed until the write returns.
struct TensorToWrite {
  std::string name;
  DType dtype;
  std::vector<int64_t> shape;
  std::span<const std::byte> bytes;
};
// Written atomically (base/mapped_file.h). metadata becomes "__metadata__" (string to string). Throws kInvalidArgument for a
// name given twice, a type safetensors has not, or bytes that do not fit a shape; kIo.
void write_safetensors(const std::filesystem::path& path, const std::vector<StreamedTensor>& tensors,
                       const std::vector<std::pair<std::string, std::string>>& metadata = {});
void write_safetensors(const std::filesystem::path& path, const std::vector<TensorToWrite>& tensors,
                       const std::vector<std::pair<std::string, std::string>>& metadata = {});

}  // namespace pent
