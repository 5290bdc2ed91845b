// Any bytes as a request: refused in one line, or one that is the same when printed and read again.
#include "base/error.h"
#include "engine/request_json.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const pent::Request request = pent::parse_request({reinterpret_cast<const char*>(data), size}, "request");
    const pent::Request again = pent::parse_request(pent::to_json_line(pent::to_json(request)), "printed request");
    if (!(request == again)) __builtin_trap();
  } catch (const pent::Error& refused) {
    if (std::string_view(refused.what()).starts_with("printed request")) __builtin_trap();
  }
  return 0;
}
