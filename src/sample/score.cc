// Scores of candidates (spec 20 §1; Dream's entropy and margin, spec 20 §3).
#include "sample/score.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/error.h"

namespace pent {
namespace {

constexpr std::array<std::pair<ScoreKind, std::string_view>, 4> kNames = {{{ScoreKind::kProbability, "prob"},
                                                                           {ScoreKind::kEntropy, "entropy"},
                                                                           {ScoreKind::kMargin, "margin"},
                                                                           {ScoreKind::kRandom, "random"}}};

double probability(float logit, const RowStats& row) { return std::exp(static_cast<double>(logit) - row.log_sum_exp); }

}  // namespace

std::string_view to_string(ScoreKind kind) {
  for (const auto& [value, name] : kNames)
    if (value == kind) return name;
  PENT_CHECK(false, "score kind {}", static_cast<int>(kind));
}

std::optional<ScoreKind> parse_score(std::string_view name) {
  for (const auto& [value, text] : kNames)
    if (text == name) return value;
  return std::nullopt;
}

std::string_view to_string(ScoreOf of) { return of == ScoreOf::kModel ? "model" : "draws"; }

std::optional<ScoreOf> parse_score_of(std::string_view name) {
  if (name == "model") return ScoreOf::kModel;
  if (name == "draws") return ScoreOf::kDraws;
  return std::nullopt;
}

void request_score(ScoreKind kind, ScoreOf of, HeadRequest& request) {
  request.drawn_from = of == ScoreOf::kDraws;
  if (kind == ScoreKind::kEntropy) request.entropy = true;
  if (kind == ScoreKind::kMargin) request.top = std::max(request.top, 2);
}

float confidence(const RowStats& row) { return static_cast<float>(std::min(1.0, probability(row.drawn_logit, row))); }

double probability(ScoreOf of, const RowStats& row) {
  return of == ScoreOf::kDraws ? double{row.drawn_from.probability} : probability(row.drawn_logit, row);
}

double target_probability(const RowStats& row) { return probability(row.target_logit, row); }

double score(ScoreKind kind, ScoreOf of, const RowStats& row, DrawKey key) {
  const bool of_draws = of == ScoreOf::kDraws;
  switch (kind) {
    case ScoreKind::kProbability: return probability(of, row);
    case ScoreKind::kEntropy: return -static_cast<double>(of_draws ? row.drawn_from.entropy : row.entropy);
    case ScoreKind::kMargin: {
      if (of_draws) return row.drawn_from.margin;
      PENT_CHECK(!row.top.empty());
      const double second = row.top.size() > 1 ? probability(row.top[1].logit, row) : 0;
      return probability(row.top[0].logit, row) - second;
    }
    case ScoreKind::kRandom: key.purpose = DrawPurpose::kOrder; return draw_uniform(key);
  }
  PENT_CHECK(false, "score kind {}", static_cast<int>(kind));
}

}  // namespace pent
