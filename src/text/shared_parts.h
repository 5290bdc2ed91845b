// Parts of tokenizer.json that occur among normalizers or pre-tokenizers and again among decoders.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "text/json_field.h"

namespace pent {

std::string replace_all(std::string_view text, std::string_view pattern, std::string_view content);

// The string `key` of `part`, which goes into texts many times: kCorrupt if it is longer than any tokenizer needs.
std::string parse_content(const JsonPart& part, const char* key);

// {"pattern": {"String": "a"} or {"Regex": "a+"}, "content": "b"}. Takes valid UTF-8.
using Replacement = std::function<std::string(std::string)>;
Replacement parse_replacement(const JsonPart& part);

// SentencePiece's way with spaces: each is written as a visible mark, and one is put before a text.
struct MetaspaceOptions {
  enum class Prepend { kAlways, kFirst, kNever };
  std::string replacement = "\u2581";
  Prepend prepend = Prepend::kAlways;
  bool split = true;  // a word begins at each mark
};
MetaspaceOptions parse_metaspace(const JsonPart& part);

}  // namespace pent
