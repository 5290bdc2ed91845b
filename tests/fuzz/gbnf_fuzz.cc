// Any bytes as a grammar: pent::Error or an automaton.
#include "base/error.h"
#include "text/grammar/automaton.h"
#include "text/grammar/gbnf.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace pent::grammar;
  const std::string text(reinterpret_cast<const char*>(data), size);
  try {
    Automaton::compile(parse_gbnf(text, "fuzz"), "fuzz");
  } catch (const pent::Error&) {
  }
  return 0;
}
