// The functions that every template finds: Jinja2's range, dict and namespace, and what transformers adds.
#pragma once

#include <string_view>

#include "text/jinja/value.h"

namespace pent::jinja {

Value global_function(std::string_view name);  // undefined if there is none

}  // namespace pent::jinja
