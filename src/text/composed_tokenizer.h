// The tokenizer that all file formats are turned into: added tokens, normalizer, pre-tokenizer, word model, decoder.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "text/added_tokens.h"
#include "text/normalizer.h"
#include "text/pre_tokenizer.h"
#include "text/token_decoder.h"
#include "text/tokenizer.h"
#include "text/word_model.h"

namespace pent {

struct TokenizerParts {
  std::string where;  // for messages
  Normalizer normalizer;
  PreTokenizer pre_tokenizer;
  std::unique_ptr<const WordModel> model;  // never null
  TokenDecoder decoder;
  std::vector<AddedToken> added_tokens;
  std::vector<TokenId> prefix, suffix;  // what add_special puts around the text
};

// Throws kCorrupt where two strings have one id, one string has two, or an id is far beyond their number. Ids in between
// that no token has are allowed (o200k leaves some out) and stand for nothing.
std::shared_ptr<const Tokenizer> compose_tokenizer(TokenizerParts parts);

}  // namespace pent
