// Filters over lists and mappings.
#include <algorithm>
#include <numeric>

#include "text/jinja/filters.h"
#include "text/jinja/operators.h"
#include "text/jinja/printing.h"
#include "text/jinja/python_text.h"

namespace pent::jinja {
namespace {

Value length(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const Parameters given("length", arguments, {});
  if (const std::string* text = input.as_string()) {
    runtime.spend(text->size());
    return count_chars(*text);
  }
  if (const Items* items = input.as_list()) return static_cast<int64_t>(items->size());
  if (const Entries* entries = input.as_dict()) return static_cast<int64_t>(entries->size());
  if (input.is_undefined()) return int64_t{0};
  throw wrong("'length' of {}", input.type_name());
}

// "a.b" or a number: what make_attrgetter of Jinja2 takes out of an item.
Value attribute_of(const Value& item, const Value& path, Runtime& runtime) {
  if (path.integer()) return get_item(item, path, runtime);
  if (!path.as_string()) throw wrong("an attribute's name is {}, not a string", path.type_name());
  Value value = item;
  for (const std::string_view part : split(*path.as_string(), ".", -1)) {
    if (value.is_undefined()) throw wrong("the attribute '{}' of an undefined value", printable(part, 40));
    const bool number = !part.empty() && part.size() < 10 && part.find_first_not_of("0123456789") == std::string::npos;
    value = get_item(value, number ? Value(int64_t{std::stoll(std::string(part))}) : Value(std::string(part)), runtime);
  }
  return value;
}

Value attribute_or_item(const Value& item, const Value* path, Runtime& runtime) {
  return path && !path->is_none() ? attribute_of(item, *path, runtime) : item;
}

Value join(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const Parameters given("join", arguments, {"d", "attribute"});
  const std::string separator = given.find(0) ? to_text(*given.find(0), runtime) : "";
  std::string out;
  bool first = true;
  for (const Value& item : items_of(input, runtime)) {
    if (!first) out += separator;
    first = false;
    runtime.spend(separator.size());
    out += to_text(attribute_or_item(item, given.find(1), runtime), runtime);
  }
  return out;
}

Value first(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const Parameters given("first", arguments, {});
  const Items items = items_of(input, runtime);
  return items.empty() ? Value() : items.front();
}

Value last(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const Parameters given("last", arguments, {});
  if (input.as_items() && !input.as_list()) throw wrong("'last' of a generator");
  const Items items = items_of(input, runtime);
  return items.empty() ? Value() : items.back();
}

Value list(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const Parameters given("list", arguments, {});
  return items_of(input, runtime);
}

Value items(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const Parameters given("items", arguments, {});
  if (!input.as_dict() && !input.is_undefined()) throw wrong("'items' of {}", input.type_name());
  Items pairs;
  for (const Value& key : items_of(input, runtime)) {
    pairs.push_back(Value(Items{key, *find_entry(input, key, runtime)}, ListKind::kTuple));
  }
  return Value(std::move(pairs), ListKind::kGenerator);
}

Value reverse(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const Parameters given("reverse", arguments, {});
  if (input.as_items() && !input.as_list()) throw wrong("'reverse' of a generator");
  Items items = items_of(input, runtime);
  std::reverse(items.begin(), items.end());
  if (!input.as_string()) return Value(std::move(items), ListKind::kGenerator);
  std::string text;
  for (const Value& c : items) text += *c.as_string();
  return text;
}

Value without_case(const Value& value, bool case_sensitive) {
  return case_sensitive || !value.as_string() ? value : Value(lower(*value.as_string()));
}

// Sorted by the keys, equal ones in their order.
Items sorted_by(const Items& items, const Items& keys, bool reverse, Runtime& runtime) {
  std::vector<size_t> places(items.size());
  std::iota(places.begin(), places.end(), size_t{0});
  std::stable_sort(places.begin(), places.end(), [&](size_t a, size_t b) {
    return (reverse ? order(keys[b], keys[a], runtime) : order(keys[a], keys[b], runtime)) < 0;
  });
  Items sorted;
  for (const size_t place : places) sorted.push_back(items[place]);
  return sorted;
}

// "a,b": by several attributes.
Value sort_key(const Value& item, const Value* attribute, bool case_sensitive, Runtime& runtime) {
  if (!attribute || attribute->is_none()) return without_case(item, case_sensitive);
  if (!attribute->as_string()) return without_case(attribute_of(item, *attribute, runtime), case_sensitive);
  Items key;
  for (const std::string_view name : split(*attribute->as_string(), ",", -1)) {
    key.push_back(without_case(attribute_of(item, Value(std::string(name)), runtime), case_sensitive));
  }
  return key;
}

Value sort(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const Parameters given("sort", arguments, {"reverse", "case_sensitive", "attribute"});
  const Items items = items_of(input, runtime);
  Items keys;
  for (const Value& item : items) keys.push_back(sort_key(item, given.find(2), given.truth(1, false), runtime));
  return sorted_by(items, keys, given.truth(0, false), runtime);
}

Value dictsort(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const Parameters given("dictsort", arguments, {"case_sensitive", "by", "reverse"});
  const std::string by = given.string(1, "key");
  if (by != "key" && by != "value") throw wrong("'dictsort' by '{}'; it sorts by 'key' or 'value'", printable(by, 40));
  if (!input.as_dict()) throw wrong("'dictsort' of {}", input.type_name());
  Items pairs, keys;
  for (const auto& [key, value] : *input.as_dict()) {
    runtime.spend(Runtime::kStepCost);
    pairs.push_back(Value(Items{key, value}, ListKind::kTuple));
    keys.push_back(without_case(by == "key" ? key : value, given.truth(0, false)));
  }
  return sorted_by(pairs, keys, given.truth(2, false), runtime);
}

Value unique(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const Parameters given("unique", arguments, {"case_sensitive", "attribute"});
  Items kept, seen;
  for (const Value& item : items_of(input, runtime)) {
    const Value key = without_case(attribute_or_item(item, given.find(1), runtime), given.truth(0, false));
    if (std::any_of(seen.begin(), seen.end(), [&](const Value& other) { return equal(key, other, runtime); })) continue;
    seen.push_back(key);
    kept.push_back(item);
  }
  return Value(std::move(kept), ListKind::kGenerator);
}

template <bool kMax>
Value extreme(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const Parameters given(kMax ? "max" : "min", arguments, {"case_sensitive", "attribute"});
  Value best, best_key;
  for (const Value& item : items_of(input, runtime)) {
    Value key = without_case(attribute_or_item(item, given.find(1), runtime), given.truth(0, false));
    const auto better = [&] { return kMax ? order(key, best_key, runtime) > 0 : order(key, best_key, runtime) < 0; };
    if (!best.is_undefined() && !better()) continue;
    best = item;
    best_key = std::move(key);
  }
  return best;
}

Value sum(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const Parameters given("sum", arguments, {"attribute", "start"});
  Value total = given.find(1) ? *given.find(1) : Value(int64_t{0});
  for (const Value& item : items_of(input, runtime)) {
    total = arithmetic("+", total, attribute_or_item(item, given.find(0), runtime), runtime);
  }
  return total;
}

// map, select and their relatives take whatever is false for nothing.
Items items_or_none(const Value& input, Runtime& runtime) { return input.truth() ? items_of(input, runtime) : Items(); }

// map(attribute="a", default=…), or map("filter", arguments …).
Value map(Runtime& runtime, const Value& input, const Arguments& arguments) {
  Items mapped;
  if (arguments.positional.empty()) {
    const Parameters given("map", arguments, {"attribute", "default"});
    for (const Value& item : items_or_none(input, runtime)) {
      Value value = attribute_of(item, given.required(0), runtime);
      mapped.push_back(value.is_undefined() && given.find(1) ? *given.find(1) : std::move(value));
    }
  } else {
    const std::string* filter = arguments.positional[0].as_string();
    if (!filter) throw wrong("'map' takes the name of a filter, not {}", arguments.positional[0].type_name());
    const Arguments rest = arguments.without_first(1);
    for (const Value& item : items_or_none(input, runtime))
      mapped.push_back(apply_filter(*filter, item, rest, runtime));
  }
  return Value(std::move(mapped), ListKind::kGenerator);
}

// select, reject, selectattr, rejectattr: those that pass a test (without one: that are true), or do not.
template <bool kKeep, bool kByAttribute>
Value select(Runtime& runtime, const Value& input, const Arguments& arguments) {
  if (kByAttribute && arguments.positional.empty()) throw wrong("'selectattr' needs the name of an attribute");
  const Arguments test = arguments.without_first(kByAttribute ? 1 : 0);
  const std::string* name = test.positional.empty() ? nullptr : test.positional[0].as_string();
  if (!test.positional.empty() && !name) throw wrong("the name of a test is {}", test.positional[0].type_name());
  const Arguments rest = test.without_first(1);
  Items kept;
  for (const Value& item : items_or_none(input, runtime)) {
    const Value value = kByAttribute ? attribute_of(item, arguments.positional[0], runtime) : item;
    const bool holds = name ? apply_test(*name, value, rest, runtime) : value.truth();
    if (holds == kKeep) kept.push_back(item);
  }
  return Value(std::move(kept), ListKind::kGenerator);
}

constexpr Filter kFilters[] = {
    {"count", length},
    {"dictsort", dictsort},
    {"first", first},
    {"items", items},
    {"join", join},
    {"last", last},
    {"length", length},
    {"list", list},
    {"map", map},
    {"max", extreme<true>},
    {"min", extreme<false>},
    {"reject", select<false, false>},
    {"rejectattr", select<false, true>},
    {"reverse", reverse},
    {"select", select<true, false>},
    {"selectattr", select<true, true>},
    {"sort", sort},
    {"sum", sum},
    {"unique", unique},
};

}  // namespace

std::span<const Filter> sequence_filters() { return kFilters; }

}  // namespace pent::jinja
