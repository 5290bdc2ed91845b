// Lines of mixed text (code, scripts, emoji, white space, special tokens), the same ones as make_tokenizer_goldens.py draws.
#pragma once

#include <cstdint>
#include <string>

#include "base/json.h"
#include "base/mapped_file.h"
#include "text/utf8.h"

namespace pent {

inline std::string golden_file(const std::string& name) {
  return read_file(PENT_SOURCE_DIR "/tests/golden/tokenizer/" + name);
}

class MixedLines {
 public:
  explicit MixedLines(uint64_t seed)
      : state_(seed), source_(parse_json(golden_file("fragments.json"), "fragments.json")) {}

  std::string next() {
    std::string line;
    for (uint64_t parts = below(16); parts > 0; --parts) {
      if (below(8) == 0) {
        const Json& range = pick("ranges");
        const auto first = range[0].get<uint32_t>(), last = range[1].get<uint32_t>();
        append_utf8(first + static_cast<uint32_t>(below(last - first + 1)), line);
      } else {
        line += pick("fragments").get_ref<const std::string&>();
      }
    }
    return line;
  }

 private:
  uint64_t below(uint64_t n) {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return (state_ >> 33) % n;
  }
  const Json& pick(const char* list) { return source_[list][below(source_[list].size())]; }

  uint64_t state_;
  Json source_;
};

}  // namespace pent
