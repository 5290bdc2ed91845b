// A coarse grid, then hill climbing.
#include "sample/length_search.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"

namespace pent {

int search_length(std::span<const int> lengths, const LengthScores& scores, int max_forwards) {
  PENT_CHECK(!lengths.empty() && lengths.front() >= 1);
  const auto count = static_cast<int>(lengths.size());
  if (count == 1) return lengths.front();
  std::map<int, double> known;  // by place in `lengths`
  std::set<int> next = {0, count - 1};
  for (int power = 1; power < lengths.back(); power *= 2)
    next.insert(static_cast<int>(std::lower_bound(lengths.begin(), lengths.end(), power) - lengths.begin()));
  int best = count / 2;
  for (int forward = 0; forward < max_forwards && !next.empty(); ++forward) {
    std::vector<int> asked;
    for (const int place : next) asked.push_back(lengths[static_cast<size_t>(place)]);
    const std::vector<double> found = scores(asked);
    PENT_CHECK(found.size() == asked.size(), "{} scores of {} lengths", found.size(), asked.size());
    for (size_t i = 0; const int place : next) known[place] = found[i++];
    best = known.begin()->first;
    for (const auto& [place, score] : known)
      if (score > known[best]) best = place;
    next.clear();
    for (int place = std::max(best - kPatience, 0); place <= std::min(best + kPatience, count - 1); ++place)
      if (!known.contains(place)) next.insert(place);
  }
  return lengths[static_cast<size_t>(best)];
}

}  // namespace pent
