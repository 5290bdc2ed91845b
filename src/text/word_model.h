// What turns one word into tokens: BPE, Unigram or WordPiece.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "text/tokenizer.h"

namespace pent {

// Hash of strings that finds by string_view.
struct StringHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};
using TokenIndex = std::unordered_map<std::string, TokenId, StringHash, std::equal_to<>>;

// Immutable, thread-safe.
class WordModel {
 public:
  explicit WordModel(TokenIndex vocabulary) : vocabulary_(std::move(vocabulary)) {}
  virtual ~WordModel() = default;

  // Appends the ids of `word`, which is valid UTF-8 and not empty.
  virtual void encode_word(std::string_view word, std::vector<TokenId>& out) const = 0;
  const TokenIndex& vocabulary() const { return vocabulary_; }

 protected:
  // The <0xXX> tokens of every byte of `text`, or false and nothing where one of them is not in the vocabulary.
  bool append_byte_tokens(std::string_view text, std::vector<TokenId>& out) const;

 private:
  TokenIndex vocabulary_;
};

}  // namespace pent
