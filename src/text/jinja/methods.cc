#include "text/jinja/methods.h"

#include <algorithm>
#include <span>

#include "text/jinja/arguments.h"
#include "text/jinja/formatting.h"
#include "text/jinja/operators.h"
#include "text/jinja/printing.h"
#include "text/jinja/python_text.h"
#include "text/unicode.h"
#include "text/utf8.h"

namespace pent::jinja {
namespace {

// What is safe stays so; strings that come in from outside are escaped then (Markup's methods).
Value like(const Value& self, std::string_view text, Runtime& runtime) {
  runtime.spend(text.size());
  return Value(std::string(text), self.is_safe());
}

std::string argument_text(const Value& self, const Value& argument, const char* method) {
  if (!argument.as_string()) throw wrong("'{}' of a string takes a string, not {}", method, argument.type_name());
  return self.is_safe() && !argument.is_safe() ? escape_html(*argument.as_string()) : *argument.as_string();
}

template <bool kLeft, bool kRight>
Value strip(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters given("strip", arguments, {"chars"});
  const std::string chars = given.string(0, "");
  std::optional<std::string_view> stripped;
  if (given.find(0) && !given.find(0)->is_none()) stripped = chars;
  std::string_view text = *self.as_string();
  runtime.spend(text.size() * std::max<size_t>(1, chars.size()));
  if (kLeft) text = strip_left(text, stripped);
  if (kRight) text = strip_right(text, stripped);
  return like(self, text, runtime);
}

template <auto kSplit>
Value split_text(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters given("split", arguments, {"sep", "maxsplit"});
  const std::string separator = given.string(0, "");
  std::optional<std::string_view> at;
  if (given.find(0) && !given.find(0)->is_none()) at = separator;
  if (at && at->empty()) throw wrong("'split' with an empty separator");
  const std::string& text = *self.as_string();
  runtime.spend(text.size());
  Items parts;
  for (const std::string_view part : kSplit(text, at, given.integer(1, -1))) {
    runtime.spend(Runtime::kStepCost);
    parts.push_back(like(self, part, runtime));
  }
  return parts;
}

Value split_at_lines(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters given("splitlines", arguments, {});
  Items lines;
  for (const std::string_view line : split_lines(*self.as_string())) {
    runtime.spend(Runtime::kStepCost);
    lines.push_back(like(self, line, runtime));
  }
  return lines;
}

template <bool kFromRight>
Value partition(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters given("partition", arguments, {"sep"});
  const std::string separator = argument_text(self, given.required(0), "partition");
  if (separator.empty()) throw wrong("'partition' with an empty separator");
  const std::string_view text = *self.as_string();
  const size_t at = kFromRight ? text.rfind(separator) : text.find(separator);
  Items parts;
  if (at == std::string_view::npos) {
    parts = {like(self, kFromRight ? "" : text, runtime), like(self, "", runtime),
             like(self, kFromRight ? text : "", runtime)};
  } else {
    parts = {like(self, text.substr(0, at), runtime), like(self, separator, runtime),
             like(self, text.substr(at + separator.size()), runtime)};
  }
  return Value(std::move(parts), ListKind::kTuple);
}

// startswith and endswith: of one string, or of any in a tuple.
template <bool kAtEnd>
Value has_affix(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters given(kAtEnd ? "endswith" : "startswith", arguments, {"affix"});
  const Value& affix = given.required(0);
  const bool tuple = affix.as_list() && affix.list_kind() == ListKind::kTuple;
  const std::span<const Value> affixes = tuple ? std::span(*affix.as_list()) : std::span(&affix, 1);
  return std::any_of(affixes.begin(), affixes.end(), [&](const Value& one) {
    if (!one.as_string())
      throw wrong("'{}' takes a string, not {}", kAtEnd ? "endswith" : "startswith", one.type_name());
    runtime.spend(Runtime::kStepCost);
    return kAtEnd ? self.as_string()->ends_with(*one.as_string()) : self.as_string()->starts_with(*one.as_string());
  });
}

template <bool kAtEnd>
Value without_affix(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters given(kAtEnd ? "removesuffix" : "removeprefix", arguments, {"affix"});
  const std::string affix = argument_text(self, given.required(0), kAtEnd ? "removesuffix" : "removeprefix");
  std::string_view text = *self.as_string();
  if (kAtEnd ? text.ends_with(affix) : text.starts_with(affix)) {
    text = kAtEnd ? text.substr(0, text.size() - affix.size()) : text.substr(affix.size());
  }
  return like(self, text, runtime);
}

Value replace(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters given("replace", arguments, {"old", "new", "count"});
  const std::string old_part = argument_text(self, given.required(0), "replace");
  const std::string new_part = argument_text(self, given.required(1), "replace");
  const std::string& text = *self.as_string();
  runtime.spend(text.size() + static_cast<size_t>(count_occurrences(text, old_part)) * new_part.size());
  return Value(replace_all(text, old_part, new_part, given.integer(2, -1)), self.is_safe());
}

// find, rfind and count give numbers of characters.
template <bool kFromRight>
Value find(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters given("find", arguments, {"sub"});
  const std::string_view text = *self.as_string();
  const std::string part =
      given.required(0).as_string() ? *given.required(0).as_string() : throw wrong("'find' takes a string");
  runtime.spend(text.size());
  const size_t at = kFromRight ? text.rfind(part) : text.find(part);
  return at == std::string_view::npos ? int64_t{-1} : count_chars(text.substr(0, at));
}

Value count(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters given("count", arguments, {"sub"});
  runtime.spend(self.as_string()->size());
  return count_occurrences(*self.as_string(), argument_text(Value(""), given.required(0), "count"));
}

Value join(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters given("join", arguments, {"iterable"});
  std::string text;
  bool first = true;
  for (const Value& item : items_of(given.required(0), runtime)) {
    if (!item.as_string()) throw wrong("'join' of a string takes strings, not {}", item.type_name());
    if (!first) text += *self.as_string();
    first = false;
    text += argument_text(self, item, "join");
    runtime.spend(self.as_string()->size() + item.as_string()->size());
  }
  return Value(std::move(text), self.is_safe());
}

template <auto kConvert>
Value converted(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters given("this method", arguments, {});
  runtime.spend(self.as_string()->size());
  return like(self, kConvert(*self.as_string()), runtime);
}

// Whether there are characters and all are of a kind.
template <auto kIsOfKind>
Value all_chars(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters given("this method", arguments, {});
  const std::string& text = *self.as_string();
  runtime.spend(text.size());
  for (size_t i = 0; i < text.size();) {
    const DecodedChar c = decode_utf8(text, i);
    if (!kIsOfKind(c.code)) return false;
    i += c.length;
  }
  return !text.empty();
}

bool is_lower_text(std::string_view text) { return lower(text) == text && upper(text) != text; }
bool is_upper_text(std::string_view text) { return upper(text) == text && lower(text) != text; }

template <auto kHolds>
Value holds(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters given("this method", arguments, {});
  runtime.spend(self.as_string()->size());
  return kHolds(*self.as_string());
}

Value format(Runtime& runtime, const Value& self, const Arguments& arguments) {
  return brace_format(self, arguments, runtime);
}

Value zfill(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters given("zfill", arguments, {"width"});
  std::string text = *self.as_string();
  const int64_t missing = std::min<int64_t>(given.integer(0, 0), 1 << 20) - count_chars(text);
  if (missing > 0) {
    runtime.spend(static_cast<size_t>(missing));
    text.insert(text.starts_with('-') || text.starts_with('+') ? 1 : 0, static_cast<size_t>(missing), '0');
  }
  return like(self, text, runtime);
}

Value get(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters given("get", arguments, {"key", "default"});
  if (const Value* found = find_entry(self, given.required(0), runtime)) return *found;
  return given.find(1) ? *given.find(1) : Value(None{});
}

template <bool kKeys, bool kValues>
Value view(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters given("this method", arguments, {});
  Items items;
  runtime.spend(self.as_dict()->size() * 2 * Runtime::kStepCost);
  for (const auto& [key, value] : *self.as_dict()) {
    items.push_back(kKeys && kValues ? Value(Items{key, value}, ListKind::kTuple) : kKeys ? key : value);
  }
  return items;
}

Value copy(Runtime&, const Value& self, const Arguments&) { return self; }

struct Method {
  std::string_view name;
  Builtin call;
};

constexpr Method kStringMethods[] = {
    {"capitalize", converted<capitalize>},
    {"count", count},
    {"endswith", has_affix<true>},
    {"find", find<false>},
    {"format", format},
    {"isalpha", all_chars<[](char32_t c) { return char_class(c) == CharClass::kLetter; }>},
    {"isdigit", all_chars<[](char32_t c) { return c >= '0' && c <= '9'; }>},
    {"islower", holds<is_lower_text>},
    {"isspace", all_chars<is_python_space>},
    {"isupper", holds<is_upper_text>},
    {"join", join},
    {"lower", converted<lower>},
    {"lstrip", strip<true, false>},
    {"partition", partition<false>},
    {"removeprefix", without_affix<false>},
    {"removesuffix", without_affix<true>},
    {"replace", replace},
    {"rfind", find<true>},
    {"rpartition", partition<true>},
    {"rsplit", split_text<split_from_right>},
    {"rstrip", strip<false, true>},
    {"split", split_text<split>},
    {"splitlines", split_at_lines},
    {"startswith", has_affix<false>},
    {"strip", strip<true, true>},
    {"title", converted<title_case>},
    {"upper", converted<upper>},
    {"zfill", zfill},
};
constexpr Method kDictMethods[] = {
    {"copy", copy},
    {"get", get},
    {"items", view<true, true>},
    {"keys", view<true, false>},
    {"values", view<false, true>},
};

// Python has these as well; without a function of ours.
constexpr std::string_view kOtherStringMethods[] = {
    "casefold",  "center",    "encode",       "expandtabs", "format_map", "index",       "isalnum",
    "isascii",   "isdecimal", "isidentifier", "istitle",    "isnumeric",  "isprintable", "ljust",
    "maketrans", "rindex",    "rjust",        "swapcase",   "translate"};
constexpr std::string_view kOtherDictMethods[] = {"clear", "fromkeys", "pop", "popitem", "setdefault", "update"};
constexpr std::string_view kListMethods[] = {"append", "clear", "copy",   "count",   "extend", "index",
                                             "insert", "pop",   "remove", "reverse", "sort"};

std::span<const Method> methods_of(const Value& object) {
  if (object.as_string()) return kStringMethods;
  if (object.as_dict()) return kDictMethods;
  return {};
}

std::span<const std::string_view> other_methods_of(const Value& object) {
  if (object.as_string()) return kOtherStringMethods;
  if (object.as_dict()) return kOtherDictMethods;
  if (object.as_list()) return kListMethods;
  return {};
}

}  // namespace

bool is_method(const Value& object, std::string_view name) {
  const auto ours = methods_of(object);
  const auto others = other_methods_of(object);
  return std::any_of(ours.begin(), ours.end(), [&](const Method& method) { return method.name == name; }) ||
         std::find(others.begin(), others.end(), name) != others.end();
}

Value bound_method(const Value& object, std::string_view name) {
  for (const Method& method : methods_of(object)) {
    if (method.name == name) return Function{.name = std::string(name), .builtin = method.call, .self = object};
  }
  return {};
}

}  // namespace pent::jinja
