// A tokenizer between its two forms: Hugging Face's tokenizer.json, and the tokenizer.* keys of GGUF that llama.cpp reads.
#pragma once

#include <string>

#include "io/gguf_write.h"
#include "io/model_files.h"
#include "text/tokenizer.h"

namespace pent {

struct GgufVocabulary {
  GgufPairs pairs;
  std::string note;  // what llama.cpp will not do with it; empty: nothing
};

// For a model whose embedding has `rows` rows (ids beyond the tokenizer's become unused tokens, as llama.cpp's converter names
// them). `tokenizer` is what files.tokenizer_json parses to. The whole of tokenizer.json goes along under
// tokenizer.huggingface.json, which pent prefers when it reads the file. What find_vocabulary_form() knows is written in full; of
// any other llama.cpp gets ids only ("none"). Negative ids are told by what the tokenizer puts around a text. Throws kCorrupt.
GgufVocabulary gguf_vocabulary(const ModelFiles& files, const Tokenizer& tokenizer, int rows, int32_t bos_id,
                               int32_t eos_id);

// tokenizer.huggingface.json where the file has it, else made from the vocabulary. Throws kUnsupported, kCorrupt, kNotFound.
std::string tokenizer_json_of_gguf(const GgufFile& file);

// What a tokenizer puts around a text, told by what it does to one.
struct TextSurroundings {
  std::vector<TokenId> before, after;
};
TextSurroundings text_surroundings(const Tokenizer& tokenizer);

}  // namespace pent
