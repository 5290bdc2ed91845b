// Any bytes as a chat template: pent::Error or rendered text.
#include "base/error.h"
#include "text/chat_template.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const auto chat_template = pent::ChatTemplate::parse({reinterpret_cast<const char*>(data), size}, "fuzz");
    chat_template.apply({{"system", "S"}, {"user", " it's \xF0\x9F\x99\x82 \n"}, {"assistant", "\xFF"}}, true, "<s>",
                        "</s>");
  } catch (const pent::Error&) {
  }
  return 0;
}
