// Any text as a template with holes: refused, or cut into literals and holes that make sense.
#include "base/error.h"
#include "engine/fill_template.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    size_t holes = 0;
    for (const auto& segment : pent::parse_fill_template({reinterpret_cast<const char*>(data), size})) {
      if (segment.hole.has_value() != segment.text.empty()) __builtin_trap();
      if (!segment.hole) continue;
      ++holes;
      const pent::Hole& hole = *segment.hole;
      if (hole.name.empty() || hole.min_tokens > hole.max_tokens) __builtin_trap();
      if ((hole.max_tokens > 0) + hole.constraint.has_value() + !hole.draft.empty() != 1) __builtin_trap();
    }
    if (holes == 0) __builtin_trap();
  } catch (const pent::Error&) {
  }
  return 0;
}
