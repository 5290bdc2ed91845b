#include "text/jinja/arguments.h"

#include <algorithm>

#include "text/jinja/runtime.h"

namespace pent::jinja {

Arguments Arguments::without_first(size_t count) const {
  const size_t dropped = std::min(count, positional.size());
  return {Items(positional.begin() + static_cast<std::ptrdiff_t>(dropped), positional.end()), named};
}

Parameters::Parameters(std::string_view callee, const Arguments& arguments,
                       std::initializer_list<std::string_view> names)
    : callee_(callee), names_(names), values_(names.size()) {
  if (arguments.positional.size() > names_.size()) {
    throw wrong("'{}' takes at most {} arguments, not {}", callee_, names_.size(), arguments.positional.size());
  }
  for (size_t i = 0; i < arguments.positional.size(); ++i) values_[i] = &arguments.positional[i];
  for (const auto& [name, value] : arguments.named) {
    const auto known = std::find(names_.begin(), names_.end(), name);
    if (known == names_.end()) throw wrong("'{}' has no argument '{}'", callee_, printable(name, 40));
    const Value*& slot = values_[static_cast<size_t>(known - names_.begin())];
    if (slot) throw wrong("'{}' is given the argument '{}' twice", callee_, printable(name, 40));
    slot = &value;
  }
}

const Value& Parameters::required(size_t i) const {
  if (!values_[i]) throw wrong("'{}' needs the argument '{}'", callee_, names_[i]);
  return *values_[i];
}

int64_t Parameters::integer(size_t i, int64_t fallback) const {
  if (!values_[i] || values_[i]->is_none()) return fallback;
  const auto number = values_[i]->integer();
  if (!number)
    throw wrong("the argument '{}' of '{}' is {}, not an integer", names_[i], callee_, values_[i]->type_name());
  return *number;
}

std::string Parameters::string(size_t i, std::string_view fallback) const {
  if (!values_[i] || values_[i]->is_none()) return std::string(fallback);
  const std::string* text = values_[i]->as_string();
  if (!text) throw wrong("the argument '{}' of '{}' is {}, not a string", names_[i], callee_, values_[i]->type_name());
  return *text;
}

}  // namespace pent::jinja
