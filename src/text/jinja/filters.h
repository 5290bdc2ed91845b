// Filters and tests of templates.
#pragma once

#include <span>
#include <string_view>

#include "text/jinja/value.h"

namespace pent::jinja {

int max_filter_arguments(std::string_view name);  // -1: no such filter
bool is_known_test(std::string_view name);

// Throw kInvalidArgument for values they cannot work on.
Value apply_filter(std::string_view name, const Value& input, std::span<const Value> arguments, Budget& budget);
bool apply_test(std::string_view name, const Value& input);

}  // namespace pent::jinja
