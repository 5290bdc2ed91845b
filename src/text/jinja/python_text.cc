#include "text/jinja/python_text.h"

#include <fmt/format.h>
#include <utf8proc.h>

#include <algorithm>
#include <cmath>

#include "text/unicode.h"
#include "text/utf8.h"

namespace pent::jinja {
namespace {

bool is_stripped(char32_t code, const std::optional<std::string_view>& chars) {
  if (!chars) return is_python_space(code);
  for (size_t i = 0; i < chars->size();) {
    const DecodedChar c = decode_utf8(*chars, i);
    if (c.code == code) return true;
    i += c.length;
  }
  return false;
}

size_t last_char_start(std::string_view text) {
  size_t start = text.size() - 1;
  while (start > 0 && (text[start] & 0xC0) == 0x80) --start;
  return start;
}

void append_upper(char32_t code, std::string& out) {
  if (code == 0xDF) {
    out += "SS";
  } else {
    append_utf8(static_cast<char32_t>(utf8proc_toupper(static_cast<utf8proc_int32_t>(code))), out);
  }
}

void append_lower(char32_t code, std::string& out) {
  append_utf8(static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(code))), out);
}

bool has_case(char32_t code) {
  const auto c = static_cast<utf8proc_int32_t>(code);
  return utf8proc_tolower(c) != c || utf8proc_toupper(c) != c || utf8proc_category(c) == UTF8PROC_CATEGORY_LL ||
         utf8proc_category(c) == UTF8PROC_CATEGORY_LU;
}

// str.isprintable() of a character.
bool is_printable(char32_t code) {
  if (code == ' ') return true;
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(code))) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_ZS: return false;
    default: return true;
  }
}

bool is_line_break(char32_t code) {
  return (code >= 0x0A && code <= 0x0D) || (code >= 0x1C && code <= 0x1E) || code == 0x85 || code == 0x2028 ||
         code == 0x2029;
}

}  // namespace

bool is_python_space(char32_t code) { return char_class(code) == CharClass::kSpace || (code >= 0x1C && code <= 0x1F); }

std::string_view strip_left(std::string_view text, std::optional<std::string_view> chars) {
  while (!text.empty()) {
    const DecodedChar c = decode_utf8(text, 0);
    if (!is_stripped(c.code, chars)) break;
    text.remove_prefix(c.length);
  }
  return text;
}

std::string_view strip_right(std::string_view text, std::optional<std::string_view> chars) {
  while (!text.empty()) {
    const size_t start = last_char_start(text);
    if (!is_stripped(decode_utf8(text, start).code, chars)) break;
    text = text.substr(0, start);
  }
  return text;
}

int64_t count_chars(std::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; });
}

std::vector<size_t> char_starts(std::string_view text) {
  std::vector<size_t> starts;
  for (size_t i = 0; i < text.size(); ++i) {
    if ((text[i] & 0xC0) != 0x80) starts.push_back(i);
  }
  starts.push_back(text.size());
  return starts;
}

std::vector<std::string_view> chars_of(std::string_view text) {
  const std::vector<size_t> starts = char_starts(text);
  std::vector<std::string_view> chars;
  for (size_t i = 0; i + 1 < starts.size(); ++i) chars.push_back(text.substr(starts[i], starts[i + 1] - starts[i]));
  return chars;
}

std::vector<std::string_view> split(std::string_view text, std::optional<std::string_view> separator,
                                    int64_t max_splits) {
  std::vector<std::string_view> parts;
  const auto may_split = [&] { return max_splits < 0 || static_cast<int64_t>(parts.size()) < max_splits; };
  if (separator) {
    for (size_t end; may_split() && (end = text.find(*separator)) != std::string_view::npos;) {
      parts.push_back(text.substr(0, end));
      text.remove_prefix(end + separator->size());
    }
    parts.push_back(text);
    return parts;
  }
  for (text = strip_left(text); !text.empty(); text = strip_left(text)) {
    size_t end = 0;
    if (may_split()) {
      while (end < text.size() && !is_python_space(decode_utf8(text, end).code)) end += decode_utf8(text, end).length;
    } else {
      end = text.size();
    }
    parts.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return parts;
}

std::vector<std::string_view> split_from_right(std::string_view text, std::optional<std::string_view> separator,
                                               int64_t max_splits) {
  std::vector<std::string_view> parts;
  const auto may_split = [&] { return max_splits < 0 || static_cast<int64_t>(parts.size()) < max_splits; };
  if (separator) {
    for (size_t start; may_split() && (start = text.rfind(*separator)) != std::string_view::npos;) {
      parts.push_back(text.substr(start + separator->size()));
      text = text.substr(0, start);
    }
    parts.push_back(text);
  } else {
    for (text = strip_right(text); !text.empty(); text = strip_right(text)) {
      size_t start = may_split() ? text.size() : 0;
      while (start > 0) {
        const size_t previous = last_char_start(text.substr(0, start));
        if (is_python_space(decode_utf8(text, previous).code)) break;
        start = previous;
      }
      parts.push_back(text.substr(start));
      text = text.substr(0, start);
    }
  }
  std::reverse(parts.begin(), parts.end());
  return parts;
}

std::vector<std::string_view> split_lines(std::string_view text) {
  std::vector<std::string_view> lines;
  size_t start = 0;
  for (size_t i = 0; i < text.size();) {
    const DecodedChar c = decode_utf8(text, i);
    const size_t line_end = i;
    i += c.length;
    if (!is_line_break(c.code)) continue;
    if (c.code == '\r' && i < text.size() && text[i] == '\n') ++i;
    lines.push_back(text.substr(start, line_end - start));
    start = i;
  }
  if (start < text.size()) lines.push_back(text.substr(start));
  return lines;
}

int64_t count_occurrences(std::string_view text, std::string_view part) {
  if (part.empty()) return count_chars(text) + 1;
  int64_t count = 0;
  for (size_t at = 0; (at = text.find(part, at)) != std::string_view::npos; at += part.size()) ++count;
  return count;
}

std::string replace_all(std::string_view text, std::string_view old_part, std::string_view new_part,
                        int64_t max_count) {
  std::string out;
  int64_t count = 0;
  const auto may_replace = [&] { return max_count < 0 || count < max_count; };
  if (old_part.empty()) {  // before each character and at the end
    for (const std::string_view c : chars_of(text)) {
      if (may_replace()) out += new_part, ++count;
      out += c;
    }
    if (may_replace()) out += new_part;
    return out;
  }
  for (size_t at; may_replace() && (at = text.find(old_part)) != std::string_view::npos; ++count) {
    out += text.substr(0, at);
    out += new_part;
    text.remove_prefix(at + old_part.size());
  }
  return out += text;
}

std::string upper(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    const DecodedChar c = decode_utf8(text, i);
    i += c.length;
    append_upper(c.code, out);
  }
  return out;
}

std::string lower(std::string_view text) { return lowercase(text); }

std::string capitalize(std::string_view text) {
  if (text.empty()) return {};
  const size_t first = decode_utf8(text, 0).length;
  return upper(text.substr(0, first)) + lower(text.substr(first));
}

std::string title_case(std::string_view text) {
  std::string out;
  bool within_word = false;
  for (size_t i = 0; i < text.size();) {
    const DecodedChar c = decode_utf8(text, i);
    i += c.length;
    within_word ? append_lower(c.code, out) : append_upper(c.code, out);
    within_word = has_case(c.code);
  }
  return out;
}

std::string escape_html(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '\'': out += "&#39;"; break;
      case '"': out += "&#34;"; break;
      default: out += c;
    }
  }
  return out;
}

// Single quotes unless there is one inside and no double quote.
std::string quoted(std::string_view text) {
  const char quote = text.find('\'') != std::string_view::npos && text.find('"') == std::string_view::npos ? '"' : '\'';
  std::string out(1, quote);
  for (size_t i = 0; i < text.size();) {
    const DecodedChar c = decode_utf8(text, i);
    const std::string_view bytes = text.substr(i, c.length);
    i += c.length;
    if (c.code == static_cast<char32_t>(quote) || c.code == '\\') {
      out += '\\';
      out += bytes;
    } else if (c.code == '\n') {
      out += "\\n";
    } else if (c.code == '\t') {
      out += "\\t";
    } else if (c.code == '\r') {
      out += "\\r";
    } else if (is_printable(c.code)) {
      out += bytes;
    } else {
      const auto code = static_cast<uint32_t>(c.code);
      out += code <= 0xFF     ? fmt::format("\\x{:02x}", code)
             : code <= 0xFFFF ? fmt::format("\\u{:04x}", code)
                              : fmt::format("\\U{:08x}", code);
    }
  }
  return out += quote;
}

std::string float_text(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  std::string text = fmt::format("{}", value);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

std::string fixed_text(double value, int decimals) { return fmt::format("{:.{}f}", value, decimals); }

}  // namespace pent::jinja
