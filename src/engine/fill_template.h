// Templates for infilling: text with holes.
//
//   [[12]]         a hole of exactly twelve tokens, named "1", "2", … by its place among the holes
//   [[4..16]]      of four to sixteen, as many as fit best; [[*]] of 1 to 64
//   [[regex:P]]    a hole that the regular expression P matches, as many tokens as that takes
//   [[choice:a|b]] a hole that is one of these texts
//   [[~old text]]  a hole that begins as this text: what the model doubts of it is written anew
//   [[name:…]]     any of these with a name: letters, digits, _ and -, starting with a letter, each name once
//   \[[            the text [[
//
// A pattern may end in a bracket: of more than two the last two end its hole, as in [[regex:[0-9]]].
#pragma once

#include <string_view>
#include <vector>

#include "engine/request.h"

namespace pent {

// Literals and holes in order; literals are not empty. Throws kInvalidArgument for a malformed hole, a template without
// holes or a name used twice.
std::vector<Segment> parse_fill_template(std::string_view text);

}  // namespace pent
