// Byte-pair encoding of single words.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "text/word_model.h"

namespace pent {

struct BpeOptions {
  bool ignore_merges = false;  // a word that is a token is taken at once (Llama 3)
  bool byte_fallback = false;  // an unknown character becomes its <0xXX> tokens where all exist
  bool fuse_unk = false;       // a run of unknown characters is one unk
  std::optional<TokenId> unk;  // none: unknown characters are dropped
};

// n log n in the length of a word.
class Bpe : public WordModel {
 public:
  // merges[r] = the pair of token ids that is merged with priority r, and what it becomes.
  struct Merge {
    TokenId left, right, merged;
  };
  Bpe(TokenIndex vocabulary, const std::vector<Merge>& merges, const BpeOptions& options);

  void encode_word(std::string_view word, std::vector<TokenId>& out) const override;

 private:
  struct Symbol {
    TokenId id;
    int previous, next;  // indices, -1 at the ends
  };
  struct Rule {
    int rank;
    TokenId merged;
  };

  const Rule* find_rule(TokenId left, TokenId right) const;
  void split_into_characters(std::string_view word, std::vector<TokenId>& ids) const;

  std::unordered_map<uint64_t, Rule> rules_;  // left << 32 | right
  BpeOptions options_;
};

// The merges of a vocabulary: each pair and its concatenation must be tokens. kCorrupt naming WHERE and the entry.
std::vector<Bpe::Merge> resolve_merges(const std::vector<std::pair<std::string, std::string>>& pairs,
                                       const TokenIndex& vocabulary, const std::string& where);

// The merges that SentencePiece's scores stand for: every pair of tokens that makes a token, the best score first, as
// transformers converts such vocabularies. scores[id] belongs to the token `id`; there is one for each.
std::vector<Bpe::Merge> merges_of_scores(const TokenIndex& vocabulary, const std::vector<double>& scores);

}  // namespace pent
