// SentencePiece's compiled normalization rules: a double-array trie of strings and what each becomes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pent {

// u32 size of the trie in bytes | the trie's units, u32 each | the replacements, each ended by a zero byte.
// Immutable, thread-safe; the bytes are untrusted.
class PrecompiledCharsmap {
 public:
  PrecompiledCharsmap(std::string_view blob, const std::string& where);  // kCorrupt

  // `text` is valid UTF-8, and so is the result.
  std::string operator()(std::string_view text) const;

 private:
  std::optional<std::string_view> find(std::string_view chunk) const;

  std::vector<uint32_t> units_;
  std::string replacements_;
};

// Standard alphabet, with or without padding; kCorrupt naming WHERE.
std::string decode_base64(std::string_view text, const std::string& where);
std::string encode_base64(std::string_view bytes);  // with padding

}  // namespace pent
