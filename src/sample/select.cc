// Selection by LLaDA's schedule (spec 20 §1) and by Fast-dLLM's confidence threshold (spec 20 §8.3, §0.7).
#include "sample/select.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"

namespace pent {

std::vector<int> transfer_schedule(int masks, int steps) {
  PENT_CHECK(masks >= 0 && steps >= 1, "{} masks, {} steps", masks, steps);
  std::vector<int> counts(static_cast<size_t>(steps), masks / steps);
  for (int i = 0; i < masks % steps; ++i) ++counts[static_cast<size_t>(i)];
  return counts;
}

std::vector<size_t> select_top(std::span<const Candidate> candidates, int count) {
  std::vector<size_t> order(candidates.size());
  std::iota(order.begin(), order.end(), size_t{0});
  const size_t kept = std::min(order.size(), static_cast<size_t>(std::max(count, 0)));
  std::partial_sort(
      order.begin(), order.begin() + static_cast<std::ptrdiff_t>(kept), order.end(), [&](size_t a, size_t b) {
        return candidates[a].score != candidates[b].score ? candidates[a].score > candidates[b].score : a < b;
      });
  order.resize(kept);
  std::sort(order.begin(), order.end());
  return order;
}

std::vector<size_t> select_above(std::span<const Candidate> candidates, double threshold) {
  const std::vector<size_t> best = select_top(candidates, 1);
  std::vector<size_t> chosen;
  for (size_t i = 0; i < candidates.size(); ++i)
    if (candidates[i].score > threshold || i == best[0]) chosen.push_back(i);
  return chosen;
}

}  // namespace pent
