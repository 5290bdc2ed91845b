// The byte alphabet of GPT-2 (Radford et al. 2019); docs/formats.md, tokenizer.json.
#include "text/byte_alphabet.h"

#include "text/utf8.h"

namespace pent {
namespace {

struct Tables {
  std::array<char32_t, 256> code{};
  std::array<std::string, 256> utf8;
  std::array<int16_t, 0x144> byte{};  // code point -> byte, -1 where none
};

const Tables& tables() {
  static const Tables kTables = [] {
    Tables t;
    t.byte.fill(-1);
    char32_t next = 0x100;
    for (int b = 0; b < 256; ++b) {
      const bool itself = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
      t.code[b] = itself ? static_cast<char32_t>(b) : next++;
      append_utf8(t.code[b], t.utf8[b]);
      t.byte[t.code[b]] = static_cast<int16_t>(b);
    }
    return t;
  }();
  return kTables;
}

}  // namespace

const std::array<char32_t, 256>& byte_alphabet() { return tables().code; }

void append_in_byte_alphabet(std::string_view bytes, std::string& out) {
  const Tables& t = tables();
  for (const char byte : bytes) out += t.utf8[static_cast<uint8_t>(byte)];
}

std::string bytes_of_token(std::string_view token) {
  const Tables& t = tables();
  std::string bytes;
  for (size_t i = 0; i < token.size();) {
    const DecodedChar c = decode_utf8(token, i);
    if (!c.valid || c.code >= t.byte.size() || t.byte[c.code] < 0) return std::string(token);
    bytes += static_cast<char>(t.byte[c.code]);
    i += c.length;
  }
  return bytes;
}

}  // namespace pent
