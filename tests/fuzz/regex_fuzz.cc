// Any bytes as a regular expression: pent::Error or an automaton.
#include "base/error.h"
#include "text/grammar/automaton.h"
#include "text/grammar/regex_syntax.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace pent::grammar;
  const std::string text(reinterpret_cast<const char*>(data), size);
  try {
    Automaton::compile(grammar_of(parse_regex(text, "fuzz")), "fuzz");
    Automaton::compile(grammar_of(parse_regex_search(text, "fuzz")), "fuzz");
  } catch (const pent::Error&) {
  }
  return 0;
}
