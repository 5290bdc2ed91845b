// How good texts are, as numbers: a judge's perplexity and the unigram entropy that must be read beside it (spec 34 §3).
#pragma once

#include <span>
#include <string>
#include <vector>

#include "engine/model.h"

namespace pent {

// -sum of p log p over the token counts of one text, nats. 0 for an empty one.
double unigram_entropy(std::span<const int32_t> tokens);

struct JudgedTexts {
  double perplexity = 0;              // exp of the mean negative log-likelihood per token, pooled over all texts
  double unigram_entropy = 0;         // mean over texts, each by its own counts of the judge's tokens
  double pooled_unigram_entropy = 0;  // of all texts together
  int64_t tokens = 0;                 // scored by the judge
  int texts = 0;                      // with anything to score
  int empty_texts = 0;                // fewer than two tokens: left out
  std::vector<double> nll;            // of each text, nats; 0 where left out
};

// `judge` is autoregressive. A text's first token is its context: what is scored is tokens 2, 3, … . Texts are cut to the
// judge's context. `width` texts per pass.
JudgedTexts judge_texts(Model& judge, const std::vector<std::string>& texts, int width = 8);

}  // namespace pent
