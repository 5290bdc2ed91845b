// From a recipe's files to tokens: tokenizer, sources, validation windows.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "model/spec.h"
#include "train/checkpoint.h"
#include "train/data/windows.h"
#include "train/objective/objective.h"

namespace pent::train {

struct Corpus {
  std::shared_ptr<const Tokenizer> tokenizer;
  SpecialTokens special;
  std::vector<TokenSource> sources, validation;
  ModelCard card;
  Json fixed;  // what a checkpoint may only be continued with (checkpoint.h)
};

// Bytes of the recipe's training files. Throws kNotFound.
int64_t bytes_of_text(const Recipe& recipe);

// Reads, obtains the tokenizer (the one the recipe names, or of the model it starts from; that of the run when it is resumed;
// else trained) and tokenises.
Corpus prepare_corpus(const Recipe& recipe, bool resume);

WindowRules window_rules(const Recipe& recipe);
ObjectiveRules objective_rules(const Recipe& recipe, const SpecialTokens& special);

}  // namespace pent::train
