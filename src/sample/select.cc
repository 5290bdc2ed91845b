// Selection by schedules (LLaDA, MaskGIT, Dream), by confidence (Fast-dLLM, SDAR) and by entropy (EB sampler): spec 20 §1, §3,
// §8.3, §9, §12, §0.7.
#include "sample/select.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "base/error.h"

namespace pent {
namespace {

// Positions in `candidates`, best first; ties go to the lower cell.
std::vector<size_t> best_first(std::span<const Candidate> candidates) {
  std::vector<size_t> order(candidates.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return candidates[a].score > candidates[b].score; });
  return order;
}

std::vector<size_t> in_cell_order(std::vector<size_t> order, size_t kept) {
  order.resize(std::min(kept, order.size()));
  std::sort(order.begin(), order.end());
  return order;
}

}  // namespace

std::vector<int> transfer_schedule(int masks, int steps) {
  PENT_CHECK(masks >= 0 && steps >= 1, "{} masks, {} steps", masks, steps);
  std::vector<int> counts(static_cast<size_t>(steps), masks / steps);
  for (int i = 0; i < masks % steps; ++i) ++counts[static_cast<size_t>(i)];
  return counts;
}

std::vector<int> cosine_schedule(int masks, int steps) {
  PENT_CHECK(masks >= 0 && steps >= 1, "{} masks, {} steps", masks, steps);
  std::vector<int> counts;
  for (int step = 1, left = masks; step <= steps; ++step) {
    const double share = std::cos(std::numbers::pi / 2 * step / steps);
    const int next = step == steps ? 0 : std::min(left, static_cast<int>(std::floor(masks * share)));
    counts.push_back(left - next);
    left = next;
  }
  return counts;
}

std::vector<int> time_schedule(int masks, int steps, double eps) {
  PENT_CHECK(masks >= 0 && steps >= 1, "{} masks, {} steps", masks, steps);
  std::vector<int> counts;
  const auto time = [&](int i) { return 1 - (1 - eps) * i / steps; };
  for (int step = 0, left = masks; step < steps; ++step) {
    const int count = step + 1 == steps ? left : static_cast<int>(std::floor(left * (1 - time(step + 1) / time(step))));
    counts.push_back(count);
    left -= count;
  }
  return counts;
}

std::vector<size_t> select_top(std::span<const Candidate> candidates, int count) {
  return in_cell_order(best_first(candidates), static_cast<size_t>(std::max(count, 0)));
}

std::vector<size_t> select_above(std::span<const Candidate> candidates, double threshold) {
  const std::vector<size_t> best = select_top(candidates, 1);  // empty where there are no candidates
  std::vector<size_t> chosen;
  for (size_t i = 0; i < candidates.size(); ++i)
    if (candidates[i].score > threshold || i == best[0]) chosen.push_back(i);
  return chosen;
}

std::vector<size_t> select_factor(std::span<const Candidate> candidates, double factor) {
  std::vector<size_t> order = best_first(candidates);
  size_t kept = std::min<size_t>(1, order.size());
  while (kept < order.size() && candidates[order[kept]].score >= 1 - factor / (static_cast<double>(kept) + 2)) ++kept;
  return in_cell_order(std::move(order), kept);
}

std::vector<size_t> select_entropy_bound(std::span<const Candidate> candidates, double bound) {
  std::vector<size_t> order = best_first(candidates);
  // In ascending order the largest of a prefix is its last: what is bounded is the sum before it.
  size_t kept = 0;
  for (double before = 0; kept < order.size() && (kept == 0 || before <= bound); ++kept)
    before -= candidates[order[kept]].score;
  return in_cell_order(std::move(order), kept);
}

std::vector<size_t> select_dynamic(std::span<const Candidate> candidates, double threshold, int count) {
  const auto above = std::count_if(candidates.begin(), candidates.end(),
                                   [&](const Candidate& candidate) { return candidate.score > threshold; });
  return above >= std::max(count, 1) ? select_above(candidates, threshold) : select_top(candidates, count);
}

std::vector<size_t> select_by(const SelectRule& rule, std::span<const Candidate> candidates, int count) {
  switch (rule.kind) {
    case SelectKind::kThreshold: return select_above(candidates, rule.value);
    case SelectKind::kFactor: return select_factor(candidates, rule.value);
    case SelectKind::kEntropyBound: return select_entropy_bound(candidates, rule.value);
    case SelectKind::kDynamic: return select_dynamic(candidates, rule.value, count);
    default: PENT_CHECK(false, "selection {} needs a schedule", to_string(rule.kind));
  }
}

std::vector<size_t> select_drawn(std::span<const Candidate> candidates, int count, double temperature, DrawKey key) {
  if (temperature == 0) return select_top(candidates, count);
  std::vector<Candidate> noisy(candidates.begin(), candidates.end());
  key.purpose = DrawPurpose::kOrder;
  for (Candidate& candidate : noisy) {
    key.cell = static_cast<uint32_t>(candidate.cell);
    candidate.score = candidate.score / temperature - std::log(-std::log(draw_uniform(key)));
  }
  return select_top(noisy, count);
}

}  // namespace pent
