#include "text/jinja/formatting.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "text/jinja/operators.h"
#include "text/jinja/printing.h"
#include "text/jinja/python_text.h"

namespace pent::jinja {
namespace {

constexpr int kMaxWidth = 1000;

Error unsupported_field(std::string_view field) {
  return error(ErrorKind::kUnsupported, "the format '{}' is not supported in chat templates yet", printable(field, 40));
}

class PercentFormat {
 public:
  PercentFormat(const Value& format, const Value& values, Runtime& runtime)
      : format_(*format.as_string()), safe_(format.is_safe()), values_(values), runtime_(runtime) {
    if (values.as_list() && values.list_kind() == ListKind::kTuple) {
      items_ = *values.as_list();
    } else {
      items_ = {values};
    }
  }

  Value run() {
    while (at_ < format_.size()) {
      const char c = format_[at_++];
      c == '%' ? append_field() : void(out_ += c);
    }
    const bool all_used = used_ == items_.size() || by_name_ || values_.as_dict();
    if (!all_used) throw wrong("'%': more values than the format takes");
    runtime_.spend(out_.size());
    return Value(std::move(out_), safe_);
  }

 private:
  int read_number() {
    int number = 0;
    for (; at_ < format_.size() && format_[at_] >= '0' && format_[at_] <= '9'; ++at_) {
      number = number * 10 + (format_[at_] - '0');
      if (number > kMaxWidth) throw error(ErrorKind::kUnsupported, "a format wider than {} characters", kMaxWidth);
    }
    return number;
  }

  void append_field() {
    const size_t start = at_ - 1;
    std::optional<Value> named;
    if (at_ < format_.size() && format_[at_] == '(') {
      const size_t end = format_.find(')', at_);
      if (end == std::string::npos) throw unsupported_field(format_.substr(start));
      const Value* found = find_entry(values_, std::string_view(format_).substr(at_ + 1, end - at_ - 1));
      if (!found) throw wrong("'%': no value '{}'", printable(format_.substr(at_ + 1, end - at_ - 1), 40));
      named = *found;
      by_name_ = true;
      at_ = end + 1;
    }
    bool left = false, zeros = false;
    for (; at_ < format_.size() && (format_[at_] == '-' || format_[at_] == '0'); ++at_) {
      (format_[at_] == '-' ? left : zeros) = true;
    }
    const int width = read_number();
    int precision = -1;
    if (at_ < format_.size() && format_[at_] == '.') ++at_, precision = read_number();
    const char conversion = at_ < format_.size() ? format_[at_++] : '\0';
    if (conversion == '%') {
      out_ += '%';
      return;
    }
    const std::string field = format_.substr(start, at_ - start);
    if (conversion == '\0' || std::string_view("srdifxX").find(conversion) == std::string_view::npos) {
      throw unsupported_field(field);
    }
    std::string text = converted(named ? *named : next_value(), conversion, precision, field);
    const int64_t missing = width - count_chars(text);
    if (missing > 0) pad(text, static_cast<size_t>(missing), left, zeros && conversion != 's' && conversion != 'r');
    out_ += text;
  }

  static void pad(std::string& text, size_t count, bool left, bool zeros) {
    if (left) {
      text.append(count, ' ');
    } else {
      text.insert(zeros && text.starts_with('-') ? 1 : 0, count, zeros ? '0' : ' ');
    }
  }

  Value next_value() {
    if (used_ == items_.size()) throw wrong("'%': fewer values than the format takes");
    return items_[used_++];
  }

  std::string converted(const Value& value, char conversion, int precision, const std::string& field) {
    if (conversion == 's' || conversion == 'r') {
      std::string text = conversion == 'r' && value.as_string() ? quoted(*value.as_string()) : to_text(value, runtime_);
      if (precision >= 0) {
        const std::vector<size_t> starts = char_starts(text);
        text.resize(starts[std::min(starts.size() - 1, static_cast<size_t>(precision))]);
      }
      return safe_ && !value.is_safe() ? escape_html(text) : text;
    }
    if (!value.number()) throw wrong("'{}' of {}", field, value.type_name());
    if (conversion == 'f') {
      if (!std::isfinite(*value.number())) return float_text(*value.number());
      return fixed_text(*value.number(), precision < 0 ? 6 : precision);
    }
    if (precision >= 0) throw unsupported_field(field);
    if (const double* fraction = value.as_float()) {
      if (conversion != 'd' && conversion != 'i') throw wrong("'{}' of {}", field, value.type_name());
      if (!(std::abs(*fraction) < 0x1p63)) throw wrong("a number becomes too large");
      return std::to_string(static_cast<int64_t>(*fraction));
    }
    const int64_t whole = *value.integer();
    if (conversion == 'd' || conversion == 'i') return std::to_string(whole);
    const std::string digits = conversion == 'x' ? fmt::format("{:x}", whole) : fmt::format("{:X}", whole);
    return digits;
  }

  const std::string& format_;
  const bool safe_;
  const Value& values_;
  Runtime& runtime_;
  Items items_;
  size_t used_ = 0, at_ = 0;
  bool by_name_ = false;
  std::string out_;
};

// The value in the form that comes after the colon of a field.
std::string with_specification(const Value& value, std::string_view specification, std::string_view field,
                               Runtime& runtime) {
  if (specification.empty()) return to_text(value, runtime);
  if (specification == "s" && value.as_string()) return to_text(value, runtime);
  if (specification == "d" && value.as_int()) return to_text(value, runtime);
  const bool fixed = specification.size() == 3 && specification[0] == '.' && specification[2] == 'f' &&
                     specification[1] >= '0' && specification[1] <= '9';
  if (!fixed || !value.number() || !std::isfinite(*value.number())) throw unsupported_field(field);
  return fixed_text(*value.number(), specification[1] - '0');
}

}  // namespace

Value percent_format(const Value& format, const Value& values, Runtime& runtime) {
  return PercentFormat(format, values, runtime).run();
}

Value brace_format(const Value& format, const Arguments& arguments, Runtime& runtime) {
  const std::string_view text = *format.as_string();
  std::string out;
  size_t next = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '{' && text[i] != '}') {
      out += text[i];
      continue;
    }
    if (i + 1 < text.size() && text[i + 1] == text[i]) {
      out += text[i++];
      continue;
    }
    const size_t end = text[i] == '{' ? text.find('}', i) : std::string_view::npos;
    if (end == std::string_view::npos) throw wrong("'format': a single '{}' in the text", text[i]);
    const std::string_view field = text.substr(i, end - i + 1), inner = text.substr(i + 1, end - i - 1);
    const size_t colon = std::min(inner.find(':'), inner.size());
    const std::string name(inner.substr(0, colon));
    const Value* value = nullptr;
    if (name.empty() || (name.size() < 4 && name.find_first_not_of("0123456789") == std::string::npos)) {
      const size_t index = name.empty() ? next++ : static_cast<size_t>(std::strtol(name.c_str(), nullptr, 10));
      if (index < arguments.positional.size()) value = &arguments.positional[index];
    } else if (name.find_first_of(".[!{") != std::string::npos) {
      throw unsupported_field(field);
    } else {
      value = find_variable(arguments.named, name);
    }
    if (!value) throw wrong("'format': no value for '{}'", printable(field, 40));
    const std::string filled =
        with_specification(*value, inner.substr(std::min(colon + 1, inner.size())), field, runtime);
    out += format.is_safe() && !value->is_safe() ? escape_html(filled) : filled;
    i = end;
  }
  runtime.spend(out.size());
  return Value(std::move(out), format.is_safe());
}

}  // namespace pent::jinja
