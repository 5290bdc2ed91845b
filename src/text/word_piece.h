// WordPiece (Schuster and Nakajima 2012, as BERT uses it): the longest token first.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "text/word_model.h"

namespace pent {

struct WordPieceOptions {
  TokenId unk = 0;                               // for a word that cannot be covered
  std::string continuing_subword_prefix = "##";  // of tokens that do not begin a word
  size_t max_input_chars_per_word = 100;         // longer words are unk
};

class WordPiece : public WordModel {
 public:
  WordPiece(TokenIndex vocabulary, WordPieceOptions options);

  void encode_word(std::string_view word, std::vector<TokenId>& out) const override;

 private:
  WordPieceOptions options_;
  size_t longest_ = 0;  // bytes of the longest token, the prefix included
};

}  // namespace pent
