// The names that llama.cpp's converter writes under tokenizer.ggml.pre, and what they stand for.
#pragma once

#include <string>

#include "text/normalizer.h"
#include "text/pre_tokenizer.h"

namespace pent {

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
