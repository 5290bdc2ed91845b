// Regular expressions as a language of whole texts: the part of the usual syntax (RE2, Python, ECMAScript) that an automaton can do.
//
//   a \n \t \r \f \v \xHH \x{H…} \uHHHH \. …   characters       (?:…) (…) (?P<n>…) (?<n>…)   groups
//   . [a-z] [^…] \d \w \s \D \W \S \p{L} \P{Lu}  classes          * + ? {m} {m,} {m,n}, lazy too  repetition
//   ^ $ at the ends of the whole or of its alternatives
//
// `.` is everything but a line feed; \d, \w and \s are ASCII, as in RE2 and ECMAScript. Back references, look-around, \b, flags and
// possessive repetition are refused.
#pragma once

#include <string>
#include <string_view>

#include "text/grammar/grammar.h"

namespace pent::grammar {

// The texts that match from end to end. `what` names the pattern in errors ("--regex"). Throws kInvalidArgument with the byte at
// which the pattern is wrong, kUnsupported for what is refused.
Expr parse_regex(std::string_view pattern, const std::string& what);

// The texts of which some part matches, as JSON Schema's `pattern` means it: open at each end that has no anchor.
Expr parse_regex_search(std::string_view pattern, const std::string& what);

}  // namespace pent::grammar
