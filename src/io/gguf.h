// GGUF v2/v3: metadata and tensors. Layout: docs/formats.md.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "io/weight_source.h"

namespace pent {

// A metadata value: every integer type widened, arrays typed by their elements.
using GgufValue = std::variant<uint64_t, int64_t, double, bool, std::string, std::vector<int64_t>, std::vector<double>,
                               std::vector<std::string>>;

// A metadata pair as the file has it; the value's type stands before it. Borrowed from the file.
struct GgufStoredPair {
  std::string_view key;
  std::span<const std::byte> value;
};

// Tensors keep GGUF names; shapes are turned to [out, in]. Rows of Q and K are left as stored (see formats: RoPE trap).
class GgufFile : public WeightSource {
 public:
  virtual int version() const = 0;
  virtual const std::map<std::string, GgufValue>& metadata() const = 0;
  // In file order, to be written into another file; none from memory.
  virtual std::vector<GgufStoredPair> stored_pairs() const { return {}; }
  // Typed look-ups: nullopt if absent, kCorrupt naming file and key if of another type.
  virtual std::optional<int64_t> get_int(const std::string& key) const = 0;
  virtual std::optional<double> get_number(const std::string& key) const = 0;
  virtual std::optional<bool> get_bool(const std::string& key) const = 0;
  virtual std::optional<std::string> get_string(const std::string& key) const = 0;
  virtual const std::vector<std::string>* get_strings(const std::string& key) const = 0;
  virtual const std::vector<int64_t>* get_ints(const std::string& key) const = 0;
};

// Any part of a split model (NAME-00001-of-00003.gguf) opens the whole of it.
// Throws kNotFound, kCorrupt, kUnsupported (a tensor type we do not read is named), kIo.
std::unique_ptr<GgufFile> open_gguf(const std::filesystem::path& path);
std::unique_ptr<GgufFile> open_gguf(std::span<const std::byte> bytes, std::string where);  // borrowed bytes; no part

}  // namespace pent
