// UTF-8: reading code points from untrusted bytes, writing them, and cutting at whole characters.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace pent {

constexpr char32_t kReplacementCharacter = 0xFFFD;

struct DecodedChar {
  char32_t code;  // kReplacementCharacter if invalid
  size_t length;  // bytes read, at least 1; of an invalid sequence its maximal valid beginning (Unicode 15, §3.9)
  bool valid;
  bool cut_short;  // invalid only because the text ends here
};

// The character at `position`, which must be inside the text.
DecodedChar decode_utf8(std::string_view text, size_t position);
void append_utf8(char32_t code, std::string& out);
// Invalid sequences become U+FFFD each, as WHATWG and Rust's from_utf8_lossy do.
std::string replace_invalid_utf8(std::string_view text);
bool is_valid_utf8(std::string_view text);
// Length of the longest beginning that does not end within a character that more bytes could complete.
size_t whole_utf8_length(std::string_view text);

}  // namespace pent
