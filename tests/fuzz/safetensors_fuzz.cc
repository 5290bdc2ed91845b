// Any bytes as a .safetensors file: pent::Error or a file that can be read to the end.
#include "base/error.h"
#include "read_all.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    pent::read_all(*pent::open_safetensors(std::as_bytes(std::span(data, size)), "fuzz"));
  } catch (const pent::Error&) {
  }
  return 0;
}
