// Any bytes as a .gguf file: pent::Error or a file whose metadata and tensors can be read.
#include "base/error.h"
#include "io/gguf.h"
#include "read_all.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const auto file = pent::open_gguf(std::as_bytes(std::span(data, size)), "fuzz");
    pent::read_all(*file);
    for (const char* key : {"general.architecture", "llama.block_count", "tokenizer.ggml.tokens"}) {
      try {
        file->get_number(key);
        file->get_string(key);
      } catch (const pent::Error&) {
      }
    }
  } catch (const pent::Error&) {
  }
  return 0;
}
