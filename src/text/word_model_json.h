// The "model" of a tokenizer.json.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "text/bpe.h"
#include "text/json_field.h"
#include "text/word_model.h"

namespace pent {

// BPE, Unigram or WordPiece; kUnsupported names anything else, kCorrupt what contradicts itself.
std::unique_ptr<const WordModel> parse_word_model(const JsonPart& model);

TokenId parse_token_id(const Json& value, const std::string& where);
TokenIndex parse_vocabulary(const JsonPart& vocab);  // {"token": id, …}
std::vector<Bpe::Merge> parse_merges(const JsonPart& model, const TokenIndex& vocabulary);

}  // namespace pent
