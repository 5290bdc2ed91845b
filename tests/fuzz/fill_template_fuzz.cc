// Any text as a template with holes: refused, or cut into literals and holes that make sense.
#include "base/error.h"
#include "engine/fill_template.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    size_t holes = 0;
    for (const auto& segment : pent::parse_fill_template({reinterpret_cast<const char*>(data), size})) {
      if (segment.tokens < 0 || (segment.tokens == 0) != segment.name.empty()) __builtin_trap();
      if ((segment.tokens == 0) == segment.text.empty()) __builtin_trap();
      holes += segment.tokens > 0;
    }
    if (holes == 0) __builtin_trap();
  } catch (const pent::Error&) {
  }
  return 0;
}
