// Python's operators on values. All throw kInvalidArgument for types they are not defined on.
#pragma once

#include <compare>
#include <string_view>

#include "text/jinja/runtime.h"

namespace pent::jinja {

bool equal(const Value& a, const Value& b, Runtime& runtime);
std::partial_ordering order(const Value& a, const Value& b, Runtime& runtime);
bool contains(const Value& container, const Value& value, Runtime& runtime);
bool compare(std::string_view op, const Value& a, const Value& b, Runtime& runtime);      // == != < <= > >= in "not in"
Value arithmetic(std::string_view op, const Value& a, const Value& b, Runtime& runtime);  // + - * / // % **
Value signed_value(std::string_view op, const Value& value);                              // + -

// The items of a list, the keys of a mapping, the characters of a string; nothing of an undefined value.
Items items_of(const Value& value, Runtime& runtime);

const Value* find_entry(const Value& dict, std::string_view key);  // nullptr if absent or not a mapping
const Value* find_entry(const Value& dict, const Value& key, Runtime& runtime);
void set_entry(Entries& entries, Value key, Value value, Runtime& runtime);

// object[key] and object.name, undefined if there is none. Methods are found by both, as Jinja does it: an attribute
// before an entry of that name, an item after it.
Value get_item(const Value& object, const Value& key, Runtime& runtime);
Value get_attribute(const Value& object, std::string_view name, Runtime& runtime);
// object[first:last:step]; each bound may be none.
Value get_slice(const Value& object, const Value& first, const Value& last, const Value& step, Runtime& runtime);

}  // namespace pent::jinja
