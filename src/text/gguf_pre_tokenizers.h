// The names that llama.cpp's converter writes under tokenizer.ggml.pre, and what they stand for.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/normalizer.h"
#include "text/pre_tokenizer.h"

namespace pent {

// The pattern that stands for digits, each by itself.
inline constexpr const char* kSingleDigits = R"(\p{N})";

struct GgufPreTokenizer {
  std::vector<std::string_view> names;  // the first is the one to write
  std::vector<const char*> patterns;    // each splits what the ones before it left whole; then come the bytes
  bool ignore_merges = false, add_bos = false, add_sep = false, nfc = false;
};
std::span<const GgufPreTokenizer> gguf_pre_tokenizers();
const GgufPreTokenizer* find_gguf_pre_tokenizer(std::string_view name);  // nullptr: not known

// What surrounds a byte-level BPE model.
struct BpeSurroundings {
  Normalizer normalizer;
  PreTokenizer pre_tokenizer;
  bool ignore_merges = false;
  bool add_bos = false, add_sep = false;  // unless the file says otherwise
};

// kUnsupported naming WHERE and the name if it is not known.
BpeSurroundings bpe_surroundings(const std::string& pre, const std::string& where);

}  // namespace pent
