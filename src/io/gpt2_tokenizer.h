// GPT-2's tokenizer files, vocab.json with merges.txt, as the tokenizer.json that means the same.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"

namespace pent {

// The text of a tokenizer.json. `tokenizer_config` (tokenizer_config.json, or null) names the special tokens; without it
// <|endoftext|> is the one. kCorrupt, or kUnsupported where it names a class with other patterns than GPT-2's. WHERE is the
// folder.
std::string gpt2_tokenizer_json(std::string_view vocab_json, std::string_view merges_txt, const Json& tokenizer_config,
                                const std::string& where);

}  // namespace pent
