// The character properties that tokenizers ask for (utf8proc's tables; ASCII and white space by our own).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace pent {

// The classes of GPT-2's pattern and its descendants; every character is in exactly one.
enum class CharClass : uint8_t { kLetter, kNumber, kSpace, kOther };  // \p{L}, \p{N}, \s, the rest
CharClass char_class(char32_t code);

bool is_word_char(char32_t code);  // \w: letters, marks, digits, connectors

enum class NormalForm { kNfc, kNfd, kNfkc, kNfkd };
// `text` must be valid UTF-8.
std::string normalize(std::string_view text, NormalForm form);
std::string lowercase(std::string_view text);  // character by character, without context rules

}  // namespace pent
