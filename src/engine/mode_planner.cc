#include "engine/mode_planner.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace pent {
namespace {

constexpr std::array<int, 4> kLengths = {1, 2, 4, 8};
constexpr double kRemembered = 64;  // drafts, about

}  // namespace

void Acceptance::add(DraftCount draft) {
  PENT_CHECK(draft.accepted >= 0 && draft.accepted <= draft.drafted);
  ++drafts_;
  for (size_t place = 0; place < kPlaces; ++place) {
    tried_[place] *= 1 - 1 / kRemembered;
    kept_[place] *= 1 - 1 / kRemembered;
    const auto here = static_cast<int64_t>(place);
    if (here < draft.drafted && here <= draft.accepted) ++tried_[place];
    if (here < draft.accepted) ++kept_[place];
  }
}

double Acceptance::at(int place) const {
  auto known = static_cast<size_t>(std::clamp(place, 0, kPlaces - 1));
  while (known > 0 && tried_[known] < 0.5) --known;
  return kept_[known] / (tried_[known] + 1);
}

double Acceptance::tokens(int length) const {
  double sum = 1, product = 1;
  for (int place = 0; place < length; ++place) sum += product *= at(place);
  return sum;
}

double speculation_gain(const CostCurve& costs, double tokens, int length) {
  return (tokens + 1) * costs.seconds(1) / (2 * costs.seconds(1 + length));
}

DraftChoice best_draft(const CostCurve& costs, const Acceptance& acceptance) {
  DraftChoice best;
  for (const int length : kLengths) {
    const double gain = speculation_gain(costs, acceptance.tokens(length), length);
    if (gain > best.gain) best = {length, gain};
  }
  return best;
}

std::vector<int> planned_rows() {
  std::vector<int> rows = {1};
  for (const int length : kLengths) rows.push_back(1 + length);
  return rows;
}

ModePlanner::ModePlanner(CostCurve costs) : costs_(std::move(costs)) {
  for (const int length : kLengths) {
    const double tokens = (1 - std::pow(kHope, length + 1)) / (1 - kHope);  // if each is accepted with this probability
    const double gain = speculation_gain(costs_, tokens, length);
    if (gain > try_.gain) try_ = {length, gain};
  }
}

bool ModePlanner::speculates() const {
  return acceptance_.drafts() > 0 && best_draft(costs_, acceptance_).gain >= kLeastGain;
}

int ModePlanner::draft_length() {
  if (speculates()) return best_draft(costs_, acceptance_).length;
  if (try_.gain < kLeastGain) return 0;
  const double worst = 2 * (costs_.seconds(1 + try_.length) - costs_.seconds(1));
  return lost_ + worst <= kMostLost * written_ ? try_.length : 0;
}

// A draft's cycle writes a token while drafting, those that were accepted, and one more.
void ModePlanner::saw(DraftCount draft) {
  const double token = costs_.seconds(1);
  if (draft.drafted == 0) {
    written_ += token;
    return;
  }
  acceptance_.add(draft);
  const double tokens = static_cast<double>(draft.accepted) + 2;
  written_ += tokens * token;
  lost_ += 2 * costs_.seconds(1 + static_cast<double>(draft.drafted)) - tokens * token;
  lost_ = std::max(lost_, 0.0);  // what was gained once is no licence to lose it
}

std::string ModePlanner::reason() const {
  const auto cost = [&](int length) { return costs_.seconds(1 + length) / costs_.seconds(1); };
  const auto drafts = [](int length) {
    return length == 1 ? "drafts of 1 token" : fmt::format("drafts of {} tokens", length);
  };
  if (try_.gain < kLeastGain)
    return fmt::format(
        "a forward of {} rows takes {:.2f} times as long as one of 1, so that even good drafts gain nothing",
        1 + try_.length, cost(try_.length));
  if (acceptance_.drafts() == 0)
    return fmt::format("too little was written yet to try {}, which may cost {:.2f} of a token", drafts(try_.length),
                       2 * (cost(try_.length) - 1));
  const DraftChoice best = best_draft(costs_, acceptance_);
  return fmt::format(
      "{} {} {:.2f} times as fast: {} tried, {:.2f} of first tokens accepted, {} rows take {:.2f} times as long as 1",
      drafts(best.length), speculates() ? "are" : "would be", best.gain, acceptance_.drafts(), acceptance_.at(0),
      1 + best.length, cost(best.length));
}

}  // namespace pent
