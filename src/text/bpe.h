// Byte-pair encoding of single words.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "text/tokenizer.h"

namespace pent {

// Hash of strings that finds by string_view.
struct StringHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};
using TokenIndex = std::unordered_map<std::string, TokenId, StringHash, std::equal_to<>>;

struct BpeOptions {
  bool ignore_merges = false;  // a word that is a token is taken at once (Llama 3)
  bool byte_fallback = false;  // an unknown character becomes its <0xXX> tokens where all exist
  bool fuse_unk = false;       // a run of unknown characters is one unk
  std::optional<TokenId> unk;  // none: unknown characters are dropped
};

// Immutable, thread-safe. n log n in the length of a word.
class Bpe {
 public:
  // merges[r] = the pair of token ids that is merged with priority r, and what it becomes.
  struct Merge {
    TokenId left, right, merged;
  };
  Bpe() = default;
  Bpe(TokenIndex vocabulary, const std::vector<Merge>& merges, const BpeOptions& options);

  void encode_word(std::string_view word, std::vector<TokenId>& out) const;
  const TokenIndex& vocabulary() const { return vocabulary_; }

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
  bool append_bytes(std::string_view character, std::vector<TokenId>& ids) const;

  TokenIndex vocabulary_;
  std::unordered_map<uint64_t, Rule> rules_;  // left << 32 | right
  BpeOptions options_;
};

// The merges of a vocabulary: each pair and its concatenation must be tokens. kCorrupt naming WHERE and the entry.
std::vector<Bpe::Merge> resolve_merges(const std::vector<std::pair<std::string, std::string>>& pairs,
                                       const TokenIndex& vocabulary, const std::string& where);

}  // namespace pent
