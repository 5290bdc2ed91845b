// The methods of strings and mappings that change nothing.
#pragma once

#include <string_view>

#include "text/jinja/value.h"

namespace pent::jinja {

// Whether Python has such a method on this type, whether or not we (or its sandbox) let it be called.
bool is_method(const Value& object, std::string_view name);
// A function; undefined for methods that would change the object, which the sandbox hides, and those that we lack.
Value bound_method(const Value& object, std::string_view name);

}  // namespace pent::jinja
