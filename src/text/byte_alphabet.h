// GPT-2's byte alphabet: every byte is one printable character, so that a vocabulary is text.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace pent {

// byte -> code point: 33–126, 161–172 and 174–255 stand for themselves, the other 68 in order for U+0100 …
const std::array<char32_t, 256>& byte_alphabet();

void append_in_byte_alphabet(std::string_view bytes, std::string& out);
// The bytes that a token spells. A token with a character outside the alphabet stands for its own UTF-8.
std::string bytes_of_token(std::string_view token);

}  // namespace pent
