// P2, unmask and remask by one order (arXiv:2502.03540), as Open-dCoder decodes with it (spec 20 §3): a decided cell is scored by
// the probability of a fresh draw, as there, not by that of the token it holds.
#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "sample/canvas_sampler.h"
#include "sample/score.h"

namespace pent {
namespace {

class PathPlanningSampler : public CanvasSampler {
 public:
  PathPlanningSampler(Canvas canvas, const SamplingParams& params, std::vector<int32_t> stop_ids)
      : CanvasSampler(std::move(canvas), params, std::move(stop_ids)), free_(free_cells()), done_(free_.empty()) {}

  bool done() const override { return done_; }
  bool leaves_undecided() const override { return forwards_ + 1 < params_.steps; }
  Block active_block() const override {
    return free_.empty() ? Block{canvas_.size(), canvas_.size()} : Block{free_.front(), free_.back() + 1};
  }

  void plan(int32_t sequence, int32_t step, PassPlan& plan, HeadRequest& request) const override {
    std::vector<int32_t> all(static_cast<size_t>(canvas_.size()));
    std::iota(all.begin(), all.end(), 0);
    plan_cells(sequence, step, all, free_, plan, request);
    request_score(params_.score, params_.score_of, request);
  }

  std::vector<CellChange> apply(std::span<const RowStats> rows, int32_t step) override {
    PENT_CHECK(rows.size() == free_.size(), "{} rows for {} cells", rows.size(), free_.size());
    std::vector<double> scores;
    for (size_t i = 0; i < rows.size(); ++i)
      scores.push_back(score(params_.score, params_.score_of, rows[i], key(step, free_[i])));
    ++forwards_;
    const std::vector<bool> masked =
        masked_by_path_planning(scores, static_cast<double>(step + 1) / static_cast<double>(params_.steps));
    std::vector<CellChange> changes;
    std::vector<Proposal> proposals;
    bool any_masked = false;
    for (size_t i = 0; i < rows.size(); ++i) {
      const bool was_masked = canvas_[free_[i]].state == CellState::kMasked;
      any_masked = any_masked || masked[i];
      if (masked[i] && !was_masked) reopen(free_[i], changes);
      if (!masked[i] && was_masked) proposals.push_back({free_[i], &rows[i], scores[i]});
    }
    commit(std::move(proposals), step, changes);
    done_ = !any_masked;
    if (done_) advance_frontier(canvas_.size());  // before, any cell may be opened again
    return changes;
  }

 private:
  std::vector<int32_t> free_;
  int forwards_ = 0;
  bool done_;
};

}  // namespace

std::unique_ptr<Sampler> make_path_planning_sampler(Canvas canvas, const SamplingParams& params,
                                                    std::vector<int32_t> stop_ids) {
  return std::make_unique<PathPlanningSampler>(std::move(canvas), params, std::move(stop_ids));
}

}  // namespace pent
