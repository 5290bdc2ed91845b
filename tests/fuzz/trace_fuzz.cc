// Any bytes as a recorded trace: refused, or it can be painted, and written and read again.
#include "base/error.h"
#include "sample/trace_json.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const pent::RecordedTrace trace = pent::read_trace({reinterpret_cast<const char*>(data), size}, "fuzz");
    std::map<int32_t, std::vector<pent::Cell>> canvases;
    std::string lines;
    const pent::TraceSink writer = pent::make_trace_writer(
        trace.header, [&](int32_t token) { return std::string_view(trace.token_bytes.at(token)); },
        [&](std::string_view line) { lines += line; });
    for (const pent::TraceEvent& event : trace.events) {
      pent::paint(canvases[event.n_index], event);
      writer(event);
    }
    if (pent::read_trace(lines, "again").events.size() != trace.events.size()) __builtin_trap();
  } catch (const pent::Error&) {
  }
  return 0;
}
