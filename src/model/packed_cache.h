// Packed weights kept on disk: the next start maps them instead of reading, checking and packing the model again.
// They are not the model: anything that does not fit is packed anew, and failing to keep them harms nothing.
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "base/json.h"
#include "base/mapped_file.h"
#include "io/weight_source.h"
#include "kernels/pack.h"

namespace pent {

struct PackedCache {
  std::filesystem::path folder;  // empty: none
  double at_least = 256e6;       // bytes that are worth keeping; fewer are packed in a fraction of a second
};

// What the packed weights were made of: the files' paths, sizes and times, names, types and shapes of all tensors, samples of
// each one's bytes, and the layout. Another of any of these is another key. Null for weights that come from no file.
Json packed_key(const WeightSource& weights);

// Where they lie in `folder`. One file for each model: a changed model replaces its own.
std::filesystem::path packed_path(const std::filesystem::path& folder, const WeightSource& weights);

// A file of packed matrices, in the order in which they were kept.
class PackedFile {
 public:
  // Null when there is none, or it is of another key or damaged.
  static std::unique_ptr<PackedFile> open(const std::filesystem::path& path, const Json& key);

  // The next matrix, which keeps the file mapped. Throws kCorrupt when it is not of this format and shape.
  kernels::PackedMatrix next(kernels::PackedMatrix::Format format, int64_t n, int64_t k);
  std::shared_ptr<const MappedFile> file() const { return file_; }

 private:
  std::shared_ptr<const MappedFile> file_;
  Json matrices_;
  size_t taken_ = 0;
};

// Creates the folder. Throws kIo; nothing is left behind then.
void write_packed(const std::filesystem::path& path, const Json& key,
                  const std::vector<kernels::PackedMatrix>& matrices);

// One file of the folder, for lists.
struct PackedEntry {
  std::filesystem::path path;
  std::string model;  // the first of its files; empty if it cannot be read
  uint64_t bytes = 0;
};
std::vector<PackedEntry> list_packed(const std::filesystem::path& folder);

}  // namespace pent
