// Any bytes as a JSON Schema: pent::Error or an automaton.
#include "base/error.h"
#include "text/grammar/automaton.h"
#include "text/grammar/json_schema.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace pent::grammar;
  const std::string text(reinterpret_cast<const char*>(data), size);
  try {
    Automaton::compile(parse_json_schema(pent::parse_json(text, "fuzz"), "fuzz"), "fuzz");
  } catch (const pent::Error&) {
  }
  return 0;
}
