// Any bytes as a chat template: pent::Error or rendered text.
#include "base/error.h"
#include "text/chat_template.h"

namespace {

pent::ChatInput conversation() {
  return {.messages = pent::parse_json(
              R"([{"role": "system", "content": [{"type": "text", "text": "S"}]},
                  {"role": "user", "content": " it's \ud83d\ude42 <b> \n"},
                  {"role": "assistant", "content": "", "tool_calls": [{"id": "1", "type": "function", "function":
                    {"name": "f", "arguments": {"a": 1.5, "b": [true, null], "c": {"d": "e"}}}}]},
                  {"role": "tool", "content": "r", "name": "f", "tool_call_id": "1"}])",
              "messages"),
          .tools = pent::parse_json(
              R"([{"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object",
                  "properties": {"a": {"type": "number", "enum": [1, 2]}}, "required": ["a"]}}}])",
              "tools"),
          .variables = {{"bos_token", "<s>"}, {"eos_token", "</s>"}, {"enable_thinking", false}, {"n", 12}},
          .now = 1'000'000'000};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const pent::ChatInput input = conversation();
  try {
    pent::ChatTemplate::parse({reinterpret_cast<const char*>(data), size}, "fuzz").apply(input);
  } catch (const pent::Error&) {
  }
  return 0;
}
