// Runs a parsed template.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "text/jinja/ast.h"

namespace pent::jinja {

using Variables = std::vector<std::pair<std::string, Value>>;

// Throws kInvalidArgument where the template does (raise_exception, wrong types), kResourceExhausted beyond the limits.
std::string render(const Body& body, Variables globals, const std::string& where);

}  // namespace pent::jinja
