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
  std::string fingerprint;
};

// Reads, trains the tokenizer unless the recipe names one or the run directory has one, and tokenises. Makes the run
// directory unless dry_run.
Corpus prepare_corpus(const Recipe& recipe, bool dry_run);

WindowRules window_rules(const Recipe& recipe);
ObjectiveRules objective_rules(const Recipe& recipe, const SpecialTokens& special);

}  // namespace pent::train
