// The tests that `is` asks, and those that select and its relatives know by an operator's sign.
#include <algorithm>

#include "text/jinja/filters.h"
#include "text/jinja/operators.h"
#include "text/jinja/python_text.h"

namespace pent::jinja {
namespace {

using Holds = bool (*)(const Value& value);
using Compares = bool (*)(const Value& value, const Value& other, Runtime& runtime);

int64_t remainder(const Value& value, const Value& divisor, Runtime& runtime) {
  const Value rest = arithmetic("%", value, divisor, runtime);
  if (!rest.integer()) throw wrong("the remainder of {} is no integer", value.type_name());
  return *rest.integer();
}

bool is_cased(const Value& v, std::string (*convert)(std::string_view), std::string (*other)(std::string_view)) {
  return v.as_string() && convert(*v.as_string()) == *v.as_string() && other(*v.as_string()) != *v.as_string();
}

bool is_same(const Value& a, const Value& b, Runtime& runtime) {
  const bool same_type = std::string_view(a.type_name()) == b.type_name();
  return same_type && !a.as_items() && !a.as_dict() && equal(a, b, runtime);
}

struct Test {
  std::string_view name;
  Holds holds;
};
constexpr Test kTests[] = {
    {"boolean", [](const Value& v) { return v.as_bool() != nullptr; }},
    {"callable", [](const Value& v) { return v.as_function() != nullptr; }},
    {"defined", [](const Value& v) { return !v.is_undefined(); }},
    {"escaped", [](const Value& v) { return v.is_safe(); }},
    {"false", [](const Value& v) { return v.as_bool() && !*v.as_bool(); }},
    {"float", [](const Value& v) { return v.as_float() != nullptr; }},
    {"integer", [](const Value& v) { return v.as_int() != nullptr; }},
    {"iterable", [](const Value& v) { return v.as_string() || v.as_items() || v.as_dict() || v.is_undefined(); }},
    {"lower", [](const Value& v) { return is_cased(v, lower, upper); }},
    {"mapping", [](const Value& v) { return v.as_dict() != nullptr; }},
    {"none", [](const Value& v) { return v.is_none(); }},
    {"number", [](const Value& v) { return v.number().has_value(); }},
    {"sequence", [](const Value& v) { return v.as_string() || v.as_list() || v.as_dict() || v.is_undefined(); }},
    {"string", [](const Value& v) { return v.as_string() != nullptr; }},
    {"true", [](const Value& v) { return v.as_bool() && *v.as_bool(); }},
    {"undefined", [](const Value& v) { return v.is_undefined(); }},
    {"upper", [](const Value& v) { return is_cased(v, upper, lower); }},
};

struct Comparison {
  std::string_view name;
  Compares holds;
};
template <char kFirst, char kSecond = '\0'>
bool compares(const Value& a, const Value& b, Runtime& runtime) {
  constexpr char kText[] = {kFirst, kSecond};
  return compare(std::string_view(kText, kSecond ? 2 : 1), a, b, runtime);
}
constexpr Comparison kComparisons[] = {
    {"!=", compares<'!', '='>},
    {"<", compares<'<'>},
    {"<=", compares<'<', '='>},
    {"==", compares<'=', '='>},
    {">", compares<'>'>},
    {">=", compares<'>', '='>},
    {"divisibleby", [](const Value& a, const Value& b, Runtime& runtime) { return remainder(a, b, runtime) == 0; }},
    {"eq", compares<'=', '='>},
    {"equalto", compares<'=', '='>},
    {"ge", compares<'>', '='>},
    {"greaterthan", compares<'>'>},
    {"gt", compares<'>'>},
    {"in", [](const Value& a, const Value& b, Runtime& runtime) { return contains(b, a, runtime); }},
    {"le", compares<'<', '='>},
    {"lessthan", compares<'<'>},
    {"lt", compares<'<'>},
    {"ne", compares<'!', '='>},
    {"sameas", is_same},
};

template <typename Table>
auto* find_by_name(const Table& table, std::string_view name) {
  const auto found = std::find_if(std::begin(table), std::end(table), [&](const auto& t) { return t.name == name; });
  return found == std::end(table) ? nullptr : &*found;
}

}  // namespace

bool apply_test(std::string_view name, const Value& input, const Arguments& arguments, Runtime& runtime) {
  if (const Comparison* comparison = find_by_name(kComparisons, name)) {
    const Parameters given(name, arguments, {"other"});
    return comparison->holds(input, given.required(0), runtime);
  }
  const Parameters given(name, arguments, {});
  if (name == "odd" || name == "even") return remainder(input, int64_t{2}, runtime) == (name == "odd");
  const Test* test = find_by_name(kTests, name);
  if (!test) {
    throw error(ErrorKind::kUnsupported, "the test '{}' is not supported in chat templates yet", printable(name, 40));
  }
  return test->holds(input);
}

}  // namespace pent::jinja
