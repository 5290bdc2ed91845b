// The lexer of Jinja2 (its documentation, "Template Designer": Whitespace Control), for {{ }}, {% %} and {# #}.
#include "text/jinja/lexer.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "text/jinja/python_text.h"
#include "text/utf8.h"

namespace pent::jinja {
namespace {

bool is_name_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// One newline convention; a single newline at the very end does not count.
std::string normalize_newlines(std::string_view source) {
  std::string text;
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r') {
      text += '\n';
      if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
    } else {
      text += source[i];
    }
  }
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

class Lexer {
 public:
  Lexer(std::string_view source, const std::string& where) : source_(normalize_newlines(source)), where_(where) {}

  std::vector<Token> run() {
    while (at_ < source_.size()) {
      read_text();
      if (at_ < source_.size()) read_tag();
    }
    add(TokenKind::kEnd, {});
    return std::move(tokens_);
  }

 private:
  Error fail(ErrorKind kind, const std::string& message) const {
    return error(kind, "{}:{}: {}", where_, line_, message);
  }
  bool looking_at(std::string_view what) const { return std::string_view(source_).substr(at_).starts_with(what); }
  void add(TokenKind kind, std::string text) { tokens_.push_back({kind, std::move(text), line_}); }

  void advance(size_t count) {
    line_ += static_cast<int>(std::count(source_.begin() + at_, source_.begin() + at_ + count, '\n'));
    at_ += count;
  }

  // Text up to the next tag, less the white space that the tag strips before itself.
  void read_text() {
    size_t tag = at_;
    do {
      tag = source_.find('{', tag);
    } while (tag != std::string::npos && !(tag + 1 < source_.size() && is_tag_letter(source_[tag + 1])) && ++tag);
    const size_t end = std::min(tag, source_.size());
    const std::string_view text = std::string_view(source_).substr(at_, end - at_);
    if (end < source_.size()) {
      add_text(text, end + 2 < source_.size() ? source_[end + 2] : ' ', source_[end + 1] != '{');
    } else {
      add_text(text, '+', false);
    }
    advance(text.size());
  }

  // Text before a tag that begins with the sign.
  void add_text(std::string_view text, char sign, bool block) {
    if (sign == '-') {
      text = strip_right(text);
    } else if (sign != '+' && block) {
      text = without_indentation(text);
    }
    if (!text.empty()) add(TokenKind::kText, std::string(text));
  }

  static bool is_tag_letter(char c) { return c == '{' || c == '%' || c == '#'; }

  // lstrip_blocks: white space between the start of a line and a block.
  std::string_view without_indentation(std::string_view text) const {
    const size_t newline = text.rfind('\n');
    if (newline == std::string_view::npos && !line_starting_) return text;
    const size_t start = newline == std::string_view::npos ? 0 : newline + 1;
    return strip_left(text.substr(start)).empty() ? text.substr(0, start) : text;
  }

  void read_tag() {
    const char letter = source_[at_ + 1];
    advance(2);
    if (at_ < source_.size() && (source_[at_] == '-' || source_[at_] == '+')) advance(1);
    if (letter == '%' && accept_raw_begin()) return read_raw();
    if (letter == '#') {
      const size_t end = source_.find("#}", at_);
      if (end == std::string::npos) throw fail(ErrorKind::kCorrupt, "the comment {# is not closed");
      const char sign = end > at_ ? source_[end - 1] : ' ';
      advance(end - at_ + 2);
      finish_tag(sign, true);
      return;
    }
    const bool block = letter == '%';
    add(block ? TokenKind::kBlockBegin : TokenKind::kPrintBegin, {});
    read_expression(block);
  }

  // The rest of {% raw %} or {% raw -%}; reads nothing if this is another block.
  bool accept_raw_begin() {
    size_t at = skip_spaces(at_);
    if (source_.compare(at, 3, "raw") != 0) return false;
    at = skip_spaces(at + 3);
    const bool dash = at < source_.size() && source_[at] == '-';
    if (source_.compare(at + dash, 2, "%}") != 0) return false;
    advance(at + dash + 2 - at_);
    finish_tag(dash ? '-' : '+', false);
    return true;
  }

  // Text up to {% endraw %}, in which nothing is a tag.
  void read_raw() {
    for (size_t tag = at_; (tag = source_.find("{%", tag)) != std::string::npos; ++tag) {
      size_t at = tag + 2;
      const char sign = at < source_.size() && (source_[at] == '-' || source_[at] == '+') ? source_[at++] : ' ';
      at = skip_spaces(at);
      if (source_.compare(at, 6, "endraw") != 0) continue;
      at = skip_spaces(at + 6);
      const char end_sign = at < source_.size() && (source_[at] == '-' || source_[at] == '+') ? source_[at++] : ' ';
      if (source_.compare(at, 2, "%}") != 0) continue;
      add_text(std::string_view(source_).substr(at_, tag - at_), sign, true);
      advance(at + 2 - at_);
      finish_tag(end_sign, true);
      return;
    }
    throw fail(ErrorKind::kCorrupt, "the block 'raw' is not closed by 'endraw'");
  }

  size_t skip_spaces(size_t at) const {
    const std::string_view rest = std::string_view(source_).substr(std::min(at, source_.size()));
    return source_.size() - strip_left(rest).size();
  }

  // After the closing brackets: -%} eats all white space, %} one newline (trim_blocks).
  void finish_tag(char sign, bool trims_newline) {
    const size_t begin = at_;
    if (sign == '-') {
      const std::string_view rest = std::string_view(source_).substr(at_);
      advance(rest.size() - strip_left(rest).size());
    } else if (trims_newline && sign != '+' && looking_at("\n")) {
      advance(1);
    }
    line_starting_ = at_ > begin && source_[at_ - 1] == '\n';
  }

  bool read_tag_end(bool block) {
    const std::string_view end = block ? "%}" : "}}";
    const char sign = source_[at_];
    const bool has_sign =
        (sign == '-' || (block && sign == '+')) && std::string_view(source_).substr(at_ + 1).starts_with(end);
    if (!has_sign && !looking_at(end)) return false;
    add(block ? TokenKind::kBlockEnd : TokenKind::kPrintEnd, {});
    advance(end.size() + has_sign);
    finish_tag(has_sign ? sign : ' ', block);
    return true;
  }

  void read_expression(bool block) {
    const int opened_at = line_;
    int brackets = 0;
    while (at_ < source_.size()) {
      if (brackets == 0 && read_tag_end(block)) return;
      const char c = source_[at_];
      if (c == ' ' || c == '\n' || c == '\t') {
        advance(1);
      } else if (is_name_start(c)) {
        read_name();
      } else if (is_digit(c)) {
        read_number();
      } else if (c == '"' || c == '\'') {
        read_string(c);
      } else {
        read_operator(brackets);
      }
    }
    line_ = opened_at;
    throw fail(ErrorKind::kCorrupt, block ? "the block {% is not closed" : "the expression {{ is not closed");
  }

  void read_name() {
    size_t end = at_;
    while (end < source_.size() && (is_name_start(source_[end]) || is_digit(source_[end]))) ++end;
    add(TokenKind::kName, source_.substr(at_, end - at_));
    at_ = end;
  }

  void read_number() {
    size_t end = at_;
    const auto skip_digits = [&] {
      while (end < source_.size() && (is_digit(source_[end]) || source_[end] == '_')) ++end;
    };
    const auto digit_at = [&](size_t i) { return i < source_.size() && is_digit(source_[i]); };
    skip_digits();
    // After a dot, as in list.0.5, a number has no fraction.
    const bool after_dot = at_ > 0 && source_[at_ - 1] == '.';
    bool fraction = false;
    if (!after_dot && end < source_.size() && source_[end] == '.' && digit_at(end + 1)) {
      fraction = true;
      ++end;
      skip_digits();
    }
    if (!after_dot && end < source_.size() && (source_[end] == 'e' || source_[end] == 'E')) {
      const size_t digits =
          end + 1 + (end + 1 < source_.size() && (source_[end + 1] == '+' || source_[end + 1] == '-'));
      if (digit_at(digits)) {
        fraction = true;
        end = digits;
        skip_digits();
      }
    }
    std::string digits = source_.substr(at_, end - at_);
    std::erase(digits, '_');
    if (digits.size() > (fraction ? 40 : 18))
      throw fail(ErrorKind::kUnsupported, "the number " + printable(digits, 40) + " is too large");
    add(fraction ? TokenKind::kFloat : TokenKind::kInteger, std::move(digits));
    at_ = end;
  }

  void read_string(char quote) {
    std::string value;
    size_t i = at_ + 1;
    for (; i < source_.size() && source_[i] != quote; ++i) {
      if (source_[i] == '\\' && i + 1 < source_.size()) {
        append_escape(++i, value);
      } else {
        value += source_[i];
      }
    }
    if (i >= source_.size()) throw fail(ErrorKind::kCorrupt, "a string is not closed");
    add(TokenKind::kString, std::move(value));
    advance(i + 1 - at_);
  }

  // Python's escapes; `i` is at the letter after the backslash and is left on the last one read.
  void append_escape(size_t& i, std::string& value) const {
    constexpr std::string_view kLetters = "ntr\\'\"abfv", kValues = "\n\t\r\\'\"\a\b\f\v";
    const char c = source_[i];
    const size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (digits > 0) {
      const std::string hex = source_.substr(i + 1, digits);
      const bool complete =
          hex.size() == digits && hex.find_first_not_of("0123456789abcdefABCDEF") == std::string::npos;
      const uint64_t code = complete ? std::stoull(hex, nullptr, 16) : ~uint64_t{0};
      if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
        throw fail(ErrorKind::kCorrupt, "a string has a wrong \\-escape");
      append_utf8(static_cast<char32_t>(code), value);
      i += digits;
    } else if (const size_t known = kLetters.find(c); known != std::string_view::npos) {
      value += kValues[known];
    } else if (c >= '0' && c <= '7') {  // up to three octal digits
      char32_t code = 0;
      size_t end = i;
      for (; end < source_.size() && end < i + 3 && source_[end] >= '0' && source_[end] <= '7'; ++end) {
        code = code * 8 + static_cast<char32_t>(source_[end] - '0');
      }
      append_utf8(code, value);
      i = end - 1;
    } else if (c != '\n') {  // a backslash before a line break joins the lines; any other stays
      value += '\\';
      value += c;
    }
  }

  void read_operator(int& brackets) {
    constexpr std::array<std::string_view, 6> kTwo = {"==", "!=", "<=", ">=", "//", "**"};
    constexpr std::string_view kOne = "+-*/%~|.,:()[]{}=<>";
    for (const std::string_view two : kTwo) {
      if (looking_at(two)) {
        add(TokenKind::kOperator, std::string(two));
        return advance(2);
      }
    }
    const char c = source_[at_];
    if (kOne.find(c) == std::string_view::npos) {
      throw fail(ErrorKind::kCorrupt,
                 "unexpected character '" + printable(source_.substr(at_, decode_utf8(source_, at_).length)) + "'");
    }
    if (c == '(' || c == '[' || c == '{') ++brackets;
    if ((c == ')' || c == ']' || c == '}') && --brackets < 0) {
      throw fail(ErrorKind::kCorrupt, std::string("'") + c + "' closes nothing");
    }
    add(TokenKind::kOperator, std::string(1, c));
    advance(1);
  }

  const std::string source_;
  const std::string& where_;
  size_t at_ = 0;
  int line_ = 1;
  bool line_starting_ = true;  // only white space can be between the start of the line and here
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> tokenize(std::string_view source, const std::string& where) { return Lexer(source, where).run(); }

}  // namespace pent::jinja
