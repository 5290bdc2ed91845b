// Items, attributes and slices of values.
#include <algorithm>

#include "text/jinja/methods.h"
#include "text/jinja/operators.h"
#include "text/jinja/python_text.h"

namespace pent::jinja {
namespace {

// The item by number, counted from the end if negative.
Value item_at(const Value& object, int64_t index, Runtime& runtime) {
  const auto position = [&](size_t count) {
    const auto size = static_cast<int64_t>(count);
    const int64_t from_start = index < 0 ? index + size : index;
    return from_start >= 0 && from_start < size ? static_cast<size_t>(from_start) : count;
  };
  if (const Items* items = object.as_list()) {
    const size_t at = position(items->size());
    return at < items->size() ? (*items)[at] : Value();
  }
  const std::string& text = *object.as_string();
  runtime.spend(text.size());
  const std::vector<size_t> starts = char_starts(text);
  const size_t at = position(starts.size() - 1);
  if (at + 1 >= starts.size()) return {};
  return Value(text.substr(starts[at], starts[at + 1] - starts[at]), object.is_safe());
}

std::optional<int64_t> slice_bound(const Value& value) {
  if (value.is_none()) return std::nullopt;
  if (const auto number = value.integer()) return number;
  throw wrong("a slice needs integers, not {}", value.type_name());
}

// The numbers of the items that Python's slice takes out of `count`.
std::vector<size_t> slice_indices(int64_t count, std::optional<int64_t> first, std::optional<int64_t> last,
                                  int64_t step) {
  const int64_t lowest = step < 0 ? -1 : 0, highest = step < 0 ? count - 1 : count;
  const auto within = [&](std::optional<int64_t> bound, int64_t fallback) {
    if (!bound) return fallback;
    return std::clamp(*bound < 0 ? *bound + count : *bound, lowest, highest);
  };
  const int64_t begin = within(first, step < 0 ? highest : lowest), end = within(last, step < 0 ? lowest : highest);
  std::vector<size_t> indices;
  for (int64_t i = begin; step < 0 ? i > end : i < end;) {
    indices.push_back(static_cast<size_t>(i));
    if (__builtin_add_overflow(i, step, &i)) break;
  }
  return indices;
}

}  // namespace

Value get_item(const Value& object, const Value& key, Runtime& runtime) {
  if (key.integer() && (object.as_list() || object.as_string())) return item_at(object, *key.integer(), runtime);
  if (const Value* found = find_entry(object, key, runtime)) return *found;
  return key.as_string() ? get_attribute(object, *key.as_string(), runtime) : Value();
}

Value get_attribute(const Value& object, std::string_view name, Runtime& runtime) {
  if (const Namespace* space = object.as_namespace()) {
    const Value* found = find_variable(space->variables, name);
    return found ? *found : Value();
  }
  if (is_method(object, name)) return bound_method(object, name);
  if (const Entries* entries = object.as_dict()) runtime.spend(entries->size());
  const Value* found = find_entry(object, name);
  return found ? *found : Value();
}

Value get_slice(const Value& object, const Value& first, const Value& last, const Value& step, Runtime& runtime) {
  if (!object.as_list() && !object.as_string()) throw wrong("cannot slice {}", object.type_name());
  const int64_t stride = slice_bound(step).value_or(1);
  if (stride == 0) throw wrong("the step of a slice is zero");
  if (const Items* items = object.as_list()) {
    Items out;
    for (const size_t i :
         slice_indices(static_cast<int64_t>(items->size()), slice_bound(first), slice_bound(last), stride)) {
      out.push_back((*items)[i]);
    }
    runtime.spend(out.size() * Runtime::kStepCost);
    return Value(std::move(out), object.list_kind());
  }
  const std::string& text = *object.as_string();
  runtime.spend(text.size());
  const std::vector<size_t> starts = char_starts(text);
  std::string out;
  for (const size_t i :
       slice_indices(static_cast<int64_t>(starts.size()) - 1, slice_bound(first), slice_bound(last), stride)) {
    out.append(text, starts[i], starts[i + 1] - starts[i]);
  }
  return Value(std::move(out), object.is_safe());
}

}  // namespace pent::jinja
