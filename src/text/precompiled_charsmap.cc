// The charsmap of SentencePiece's normalizer, applied as Hugging Face's tokenizers do: to each grapheme cluster of fewer
// than six bytes, else to each character; of several keys that the text begins with, the shortest counts.
// Trie: Darts-clone's double array (S. Yata), as google/sentencepiece stores it.
#include "text/precompiled_charsmap.h"

#include <algorithm>

#include "base/error.h"
#include "text/unicode.h"
#include "text/utf8.h"

namespace pent {
namespace {

constexpr size_t kMaxReplacementBytes = 1024;  // NFKC needs 33
constexpr size_t kMaxGraphemeBytes = 5;

uint32_t read_u32(std::string_view bytes, size_t at) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) value |= static_cast<uint32_t>(static_cast<uint8_t>(bytes[at + i])) << (8 * i);
  return value;
}

// One unit of the double array.
struct Unit {
  uint32_t bits;
  bool has_leaf() const { return bits >> 8 & 1; }
  uint32_t label() const { return bits & 0x800000FFu; }  // a leaf's top bit is set, so that it is no label
  uint32_t value() const { return bits & 0x7FFFFFFFu; }
  uint32_t offset() const { return bits >> 10 << ((bits & 1u << 9) >> 6); }
};

}  // namespace

PrecompiledCharsmap::PrecompiledCharsmap(std::string_view blob, const std::string& where) {
  if (blob.size() < 4) throw error(ErrorKind::kCorrupt, "{}: {} bytes; expected at least 4", where, blob.size());
  const size_t trie_bytes = read_u32(blob, 0);
  if (trie_bytes % 4 != 0 || trie_bytes == 0 || trie_bytes > blob.size() - 4) {
    throw error(ErrorKind::kCorrupt, "{}: a trie of {} bytes in {}", where, trie_bytes, blob.size());
  }
  units_.resize(trie_bytes / 4);
  for (size_t i = 0; i < units_.size(); ++i) units_[i] = read_u32(blob, 4 + 4 * i);
  replacements_ = blob.substr(4 + trie_bytes);
  if (!is_valid_utf8(replacements_)) throw error(ErrorKind::kCorrupt, "{}: replacements that are not UTF-8", where);
  for (size_t begin = 0; begin < replacements_.size();) {
    const size_t end = std::min(replacements_.find('\0', begin), replacements_.size());
    if (end - begin > kMaxReplacementBytes) {
      throw error(ErrorKind::kCorrupt, "{}: a replacement of {} bytes; at most {} are expected", where, end - begin,
                  kMaxReplacementBytes);
    }
    begin = end + 1;
  }
}

// What the shortest key that `chunk` begins with becomes.
std::optional<std::string_view> PrecompiledCharsmap::find(std::string_view chunk) const {
  size_t node = Unit{units_[0]}.offset();
  for (const char c : chunk) {
    const auto byte = static_cast<uint8_t>(c);
    node ^= byte;
    if (byte == 0 || node >= units_.size()) return std::nullopt;
    const Unit unit{units_[node]};
    if (unit.label() != byte) return std::nullopt;
    node ^= unit.offset();
    if (!unit.has_leaf()) continue;
    if (node >= units_.size()) return std::nullopt;
    const size_t begin = Unit{units_[node]}.value();
    if (begin > replacements_.size()) return std::nullopt;
    if (begin < replacements_.size() && (replacements_[begin] & 0xC0) == 0x80)
      return std::nullopt;  // within a character
    const size_t end = std::min(replacements_.find('\0', begin), replacements_.size());
    return std::string_view(replacements_).substr(begin, end - begin);
  }
  return std::nullopt;
}

std::string PrecompiledCharsmap::operator()(std::string_view text) const {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const std::string_view grapheme = text.substr(at, grapheme_length(text, at));
    at += grapheme.size();
    if (grapheme.size() <= kMaxGraphemeBytes) {
      if (const auto whole = find(grapheme)) {
        out += *whole;
        continue;
      }
    }
    for (size_t i = 0; i < grapheme.size();) {
      const std::string_view character = grapheme.substr(i, decode_utf8(grapheme, i).length);
      out += find(character).value_or(character);
      i += character.size();
    }
  }
  return out;
}

std::string decode_base64(std::string_view text, const std::string& where) {
  std::string_view digits = text;
  while (digits.ends_with('=') && text.size() - digits.size() < 2) digits.remove_suffix(1);
  std::string out;
  out.reserve(digits.size() / 4 * 3 + 2);
  uint32_t bits = 0;
  int held = 0;
  for (size_t i = 0; i < digits.size(); ++i) {
    const char c = digits[i];
    const int value = c >= 'A' && c <= 'Z'   ? c - 'A'
                      : c >= 'a' && c <= 'z' ? c - 'a' + 26
                      : c >= '0' && c <= '9' ? c - '0' + 52
                      : c == '+'             ? 62
                      : c == '/'             ? 63
                                             : -1;
    if (value < 0) throw error(ErrorKind::kCorrupt, "{}: not base64 at byte {}", where, i);
    bits = bits << 6 | static_cast<uint32_t>(value);
    if ((held += 6) < 8) continue;
    held -= 8;
    out += static_cast<char>(bits >> held & 0xFF);
  }
  return out;
}

std::string encode_base64(std::string_view bytes) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t bits = 0;
    for (size_t j = 0; j < 3; ++j) bits = bits << 8 | (i + j < bytes.size() ? static_cast<uint8_t>(bytes[i + j]) : 0u);
    for (size_t j = 0; j < 4; ++j) out += i + j <= bytes.size() ? kDigits[bits >> (18 - 6 * j) & 63] : '=';
  }
  return out;
}

}  // namespace pent
