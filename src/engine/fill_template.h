// Templates for infilling: text with holes.
//
//   [[12]]        a hole of exactly twelve tokens, named "1", "2", … by its place among the holes
//   [[name:12]]   the same with a name: letters, digits, _ and -, starting with a letter, each name once
//   [[regex:P]]   a hole that the regular expression P matches, as many tokens as that takes; [[name:regex:P]] with a name
//   [[choice:a|b]] a hole that is one of these texts; [[name:choice:a|b]] with a name
//   \[[           the text [[
//
// A pattern may end in a bracket: of more than two the last two end its hole, as in [[regex:[0-9]]].
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pent {

struct FillSegment {
  std::string text;     // literal, if it is no hole
  std::string name;     // of the hole
  int tokens = 0;       // of the hole; 0 where a pattern says what it is
  std::string pattern;  // of the hole: a regular expression

  bool is_hole() const { return tokens > 0 || !pattern.empty(); }
};

// Literals and holes in order; literals are not empty. Throws kInvalidArgument for a malformed hole, a template without
// holes or a name used twice, kUnsupported for other kinds of holes.
std::vector<FillSegment> parse_fill_template(std::string_view text);

}  // namespace pent
