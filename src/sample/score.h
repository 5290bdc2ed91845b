// How much a candidate for a masked cell is worth committing now (sampler part "score").
#pragma once

#include <optional>
#include <string_view>

#include "base/random.h"
#include "model/pass_plan.h"

namespace pent {

enum class ScoreKind {
  kProbability,  // of the candidate: LLaDA's "low confidence" remasking
  kEntropy,      // minus the entropy of the row
  kMargin,       // best probability minus the second best
  kRandom,       // LLaDA's "random" remasking
};
std::string_view to_string(ScoreKind kind);  // "prob", "entropy", "margin", "random"
std::optional<ScoreKind> parse_score(std::string_view name);

// Which probabilities a score is made of.
enum class ScoreOf {
  kModel,  // the model's own, as LLaDA's
  kDraws,  // those of the distribution drawn from: Dream's, RND1's, SDAR's, LLaDA2's, P2's. With temperature 0: the model's own
};
std::string_view to_string(ScoreOf of);  // "model", "draws"
std::optional<ScoreOf> parse_score_of(std::string_view name);

// What the head must answer for this score.
void request_score(ScoreKind kind, ScoreOf of, HeadRequest& request);

// Probability of the drawn token under the untempered distribution (spec 20 §0.4).
float confidence(const RowStats& row);

// Of the drawn token; `of` is kDraws only if the head was asked so and drew.
double probability(ScoreOf of, const RowStats& row);

// Of the target that the head was asked for.
double target_probability(const RowStats& row);

// Higher is better. `key` names step and cell; random scores draw from it with purpose kOrder.
double score(ScoreKind kind, ScoreOf of, const RowStats& row, DrawKey key);

}  // namespace pent
