// JSON's own syntax as expressions: what the values of a JSON Schema are made of.
//
// Compact, but for one blank that may stand behind each comma and colon. Numbers have at most 16 digits before the point and 16
// behind it, exponents two: what a reader holds in a double. Of escapes in strings there are all that are not half of a pair of
// surrogates.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "text/grammar/grammar.h"

namespace pent::grammar {

inline constexpr int64_t kMaxInteger = 9'999'999'999'999'999;  // and its negative

Expr json_string(int min_length, int max_length);  // in characters; kUnlimited
// A string whose content (of characters, not of JSON) is of an expression without rules.
Expr json_string_of(const Expr& content);
Expr json_integer(int64_t min, int64_t max);  // within ±kMaxInteger; min <= max
Expr json_number();
// Numbers between bounds that are whole numbers or absent: whole ones, and where there is room decimal ones of up to 6 places.
struct NumberBounds {
  std::optional<double> min, max;                   // may be these …
  bool min_excluded = false, max_excluded = false;  // … but not then
};
Expr json_number(const NumberBounds& bounds);
Expr json_value(const Json& value);  // exactly this one
Expr json_separator(char c);         // a comma or a colon, and maybe a blank
// item, item, …: from min to max of them, between brackets.
Expr json_array(const Expr& item, int min, int max);

// Appends rules for any JSON value and returns the value's. Objects and arrays may be inside one another as deep as rules may.
int add_any_json(Grammar& grammar);

}  // namespace pent::grammar
