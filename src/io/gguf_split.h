// A GGUF model split into parts, NAME-00001-of-00003.gguf …, seen as one file. Layout: docs/formats.md.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/gguf.h"

namespace pent {

struct GgufPartName {
  std::string stem;                        // NAME
  int64_t number, count;                   // 1 … count, as in the name
  std::string part(int64_t number) const;  // the file name of another part
};
// nullopt for a name that is not that of a part.
std::optional<GgufPartName> parse_gguf_part_name(const std::string& file_name);

// The parts in order, each opened; checks split.no, split.count and split.tensors.count against what is there, and that
// no tensor occurs twice. Metadata is the first part's. Throws kCorrupt with the part's path and the cause.
std::unique_ptr<GgufFile> join_gguf_parts(std::vector<std::unique_ptr<GgufFile>> parts);

// Opens all parts of the model that `first_opened`, of the file `path`, is one of (any of them).
std::unique_ptr<GgufFile> open_split_gguf(const std::filesystem::path& path, std::unique_ptr<GgufFile> first_opened);

// A file by itself, which may be a part. `open_gguf` is what others call.
std::unique_ptr<GgufFile> open_one_gguf(const std::filesystem::path& path);
std::unique_ptr<GgufFile> open_one_gguf(std::span<const std::byte> bytes, std::string where);  // borrowed bytes

}  // namespace pent
