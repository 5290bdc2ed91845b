// Windows: what one row of a batch holds. Which documents, in which order and cut where is a pure function of
// (seed, epoch), so a resumed run needs no more than a position.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "text/tokenizer.h"
#include "train/data/corpus.h"
#include "train/recipe/recipe.h"

namespace pent::train {

// Ids of the five special tokens, in the order in which our vocabularies end.
struct SpecialTokens {
  TokenId eos, bos, user, assistant, mask;
  static const std::vector<std::string>& names();
  static SpecialTokens find(const Tokenizer& tokenizer, const std::string& where);  // throws kInvalidArgument
};

struct Window {
  std::vector<TokenId> tokens;
  int32_t loss_begin = 0;  // tokens from here on are noised (diffusion) or predicted (next-token)
};

// One tokenised corpus: a [[source]].
struct TokenSource {
  struct Example {
    std::vector<TokenId> prompt, answer;
    std::vector<int32_t> sentence_ends;  // lengths at which the answer may be cut
  };
  SourceRecipe recipe;
  std::vector<Example> examples;
  int64_t tokens = 0;
};
TokenSource tokenize_source(const SourceRecipe& recipe, const std::vector<Document>& documents,
                            const Tokenizer& tokenizer);

struct WindowRules {
  int context = 0;
  bool pad_in_loss = true;
  uint64_t seed = 1;
};

// All windows of one epoch, shuffled.
//  "example": bos <|user|> prompt <|assistant|> answer eos, or (drop_prompt) bos answer eos; an answer too long
//    ends with its last sentence that fits; pad_in_loss adds a uniform number, 0 up to what fits, of further eos.
//  "packed": bos, then documents with eos between them, cut at the window's end; the first window starts at a random
//    offset that changes each epoch.
std::vector<Window> make_epoch(const std::vector<TokenSource>& sources, const SpecialTokens& special,
                               const WindowRules& rules, uint32_t epoch);

}  // namespace pent::train
