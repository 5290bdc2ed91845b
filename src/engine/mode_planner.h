// --mode auto: which of the modes that write the same text is the fastest on this machine, found out while writing.
//
// What is fixed is the text: auto never leaves the model's own mode for one that writes another. An autoregressive model's own
// mode and speculation write the same (sample/drafter.h), so between these two it may change from token to token, and clocks do not
// reach the text. A cycle of speculation makes two forwards of 1 + k rows and writes tau + 1 tokens, tau = 1 + the drafts accepted on
// average (spec 31 §5.2); it pays where (tau + 1) T(1) > 2 T(1 + k). T is measured once, tau while writing, by drafts that are tried
// now and then. What tries may cost is limited beforehand: a try that fails altogether loses 2 (T(1 + k) - T(1)), and it is made
// only when all tries together have then lost at most kMostLost of the time that the tokens so far took.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/cost_curve.h"
#include "sample/drafter.h"

namespace pent {

// Of drafts, by place: how often a token there was kept, where all before it were.
class Acceptance {
 public:
  static constexpr int kPlaces = 8;

  void add(DraftCount draft);
  // With one failure more than were seen; a place never reached is as the one before it. Old drafts count less and less.
  double at(int place) const;
  // Tokens that verifying a draft of `length` writes: 1 + sum over k of the product of at(0) … at(k - 1).
  double tokens(int length) const;
  int64_t drafts() const { return drafts_; }

 private:
  std::array<double, kPlaces> tried_{}, kept_{};
  int64_t drafts_ = 0;
};

// How many times faster than autoregression cycles with drafts of `length` are, if verifying one writes `tokens`.
double speculation_gain(const CostCurve& costs, double tokens, int length);

// The length with the largest gain, of 1, 2, 4 and 8.
struct DraftChoice {
  int length = 0;
  double gain = 0;
};
DraftChoice best_draft(const CostCurve& costs, const Acceptance& acceptance);

class ModePlanner : public DraftPlanner {
 public:
  static constexpr double kMostLost = 0.01;  // of autoregression's time
  static constexpr double kLeastGain = 1.03;
  // What a draft must at least be worth trying for: it is when 0.9 of its tokens were accepted and even that gained nothing.
  static constexpr double kHope = 0.9;

  explicit ModePlanner(CostCurve costs);

  int draft_length() override;
  void saw(DraftCount draft) override;

  // Whether the next tokens would be drafted for a gain, not for a try.
  bool speculates() const;
  std::string reason() const;  // one clause
  const Acceptance& acceptance() const { return acceptance_; }
  double lost() const { return lost_; }        // seconds by the curve, beyond what was gained
  double written() const { return written_; }  // seconds that autoregression would have taken

 private:
  CostCurve costs_;
  Acceptance acceptance_;
  DraftChoice try_;  // what is tried, and its gain at kHope
  double lost_ = 0, written_ = 0;
};

// Rows whose T decides: those of a token, and of a draft of each length with it.
std::vector<int> planned_rows();

}  // namespace pent
