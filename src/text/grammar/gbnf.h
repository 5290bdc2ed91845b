// GBNF, the grammar notation of llama.cpp:
//
//   root  ::= item ("," item)*      # rules; the text is what `root` says
//   item  ::= "\"" [^"\n]* "\"" | [0-9]{1,3}
//
// "…" and […] with \n \t \r \\ \" \[ \] \xHH \uHHHH \UHHHHHHHH, `.` any character, ( ) |, and * + ? {m} {m,} {m,n} behind an item. A rule
// ends with its line, but for what stands in parentheses, behind ::= or |, or before |.
#pragma once

#include <string>
#include <string_view>

#include "text/grammar/grammar.h"

namespace pent::grammar {

// Throws kInvalidArgument ("WHAT: … at byte N …") for what is no grammar or uses a rule that is not there, kUnsupported for a rule
// that begins with itself (left recursion, which llama.cpp refuses as well).
Grammar parse_gbnf(std::string_view text, const std::string& what);

}  // namespace pent::grammar
