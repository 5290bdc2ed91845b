// Filters that make text or numbers of one value.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "text/jinja/filters.h"
#include "text/jinja/formatting.h"
#include "text/jinja/operators.h"
#include "text/jinja/printing.h"
#include "text/jinja/python_text.h"
#include "text/utf8.h"

namespace pent::jinja {
namespace {

constexpr int64_t kMaxIndent = 1000, kMaxDecimals = 30;

template <auto kConvert>
Value converted(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const Parameters given("this filter", arguments, {});
  return Value(kConvert(to_text(input, runtime)), input.is_safe());
}

// What starts a word is upper, the rest lower; words are parted by white space, - and opening brackets.
std::string title(const std::string& text) {
  std::string out;
  bool starts_word = true;
  for (const std::string_view c : chars_of(text)) {
    const bool separator =
        is_python_space(decode_utf8(c, 0).code) || std::string_view("-({[<").find(c) != std::string_view::npos;
    out += separator ? std::string(c) : starts_word ? upper(c) : lower(c);
    starts_word = separator;
  }
  return out;
}

Value string(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const Parameters given("string", arguments, {});
  return input.as_string() ? input : Value(to_text(input, runtime));
}

Value safe(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const Parameters given("safe", arguments, {});
  return Value(to_text(input, runtime), true);
}

Value escape(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const Parameters given("escape", arguments, {});
  return input.is_safe() ? input : Value(escape_html(to_text(input, runtime)), true);
}

Value trim(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const Parameters given("trim", arguments, {"chars"});
  const std::string text = to_text(input, runtime), chars = given.string(0, "");
  std::optional<std::string_view> stripped;
  if (given.find(0) && !given.find(0)->is_none()) stripped = chars;
  runtime.spend(text.size() * chars.size());
  return Value(std::string(strip_left(strip_right(text, stripped), stripped)), input.is_safe());
}

Value replace(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const Parameters given("replace", arguments, {"old", "new", "count"});
  const std::string text = to_text(input, runtime);
  const std::string old_part = to_text(given.required(0), runtime), new_part = to_text(given.required(1), runtime);
  runtime.spend(static_cast<size_t>(count_occurrences(text, old_part)) * new_part.size());
  return replace_all(text, old_part, new_part, given.integer(2, -1));
}

Value indent(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const Parameters given("indent", arguments, {"width", "first", "blank"});
  std::string indentation;
  if (given.find(0) && given.find(0)->as_string()) {
    indentation = *given.find(0)->as_string();
  } else {
    indentation.assign(static_cast<size_t>(std::clamp<int64_t>(given.integer(0, 4), 0, kMaxIndent)), ' ');
  }
  const bool blank_lines = given.truth(2, false);
  std::string text = to_text(input, runtime) + "\n";
  std::string out = given.truth(1, false) ? indentation : "";
  bool first = true;
  for (const std::string_view line : split_lines(text)) {
    runtime.spend(indentation.size() + 1);
    if (!first) {
      out += '\n';
      if (blank_lines || !line.empty()) out += indentation;
    }
    first = false;
    out += line;
  }
  return Value(std::move(out), input.is_safe());
}

Value tojson(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const Parameters given("tojson", arguments, {"ensure_ascii", "indent", "separators", "sort_keys"});
  JsonStyle style{.ensure_ascii = given.truth(0, false), .sort_keys = given.truth(3, false)};
  if (const Value* indentation = given.find(1); indentation && !indentation->is_none()) {
    style.item_separator = ",";
    style.indent = indentation->as_string()
                       ? *indentation->as_string()
                       : std::string(static_cast<size_t>(std::clamp<int64_t>(given.integer(1, 0), 0, kMaxIndent)), ' ');
  }
  if (const Value* separators = given.find(2); separators && !separators->is_none()) {
    const Items* pair = separators->as_list();
    if (!pair || pair->size() != 2 || !(*pair)[0].as_string() || !(*pair)[1].as_string()) {
      throw wrong("the argument 'separators' of 'tojson' is not a pair of strings");
    }
    style.item_separator = *(*pair)[0].as_string();
    style.key_separator = *(*pair)[1].as_string();
  }
  return to_json(input, style, runtime);
}

Value default_value(Runtime&, const Value& input, const Arguments& arguments) {
  const Parameters given("default", arguments, {"default_value", "boolean"});
  if (!input.is_undefined() && (input.truth() || !given.truth(1, false))) return input;
  return given.find(0) ? *given.find(0) : Value("");
}

Value format(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const Value text = string(runtime, input, {});
  if (arguments.named.empty()) return percent_format(text, Value(arguments.positional, ListKind::kTuple), runtime);
  if (!arguments.positional.empty()) throw wrong("'format' takes values by place or by name, not both");
  Entries entries;
  for (const auto& [name, value] : arguments.named) entries.emplace_back(name, value);
  return percent_format(text, entries, runtime);
}

// Python's float(text), of decimal digits.
std::optional<double> parse_float(std::string_view text) {
  text = strip_left(strip_right(text));
  if (text.starts_with('+')) text.remove_prefix(1);
  if (text.starts_with('+') || text.starts_with("-+")) return std::nullopt;
  double value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || problem != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Value to_int(Runtime&, const Value& input, const Arguments& arguments) {
  const Parameters given("int", arguments, {"default", "base"});
  if (given.integer(1, 10) != 10) throw error(ErrorKind::kUnsupported, "'int' of another base than 10");
  const Value fallback = given.find(0) ? *given.find(0) : Value(int64_t{0});
  if (const auto whole = input.integer()) return *whole;
  std::optional<double> number = input.number();
  if (const std::string* text = input.as_string()) {
    std::string_view digits = strip_left(strip_right(*text));
    if (digits.starts_with('+') && !digits.starts_with("+-")) digits.remove_prefix(1);
    int64_t whole = 0;
    const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), whole);
    if (!digits.empty() && problem == std::errc() && end == digits.data() + digits.size() && whole != INT64_MIN) {
      return whole;
    }
    number = parse_float(*text);
  }
  if (!number || !(std::abs(*number) < 0x1p63)) return fallback;
  return static_cast<int64_t>(*number);
}

Value to_float(Runtime&, const Value& input, const Arguments& arguments) {
  const Parameters given("float", arguments, {"default"});
  std::optional<double> number = input.number();
  if (input.as_string()) number = parse_float(*input.as_string());
  if (number) return *number;
  return given.find(0) ? *given.find(0) : Value(0.0);
}

Value absolute(Runtime&, const Value& input, const Arguments& arguments) {
  const Parameters given("abs", arguments, {});
  if (const auto whole = input.integer()) return std::abs(*whole);
  if (const auto number = input.number()) return std::abs(*number);
  throw wrong("'abs' of {}", input.type_name());
}

Value round_number(Runtime&, const Value& input, const Arguments& arguments) {
  const Parameters given("round", arguments, {"precision", "method"});
  const int64_t decimals = given.integer(0, 0);
  const std::string method = given.string(1, "common");
  if (!input.number()) throw wrong("'round' of {}", input.type_name());
  if (decimals < 0 || decimals > kMaxDecimals) {
    throw error(ErrorKind::kUnsupported, "'round' to {} decimals; 0 to {} are supported", decimals, kMaxDecimals);
  }
  const double value = *input.number();
  if (method == "common") {
    if (const auto whole = input.integer()) return *whole;
    return std::isfinite(value) ? *parse_float(fixed_text(value, static_cast<int>(decimals))) : value;
  }
  if (method != "ceil" && method != "floor") throw wrong("'round' by the method '{}'", printable(method, 40));
  const double scale = std::pow(10.0, static_cast<double>(decimals));
  return (method == "ceil" ? std::ceil(value * scale) : std::floor(value * scale)) / scale;
}

constexpr Filter kFilters[] = {
    {"abs", absolute},
    {"capitalize", converted<capitalize>},
    {"d", default_value},
    {"default", default_value},
    {"e", escape},
    {"escape", escape},
    {"float", to_float},
    {"format", format},
    {"indent", indent},
    {"int", to_int},
    {"lower", converted<lower>},
    {"replace", replace},
    {"round", round_number},
    {"safe", safe},
    {"string", string},
    {"title", converted<title>},
    {"tojson", tojson},
    {"trim", trim},
    {"upper", converted<upper>},
};

}  // namespace

std::span<const Filter> text_filters() { return kFilters; }

}  // namespace pent::jinja
