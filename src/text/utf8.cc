// UTF-8 by the table of well-formed byte sequences (Unicode 15, table 3-7).
#include "text/utf8.h"

#include <cstdint>

namespace pent {
namespace {

struct LeadByte {
  size_t length;  // 0: not a lead byte
  uint8_t second_min, second_max;
};

LeadByte classify(uint8_t lead) {
  if (lead >= 0xC2 && lead <= 0xDF) return {2, 0x80, 0xBF};
  if (lead == 0xE0) return {3, 0xA0, 0xBF};
  if (lead == 0xED) return {3, 0x80, 0x9F};
  if (lead >= 0xE1 && lead <= 0xEF) return {3, 0x80, 0xBF};
  if (lead == 0xF0) return {4, 0x90, 0xBF};
  if (lead >= 0xF1 && lead <= 0xF3) return {4, 0x80, 0xBF};
  if (lead == 0xF4) return {4, 0x80, 0x8F};
  return {0, 0, 0};
}

}  // namespace

DecodedChar decode_utf8(std::string_view text, size_t position) {
  const auto lead = static_cast<uint8_t>(text[position]);
  if (lead < 0x80) return {lead, 1, true, false};
  const LeadByte form = classify(lead);
  if (form.length == 0) return {kReplacementCharacter, 1, false, false};
  char32_t code = lead & (0xFFu >> (form.length + 1));
  for (size_t i = 1; i < form.length; ++i) {
    if (position + i == text.size()) return {kReplacementCharacter, i, false, true};
    const auto byte = static_cast<uint8_t>(text[position + i]);
    const uint8_t low = i == 1 ? form.second_min : 0x80, high = i == 1 ? form.second_max : 0xBF;
    if (byte < low || byte > high) return {kReplacementCharacter, i, false, false};
    code = code << 6 | (byte & 0x3F);
  }
  return {code, form.length, true, false};
}

void append_utf8(char32_t code, std::string& out) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0 | code >> 6);
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0 | code >> 12);
    out += static_cast<char>(0x80 | (code >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | code >> 18);
    out += static_cast<char>(0x80 | (code >> 12 & 0x3F));
    out += static_cast<char>(0x80 | (code >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  }
}

std::string replace_invalid_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    const DecodedChar c = decode_utf8(text, i);
    if (c.valid) {
      out.append(text, i, c.length);
    } else {
      append_utf8(kReplacementCharacter, out);
    }
    i += c.length;
  }
  return out;
}

bool is_valid_utf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const DecodedChar c = decode_utf8(text, i);
    if (!c.valid) return false;
    i += c.length;
  }
  return true;
}

size_t whole_utf8_length(std::string_view text) {
  // Only the last three bytes can begin a character that is not finished.
  for (size_t back = 1; back <= 3 && back <= text.size(); ++back) {
    const size_t start = text.size() - back;
    if ((static_cast<uint8_t>(text[start]) & 0xC0) == 0x80) continue;
    const DecodedChar c = decode_utf8(text, start);
    return c.cut_short && c.length == back ? start : text.size();
  }
  return text.size();
}

}  // namespace pent
