// Python's two ways to fill values into a text.
#pragma once

#include <string>

#include "text/jinja/arguments.h"
#include "text/jinja/runtime.h"

namespace pent::jinja {

// format % values, where values is a tuple, a mapping for %(name)s, or one value. Conversions: s r d i f x X %, with the
// flags - and 0, a width and a precision; others are kUnsupported.
Value percent_format(const Value& format, const Value& values, Runtime& runtime);
// format.format(…): {} {0} {name}, with nothing or "d", "s", ".Nf" after a colon; others are kUnsupported.
Value brace_format(const Value& format, const Arguments& arguments, Runtime& runtime);

}  // namespace pent::jinja
