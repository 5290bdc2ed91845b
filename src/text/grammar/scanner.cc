// Characters, hexadecimal codes and counts.
#include "text/grammar/scanner.h"

#include "text/utf8.h"

namespace pent::grammar {

Scanner::Scanner(std::string_view text, std::string what) : text_(text), what_(std::move(what)) {
  if (!is_valid_utf8(text)) throw error(ErrorKind::kInvalidArgument, "{}: not valid UTF-8", what_);
}

bool Scanner::take(std::string_view token) {
  if (!rest().starts_with(token)) return false;
  at_ += token.size();
  return true;
}

uint32_t Scanner::take_character() {
  if (at_end()) refuse("it ends too early");
  const DecodedChar decoded = decode_utf8(text_, at_);
  at_ += decoded.length;
  return decoded.code;
}

uint32_t Scanner::take_hex(size_t digits) {
  uint32_t code = 0;
  size_t count = 0;
  for (; digits == 0 ? peek() != '}' : count < digits; ++count) {
    const char c = peek();
    const bool letter = (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    if ((!letter && (c < '0' || c > '9')) || count == 8) refuse("expected a hexadecimal code");
    code = code * 16 + static_cast<uint32_t>(letter ? (c | 0x20) - 'a' + 10 : c - '0');
    skip(1);
  }
  if (digits == 0) skip(1);
  if (count == 0 || code > kLastCode || (code >= 0xD800 && code <= 0xDFFF)) refuse("no character has that code");
  return code;
}

std::optional<int> Scanner::take_number() {
  if (peek() < '0' || peek() > '9') return std::nullopt;
  int number = 0;
  for (; peek() >= '0' && peek() <= '9'; skip(1)) {
    number = number * 10 + (peek() - '0');
    if (number > kMaxCount) refuse(fmt::format("a count above {}", kMaxCount));
  }
  return number;
}

std::optional<Scanner::Counts> Scanner::take_counts() {
  const size_t before = at_;
  const std::optional<int> min = take_number();
  std::optional<int> max = min;
  if (take(",")) max = take_number().value_or(kUnlimited);
  if (!take("}") || !max || (!min && *max == kUnlimited)) {
    at_ = before;
    return std::nullopt;
  }
  if (*max != kUnlimited && *max < min.value_or(0)) refuse("a repetition whose end is below its beginning");
  return Counts{min.value_or(0), *max};
}

void Scanner::refuse(const std::string& why, ErrorKind kind) const {
  throw error(kind, "{}: {} at byte {} of '{}'", what_, why, at_, printable(text_));
}

}  // namespace pent::grammar
