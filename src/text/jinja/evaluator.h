// Runs a parsed template.
#pragma once

#include <ctime>
#include <string>

#include "text/jinja/ast.h"

namespace pent::jinja {

// `now` is what strftime_now writes. Throws kInvalidArgument where the template does (raise_exception, wrong types),
// kUnsupported for what we lack, kResourceExhausted beyond the limits on work, output and depth; each with the line.
std::string render(const Body& body, Variables globals, std::time_t now, const std::string& where);

}  // namespace pent::jinja
