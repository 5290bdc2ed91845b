#include "text/jinja/operators.h"

#include <algorithm>
#include <cmath>

#include "text/jinja/formatting.h"
#include "text/jinja/printing.h"
#include "text/jinja/python_text.h"

namespace pent::jinja {
namespace {

Error wrong_types(std::string_view op, const Value& a, const Value& b) {
  return wrong("'{}' between {} and {}", op, a.type_name(), b.type_name());
}

// Results stay within ±(2^63 - 1), so that every integer can be negated.
int64_t integer_arithmetic(std::string_view op, int64_t a, int64_t b) {
  int64_t result = 0;
  bool overflow = false;
  if (op == "+") {
    overflow = __builtin_add_overflow(a, b, &result);
  } else if (op == "-") {
    overflow = __builtin_sub_overflow(a, b, &result);
  } else if (op == "*") {
    overflow = __builtin_mul_overflow(a, b, &result);
  } else if (op == "**") {
    result = 1;
    if (a == 0 || a == 1 || a == -1) b = b > 2 ? 2 + b % 2 : b;  // else the loop ends by overflow soon
    for (int64_t i = 0; i < b && !overflow; ++i) overflow = __builtin_mul_overflow(result, a, &result);
  } else {
    if (b == 0) throw wrong("division by zero");
    const bool rounds_up = a % b != 0 && (a % b < 0) != (b < 0);  // Python rounds down
    result = op == "%" ? a % b + (rounds_up ? b : 0) : a / b - rounds_up;
  }
  if (overflow || result == INT64_MIN) throw wrong("a number becomes too large");
  return result;
}

double float_arithmetic(std::string_view op, double a, double b) {
  if (op == "+") return a + b;
  if (op == "-") return a - b;
  if (op == "*") return a * b;
  if (op == "**") {
    const double power = std::pow(a, b);
    if (!std::isfinite(power) && std::isfinite(a) && std::isfinite(b)) throw wrong("a power that is no finite number");
    return power;
  }
  if (b == 0) throw wrong("division by zero");
  if (op == "/") return a / b;
  double rest = std::fmod(a, b);
  if (rest != 0 && (rest < 0) != (b < 0)) rest += b;
  if (op == "%") return rest == 0 ? std::copysign(0.0, b) : rest;
  return std::round((a - rest) / b);
}

// text * count and list * count; counts below zero give nothing.
Value repeated(const Value& value, int64_t count, Runtime& runtime) {
  count = std::max<int64_t>(count, 0);
  const auto check_size = [&](size_t size) {
    if (size > 0 && static_cast<uint64_t>(count) > (uint64_t{1} << 40) / size) throw wrong("a value becomes too large");
    runtime.spend(size * static_cast<size_t>(count));
  };
  if (const std::string* text = value.as_string()) {
    check_size(text->size());
    std::string out;
    for (int64_t i = 0; i < count && !text->empty(); ++i) out += *text;
    return Value(std::move(out), value.is_safe());
  }
  const Items& items = *value.as_list();
  check_size(items.size() * sizeof(Value));
  Items out;
  for (int64_t i = 0; i < count && !items.empty(); ++i) out.insert(out.end(), items.begin(), items.end());
  return Value(std::move(out), value.list_kind());
}

Value joined(const Value& a, const Value& b, Runtime& runtime) {
  const bool safe = a.is_safe() || b.is_safe();
  const auto part = [&](const Value& value) {
    return safe && !value.is_safe() ? escape_html(*value.as_string()) : to_text(value, runtime);
  };
  std::string text = part(a) + part(b);
  runtime.spend(text.size());
  return Value(std::move(text), safe);
}

}  // namespace

bool equal(const Value& a, const Value& b, Runtime& runtime) {
  runtime.spend(1);
  if (a.integer() && b.integer()) return a.integer() == b.integer();
  if (a.number() || b.number()) return a.number() && b.number() && *a.number() == *b.number();
  if (a.as_string() && b.as_string()) {
    runtime.spend(std::min(a.as_string()->size(), b.as_string()->size()));
    return *a.as_string() == *b.as_string();
  }
  if (a.as_list() && b.as_list()) {
    return a.list_kind() == b.list_kind() &&
           std::equal(a.as_list()->begin(), a.as_list()->end(), b.as_list()->begin(), b.as_list()->end(),
                      [&](const Value& x, const Value& y) { return equal(x, y, runtime); });
  }
  if (a.as_dict() && b.as_dict()) {
    if (a.as_dict()->size() != b.as_dict()->size()) return false;
    return std::all_of(a.as_dict()->begin(), a.as_dict()->end(), [&](const auto& entry) {
      const Value* other = find_entry(b, entry.first, runtime);
      return other && equal(entry.second, *other, runtime);
    });
  }
  if (a.as_namespace() || b.as_namespace()) return a.as_namespace() == b.as_namespace();
  return (a.is_none() && b.is_none()) || (a.is_undefined() && b.is_undefined());
}

std::partial_ordering order(const Value& a, const Value& b, Runtime& runtime) {
  runtime.spend(1);
  if (a.integer() && b.integer()) return *a.integer() <=> *b.integer();
  if (a.number() && b.number()) return *a.number() <=> *b.number();
  if (a.as_string() && b.as_string()) {  // the order of UTF-8 bytes is that of code points
    runtime.spend(std::min(a.as_string()->size(), b.as_string()->size()));
    return a.as_string()->compare(*b.as_string()) <=> 0;
  }
  if (a.as_list() && b.as_list() && a.list_kind() == b.list_kind()) {
    const Items &left = *a.as_list(), &right = *b.as_list();
    for (size_t i = 0; i < left.size() && i < right.size(); ++i) {
      if (!equal(left[i], right[i], runtime)) return order(left[i], right[i], runtime);
    }
    return left.size() <=> right.size();
  }
  throw wrong_types("<", a, b);
}

bool contains(const Value& container, const Value& value, Runtime& runtime) {
  if (const std::string* text = container.as_string(); text && value.as_string()) {
    runtime.spend(text->size());
    return text->find(*value.as_string()) != std::string::npos;
  }
  if (const Items* items = container.as_items()) {
    return std::any_of(items->begin(), items->end(), [&](const Value& item) { return equal(item, value, runtime); });
  }
  if (container.as_dict()) return find_entry(container, value, runtime) != nullptr;
  if (container.is_undefined()) return false;
  throw wrong_types("in", value, container);
}

bool compare(std::string_view op, const Value& a, const Value& b, Runtime& runtime) {
  if (op == "==") return equal(a, b, runtime);
  if (op == "!=") return !equal(a, b, runtime);
  if (op == "in") return contains(b, a, runtime);
  if (op == "not in") return !contains(b, a, runtime);
  const bool ordered = (a.number() && b.number()) || (a.as_string() && b.as_string()) || (a.as_list() && b.as_list());
  if (!ordered) throw wrong_types(op, a, b);
  const std::partial_ordering result = order(a, b, runtime);
  return op == "<" ? result < 0 : op == "<=" ? result <= 0 : op == ">" ? result > 0 : result >= 0;
}

Value arithmetic(std::string_view op, const Value& a, const Value& b, Runtime& runtime) {
  if (op == "+" && a.as_string() && b.as_string()) return joined(a, b, runtime);
  if (op == "+" && a.as_list() && b.as_list() && a.list_kind() == b.list_kind()) {
    Items items = *a.as_list();
    items.insert(items.end(), b.as_list()->begin(), b.as_list()->end());
    runtime.spend(items.size() * sizeof(Value));
    return Value(std::move(items), a.list_kind());
  }
  if (op == "%" && a.as_string()) return percent_format(a, b, runtime);
  if (op == "*") {
    if ((a.as_string() || a.as_list()) && b.integer()) return repeated(a, *b.integer(), runtime);
    if (a.integer() && (b.as_string() || b.as_list())) return repeated(b, *a.integer(), runtime);
  }
  if (!a.number() || !b.number()) throw wrong_types(op, a, b);
  const bool whole = a.integer() && b.integer() && op != "/" && !(op == "**" && *b.integer() < 0);
  if (whole) return integer_arithmetic(op, *a.integer(), *b.integer());
  return float_arithmetic(op, *a.number(), *b.number());
}

Value signed_value(std::string_view op, const Value& value) {
  if (const auto whole = value.integer()) return op == "-" ? -*whole : *whole;  // |value| < 2^63: see above
  if (const auto number = value.number()) return op == "-" ? -*number : *number;
  throw wrong("'{}' of {}", op, value.type_name());
}

Items items_of(const Value& value, Runtime& runtime) {
  Items items;
  if (const Items* list = value.as_items()) {
    items = *list;
  } else if (const Entries* entries = value.as_dict()) {
    for (const auto& [key, item] : *entries) items.push_back(key);
  } else if (const std::string* text = value.as_string()) {
    runtime.spend(text->size() * Runtime::kStepCost);
    for (const std::string_view c : chars_of(*text)) items.push_back(Value(std::string(c), value.is_safe()));
  } else if (!value.is_undefined()) {
    throw wrong("cannot loop over {}", value.type_name());
  }
  runtime.spend(items.size() * Runtime::kStepCost);
  return items;
}

const Value* find_entry(const Value& dict, std::string_view key) {
  const Entries* entries = dict.as_dict();
  if (!entries) return nullptr;
  const auto found = std::find_if(entries->begin(), entries->end(), [&](const auto& entry) {
    return entry.first.as_string() && *entry.first.as_string() == key;
  });
  return found == entries->end() ? nullptr : &found->second;
}

const Value* find_entry(const Value& dict, const Value& key, Runtime& runtime) {
  const Entries* entries = dict.as_dict();
  if (!entries) return nullptr;
  runtime.spend(entries->size());
  if (key.as_string()) return find_entry(dict, *key.as_string());
  const auto found = std::find_if(entries->begin(), entries->end(),
                                  [&](const auto& entry) { return equal(entry.first, key, runtime); });
  return found == entries->end() ? nullptr : &found->second;
}

void set_entry(Entries& entries, Value key, Value value, Runtime& runtime) {
  if (key.as_dict() || key.as_namespace() || (key.as_items() && key.list_kind() != ListKind::kTuple)) {
    throw wrong("the key of a mapping must not be {}", key.type_name());
  }
  const auto known =
      std::find_if(entries.begin(), entries.end(), [&](const auto& entry) { return equal(entry.first, key, runtime); });
  if (known != entries.end()) {
    known->second = std::move(value);
  } else {
    entries.emplace_back(std::move(key), std::move(value));
  }
}

}  // namespace pent::jinja
