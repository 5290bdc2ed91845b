// Writing GGUF v3 (layout: docs/formats.md).
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/mapped_file.h"
#include "io/tensor_view.h"

namespace pent {

// A metadata value, stored as the type it has here.
using GgufValueToWrite =
    std::variant<uint32_t, int32_t, float, bool, std::string, std::vector<int32_t>, std::vector<std::string>>;
using GgufPairs = std::vector<std::pair<std::string, GgufValueToWrite>>;

// `write` hands over the tensor's bytes in pieces when its turn comes: a file may be larger than memory.
struct GgufTensorToWrite {
  std::string name;
  DType dtype;
  std::vector<int64_t> shape;  // [out, in], as everywhere here; the file has the axes the other way round
  std::function<void(const ByteSink&)> write;
};

// Written atomically. Throws kInvalidArgument for a name given twice, a type GGUF has no number for, a shape that its
// blocks do not divide or bytes that do not fit it; kIo.
void write_gguf(const std::filesystem::path& path, const GgufPairs& metadata,
                const std::vector<GgufTensorToWrite>& tensors);

}  // namespace pent
