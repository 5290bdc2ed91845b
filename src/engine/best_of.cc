// Ranking candidates by their own likelihood.
#include "engine/best_of.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/error.h"

namespace pent {

double mean_log_probability(const Canvas& canvas, size_t count) {
  double sum = 0;
  size_t written = 0;
  for (int32_t cell = 0; cell < canvas.size() && written < count; ++cell) {
    if (canvas[cell].state != CellState::kCommitted) continue;
    sum += std::log(std::max(static_cast<double>(canvas[cell].confidence), 1e-30));
    ++written;
  }
  return written == 0 ? -std::numeric_limits<double>::infinity() : sum / static_cast<double>(written);
}

Choice choose_likeliest(std::span<const std::unique_ptr<Sampler>> candidates, std::span<const DecodeOutcome> outcomes) {
  PENT_CHECK(!candidates.empty() && candidates.size() == outcomes.size());
  Choice choice;
  std::pair<bool, double> best;  // came to its end, likelihood
  int nfe = 0;
  int64_t rows = 0;
  double seconds = 0;
  bool cancelled = false;
  for (size_t i = 0; i < candidates.size(); ++i) {
    const bool stopped = outcomes[i].finish_reason == "stop";
    const std::pair<bool, double> rank = {
        candidates[i]->done() || stopped,
        mean_log_probability(candidates[i]->canvas(), candidates[i]->completion().size() + (stopped ? 1 : 0))};
    if (i == 0 || rank > best) {
      best = rank;
      choice.index = i;
    }
    nfe += outcomes[i].nfe;
    rows += outcomes[i].rows;
    seconds += outcomes[i].seconds;
    cancelled = cancelled || outcomes[i].finish_reason == "cancelled";
  }
  choice.outcome = outcomes[choice.index];
  choice.outcome.nfe = nfe;
  choice.outcome.rows = rows;
  choice.outcome.seconds = seconds;
  choice.outcome.seconds_to_first_committed = outcomes[0].seconds_to_first_committed;
  if (cancelled) choice.outcome.finish_reason = "cancelled";
  return choice;
}

}  // namespace pent
