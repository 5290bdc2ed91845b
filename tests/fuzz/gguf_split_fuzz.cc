// Any bytes as the parts of a split model, one behind the other, each beginning with "GGUF": pent::Error or one file that can be
// read and whose metadata can be written again.
#include <string_view>

#include "base/error.h"
#include "io/gguf_split.h"
#include "read_all.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    std::vector<std::unique_ptr<pent::GgufFile>> parts;
    for (size_t begin = 0; begin < size && parts.size() < 8;) {
      const size_t end = std::min(text.find("GGUF", begin + 1), size);
      parts.push_back(pent::open_one_gguf(bytes.subspan(begin, end - begin), "part"));
      begin = end;
    }
    if (parts.empty()) return 0;
    const auto file = pent::join_gguf_parts(std::move(parts));
    pent::read_all(*file);
    size_t stored = 0;
    for (const pent::GgufStoredPair& pair : file->stored_pairs()) stored += pair.key.size() + pair.value.size();
    if (stored > size) __builtin_trap();
  } catch (const pent::Error&) {
  }
  return 0;
}
