// Filters (trim, length, tojson, default, join, upper, lower) and tests, as in Jinja2's documentation.
#include "text/jinja/filters.h"

#include <utf8proc.h>

#include "text/unicode.h"
#include "text/utf8.h"

namespace pent::jinja {
namespace {

using Arguments = std::span<const Value>;

std::string upper(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    const DecodedChar c = decode_utf8(text, i);
    i += c.length;
    c.code == 0xDF ? void(out += "SS")
                   : append_utf8(static_cast<char32_t>(utf8proc_toupper(static_cast<utf8proc_int32_t>(c.code))), out);
  }
  return out;
}

Value trim(const Value& input, Arguments, Budget& budget) {
  return std::string(strip_left(strip_right(to_text(input, budget))));
}

Value length(const Value& input, Arguments, Budget& budget) {
  if (const std::string* text = input.as_string()) {
    int64_t characters = 0;
    for (size_t i = 0; i < text->size(); ++characters) i += decode_utf8(*text, i).length;
    budget.spend(text->size());
    return characters;
  }
  if (const auto* items = input.as_list()) return static_cast<int64_t>(items->size());
  if (const auto* entries = input.as_dict()) return static_cast<int64_t>(entries->size());
  if (input.is_undefined()) return int64_t{0};
  throw error(ErrorKind::kInvalidArgument, "length of {}", input.type_name());
}

Value tojson(const Value& input, Arguments, Budget& budget) { return to_json(input, budget); }

// default(fallback = "", also_if_false = false)
Value default_value(const Value& input, Arguments arguments, Budget&) {
  const bool also_if_false = arguments.size() > 1 && arguments[1].truth();
  if (!input.is_undefined() && (input.truth() || !also_if_false)) return input;
  return arguments.empty() ? Value(std::string()) : arguments[0];
}

Value join(const Value& input, Arguments arguments, Budget& budget) {
  const auto* items = input.as_list();
  if (!items && !input.is_undefined()) throw error(ErrorKind::kInvalidArgument, "join of {}", input.type_name());
  const std::string separator = arguments.empty() ? "" : to_text(arguments[0], budget);
  std::string out;
  for (size_t i = 0; items && i < items->size(); ++i) {
    budget.spend(separator.size());
    if (i > 0) out += separator;
    out += to_text((*items)[i], budget);
  }
  return out;
}

struct Filter {
  std::string_view name;
  int max_arguments;
  Value (*apply)(const Value&, Arguments, Budget&);
};
constexpr Filter kFilters[] = {
    {"trim", 0, trim},
    {"length", 0, length},
    {"count", 0, length},
    {"tojson", 0, tojson},
    {"default", 2, default_value},
    {"d", 2, default_value},
    {"join", 1, join},
    {"upper", 0, [](const Value& input, Arguments, Budget& budget) { return Value(upper(to_text(input, budget))); }},
    {"lower", 0,
     [](const Value& input, Arguments, Budget& budget) { return Value(lowercase(to_text(input, budget))); }},
    {"string", 0, [](const Value& input, Arguments, Budget& budget) { return Value(to_text(input, budget)); }},
};

struct Test {
  std::string_view name;
  bool (*holds)(const Value&);
};
constexpr Test kTests[] = {
    {"defined", [](const Value& v) { return !v.is_undefined(); }},
    {"undefined", [](const Value& v) { return v.is_undefined(); }},
    {"none", [](const Value& v) { return v.is_none(); }},
    {"string", [](const Value& v) { return v.as_string() != nullptr; }},
    {"mapping", [](const Value& v) { return v.as_dict() != nullptr; }},
    {"boolean", [](const Value& v) { return v.as_bool() != nullptr; }},
    {"integer", [](const Value& v) { return v.as_int() != nullptr; }},
    {"number", [](const Value& v) { return v.as_int() || v.as_bool(); }},
    {"true", [](const Value& v) { return v.as_bool() && *v.as_bool(); }},
    {"false", [](const Value& v) { return v.as_bool() && !*v.as_bool(); }},
    {"iterable", [](const Value& v) { return v.as_string() || v.as_list() || v.as_dict() || v.is_undefined(); }},
    {"sequence", [](const Value& v) { return v.as_string() || v.as_list() || v.as_dict() || v.is_undefined(); }},
};

template <typename Table>
auto* find_by_name(const Table& table, std::string_view name) {
  for (const auto& entry : table) {
    if (entry.name == name) return &entry;
  }
  return static_cast<decltype(&*std::begin(table))>(nullptr);
}

}  // namespace

int max_filter_arguments(std::string_view name) {
  const Filter* filter = find_by_name(kFilters, name);
  return filter ? filter->max_arguments : -1;
}

bool is_known_test(std::string_view name) { return find_by_name(kTests, name) != nullptr; }

Value apply_filter(std::string_view name, const Value& input, std::span<const Value> arguments, Budget& budget) {
  const Filter* filter = find_by_name(kFilters, name);
  PENT_CHECK(filter != nullptr, "{}", name);
  return filter->apply(input, arguments, budget);
}

bool apply_test(std::string_view name, const Value& input) {
  const Test* test = find_by_name(kTests, name);
  PENT_CHECK(test != nullptr, "{}", name);
  return test->holds(input);
}

}  // namespace pent::jinja
