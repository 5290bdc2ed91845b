// The character properties that tokenizers ask for (utf8proc's tables; ASCII and white space by our own).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace pent {

// The classes of GPT-2's pattern and its descendants; every character is in exactly one.
enum class CharClass : uint8_t { kLetter, kNumber, kSpace, kOther };  // \p{L}, \p{N}, \s, the rest
CharClass char_class(char32_t code);

bool is_word_char(char32_t code);  // \w: alphabetic, marks, digits, connectors
// Three for BERT. Where a later version moved a character to another category, they keep Unicode 8's, as the library's
// tables do and published vocabularies were made with.
bool is_mark(char32_t code);               // \p{M}
bool is_nonspacing_mark(char32_t code);    // \p{Mn}
bool is_punctuation(char32_t code);        // \p{P} and what C calls so in ASCII ($, +, <, …)
bool is_invisible_control(char32_t code);  // \p{Cc}, \p{Cf}, \p{Co}

// Length of what a reader takes for one character at `position` (an extended grapheme cluster, UAX #29).
size_t grapheme_length(std::string_view text, size_t position);

enum class NormalForm { kNfc, kNfd, kNfkc, kNfkd };
// `text` must be valid UTF-8.
std::string normalize(std::string_view text, NormalForm form);
std::string lowercase(std::string_view text);  // character by character, without context rules

}  // namespace pent
