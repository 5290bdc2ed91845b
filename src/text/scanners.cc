// Hand-written scanners equal to the regular expressions in the header: alternatives are tried in the pattern's
// order, `\s+(?!\S)` leaves the last space of a run to the word that follows.
#include "text/scanners.h"

#include "text/unicode.h"
#include "text/utf8.h"

namespace pent {
namespace {

struct Char {
  char32_t code;
  size_t end;
  CharClass kind;
};

Char char_at(std::string_view text, size_t position) {
  const DecodedChar c = decode_utf8(text, position);
  return {c.code, position + c.length, char_class(c.code)};
}

size_t skip_class(std::string_view text, size_t position, CharClass kind) {
  while (position < text.size()) {
    const Char c = char_at(text, position);
    if (c.kind != kind) break;
    position = c.end;
  }
  return position;
}

size_t skip_newlines(std::string_view text, size_t position) {
  while (position < text.size() && (text[position] == '\r' || text[position] == '\n')) ++position;
  return position;
}

// 's 't 're 've 'm 'll 'd after the apostrophe at `begin`; begin if there is none.
size_t scan_contraction(std::string_view text, size_t begin, bool any_case) {
  constexpr std::string_view kLongS = "\u017F";  // folds to s
  if (any_case && text.substr(begin + 1).starts_with(kLongS)) return begin + 1 + kLongS.size();
  const auto letter = [&](size_t offset) -> char {
    if (begin + offset >= text.size()) return 0;
    const char c = text[begin + offset];
    return any_case && c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  };
  const char first = letter(1), second = letter(2);
  if (first == 's' || first == 't' || first == 'm' || first == 'd') return begin + 2;
  if ((first == 'r' || first == 'v') && second == 'e') return begin + 3;
  return first == 'l' && second == 'l' ? begin + 3 : begin;
}

// \s+(?!\S)|\s+ at a white-space run [begin, end): all but the last character if a word follows and something is left.
size_t leave_last_space(std::string_view text, size_t begin, size_t end) {
  if (end == text.size()) return end;
  size_t last = end - 1;
  while ((text[last] & 0xC0) == 0x80) --last;
  return last > begin ? last : end;
}

size_t scan_llama3_like(std::string_view text, size_t begin, int max_digits) {
  const Char c = char_at(text, begin);
  if (c.code == '\'') {
    const size_t end = scan_contraction(text, begin, true);
    if (end > begin) return end;
  }
  if (c.kind == CharClass::kLetter) return skip_class(text, c.end, CharClass::kLetter);
  if (c.kind == CharClass::kNumber) {
    size_t end = c.end;
    for (int digits = 1; digits < max_digits && end < text.size(); ++digits) {
      const Char next = char_at(text, end);
      if (next.kind != CharClass::kNumber) break;
      end = next.end;
    }
    return end;
  }
  if (c.end < text.size() && c.code != '\r' && c.code != '\n') {
    const Char next = char_at(text, c.end);
    if (next.kind == CharClass::kLetter) return skip_class(text, next.end, CharClass::kLetter);
    if (c.code == ' ' && next.kind == CharClass::kOther) {
      return skip_newlines(text, skip_class(text, next.end, CharClass::kOther));
    }
  }
  if (c.kind == CharClass::kOther) return skip_newlines(text, skip_class(text, c.end, CharClass::kOther));
  const size_t end = skip_class(text, c.end, CharClass::kSpace);
  for (size_t i = end; i > begin; --i) {
    if (text[i - 1] == '\r' || text[i - 1] == '\n') return i;  // \s*[\r\n]+
  }
  return leave_last_space(text, begin, end);
}

}  // namespace

size_t scan_gpt2_word(std::string_view text, size_t begin) {
  const Char c = char_at(text, begin);
  if (c.code == '\'') {
    const size_t end = scan_contraction(text, begin, false);
    if (end > begin) return end;
  }
  if (c.kind != CharClass::kSpace) return skip_class(text, c.end, c.kind);
  if (c.code == ' ' && c.end < text.size()) {
    const Char next = char_at(text, c.end);
    if (next.kind != CharClass::kSpace) return skip_class(text, next.end, next.kind);
  }
  return leave_last_space(text, begin, skip_class(text, c.end, CharClass::kSpace));
}

size_t scan_llama3_word(std::string_view text, size_t begin) { return scan_llama3_like(text, begin, 3); }
size_t scan_qwen2_word(std::string_view text, size_t begin) { return scan_llama3_like(text, begin, 1); }

WordScanner find_scanner(std::string_view pattern) {
  if (pattern == kGpt2Pattern) return scan_gpt2_word;
  if (pattern == kLlama3Pattern) return scan_llama3_word;
  if (pattern == kQwen2Pattern) return scan_qwen2_word;
  return nullptr;
}

}  // namespace pent
