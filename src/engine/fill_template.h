// Templates for infilling: text with holes.
//
//   [[12]]        a hole of exactly twelve tokens, named "1", "2", … by its place among the holes
//   [[name:12]]   the same with a name: letters, digits, _ and -, starting with a letter, each name once
//   \[[           the text [[
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pent {

struct FillSegment {
  std::string text;  // literal, if tokens is 0
  std::string name;  // of the hole
  int tokens = 0;    // of the hole
};

// Literals and holes in order; literals are not empty. Throws kInvalidArgument for a malformed hole, a template without
// holes or a name used twice, kUnsupported for other kinds of holes.
std::vector<FillSegment> parse_fill_template(std::string_view text);

}  // namespace pent
