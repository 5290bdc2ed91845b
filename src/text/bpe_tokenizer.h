// The tokenizer that all file formats are turned into: added tokens, normalizer, pre-tokenizer, BPE, byte-level decoder.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "text/added_tokens.h"
#include "text/bpe.h"
#include "text/normalizer.h"
#include "text/pre_tokenizer.h"
#include "text/tokenizer.h"

namespace pent {

struct TokenizerParts {
  std::string where;  // for messages
  Normalizer normalizer;
  PreTokenizer pre_tokenizer;
  Bpe bpe;
  std::vector<AddedToken> added_tokens;
  std::vector<TokenId> prefix, suffix;  // what add_special puts around the text
};

// Throws kCorrupt unless the ids of vocabulary and added tokens together are 0 … n-1, each for one string.
std::shared_ptr<const Tokenizer> make_bpe_tokenizer(TokenizerParts parts);

}  // namespace pent
