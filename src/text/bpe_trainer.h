// Trains a byte-level BPE vocabulary (Sennrich et al. 2016; byte alphabet of GPT-2).
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace pent {

struct BpeTrainerOptions {
  int vocab_size = 4096;                    // special tokens included; at least 256 + specials
  std::vector<std::string> special_tokens;  // get the highest ids, in this order
  int min_frequency = 2;                    // a pair seen less often is never merged
};

// `documents` is called once and hands each document to the callback it is given. Deterministic: ties go to the pair that
// is lexicographically smaller. Returns the text of a tokenizer.json (GPT-2 pattern with single digits, ByteLevel decoder)
// that parse_tokenizer_json and Hugging Face's tokenizers read alike. If the text is too small for vocab_size the vocabulary is smaller.
using DocumentSource = std::function<void(const std::function<void(std::string_view)>&)>;
std::string train_bpe(const DocumentSource& documents, const BpeTrainerOptions& options);

}  // namespace pent
