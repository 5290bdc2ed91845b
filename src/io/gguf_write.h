// Writing GGUF v3 (layout: docs/formats.md).
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "io/streamed_tensor.h"

namespace pent {

// A value as another file has it (GgufFile::stored_pairs): type and content. The bytes must stay alive.
struct GgufStoredValue {
  std::span<const std::byte> bytes;
};

// A metadata value, stored as the type it has here.
using GgufValueToWrite =
    std::variant<uint32_t, int32_t, float, bool, std::string, std::vector<uint8_t>, std::vector<int32_t>,
                 std::vector<float>, std::vector<std::string>, GgufStoredValue>;
using GgufPairs = std::vector<std::pair<std::string, GgufValueToWrite>>;

// Written atomically; the file has each tensor's axes the other way round. Throws kInvalidArgument for a name given twice, a
// type GGUF has no number for, a shape that its blocks do not divide or bytes that do not fit it; kIo.
void write_gguf(const std::filesystem::path& path, const GgufPairs& metadata,
                const std::vector<StreamedTensor>& tensors);

}  // namespace pent
