// Filters and tests of templates, as in Jinja2's documentation ("Builtin Filters", "Builtin Tests"), and tojson as
// transformers has it. They throw kInvalidArgument for values they cannot work on. A name that is not known is an error
// (kUnsupported) only when it is applied, as in Jinja2 within an `if`: templates keep some for other engines.
#pragma once

#include <span>
#include <string_view>

#include "text/jinja/arguments.h"
#include "text/jinja/runtime.h"

namespace pent::jinja {

Value apply_filter(std::string_view name, const Value& input, const Arguments& arguments, Runtime& runtime);
bool apply_test(std::string_view name, const Value& input, const Arguments& arguments, Runtime& runtime);

struct Filter {
  std::string_view name;
  Builtin apply;
};
std::span<const Filter> text_filters();
std::span<const Filter> sequence_filters();

}  // namespace pent::jinja
