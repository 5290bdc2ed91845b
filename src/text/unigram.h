// Unigram language model over pieces (Kudo 2018; SentencePiece): the most probable way to cut a word.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "text/byte_trie.h"
#include "text/word_model.h"

namespace pent {

struct UnigramOptions {
  TokenId unk = 0;             // for characters that no piece covers; a run of them is one token
  bool byte_fallback = false;  // such a run becomes its <0xXX> tokens where all exist
};

// Linear in the length of a word times the length of the longest piece.
class Unigram : public WordModel {
 public:
  // scores[id] = the log probability of the piece `id`; one for each, all finite.
  Unigram(TokenIndex vocabulary, std::vector<double> scores, const UnigramOptions& options);

  void encode_word(std::string_view word, std::vector<TokenId>& out) const override;

 private:
  void append_unknown(std::string_view run, std::vector<TokenId>& out) const;

  std::vector<double> scores_;
  UnigramOptions options_;
  double unk_score_;
  ByteTrie pieces_;
};

}  // namespace pent
