// MDLM's ancestral sampler (arXiv:2406.07524; spec 20 §4.3) and ReMDM's (arXiv:2503.00307; spec 20 §7) over S times from 1 to 0.
// Which cells a time step decides or opens does not depend on the model's answer, so it is drawn before the forward: a step that
// decides nothing costs none (MDLM's cache of unchanged steps). The last step decides every mask that is left.
// Draws: purpose order, step = the time step (not the forward), cell; the cell's state says what is drawn.
#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "sample/canvas_sampler.h"
#include "sample/score.h"

namespace pent {
namespace {

class AncestralSampler : public CanvasSampler {
 public:
  AncestralSampler(Canvas canvas, const SamplingParams& params, std::vector<int32_t> stop_ids)
      : CanvasSampler(std::move(canvas), params, std::move(stop_ids)), free_(free_cells()) {
    std::vector<CellChange> none;
    draw_until_something_is_decided(none);
    PENT_CHECK(none.empty());  // nothing is committed yet, so nothing was opened
  }

  bool done() const override { return stopped_ || time_ == params_.steps; }
  bool leaves_undecided() const override { return time_ + 1 < params_.steps; }
  Block active_block() const override {
    return free_.empty() ? Block{canvas_.size(), canvas_.size()} : Block{free_.front(), free_.back() + 1};
  }

  void plan(int32_t sequence, int32_t step, PassPlan& plan, HeadRequest& request) const override {
    std::vector<int32_t> all(static_cast<size_t>(canvas_.size()));
    std::iota(all.begin(), all.end(), 0);
    plan_cells(sequence, step, all, decided_, plan, request);
  }

  std::vector<CellChange> apply(std::span<const RowStats> rows, int32_t step) override {
    PENT_CHECK(rows.size() == decided_.size(), "{} rows for {} cells", rows.size(), decided_.size());
    std::vector<CellChange> changes;
    for (const int32_t cell : opened_) reopen(cell, changes);
    std::vector<Proposal> proposals;
    for (size_t i = 0; i < rows.size(); ++i) proposals.push_back({decided_[i], &rows[i], confidence(rows[i])});
    commit(std::move(proposals), step, changes);
    ++time_;
    draw_until_something_is_decided(changes);
    // Without remasking what is decided is final.
    if (params_.remask.kind == RemaskKind::kNone || time_ == params_.steps) advance_frontier(canvas_.size());
    return changes;
  }

 private:
  // Moves time_ to the next step that decides a cell; opens what the steps before it open.
  void draw_until_something_is_decided(std::vector<CellChange>& changes) {
    for (; time_ < params_.steps; ++time_) {
      draw();
      if (!decided_.empty()) return;
      for (const int32_t cell : opened_) reopen(cell, changes);
    }
  }

  void draw() {
    decided_.clear();
    opened_.clear();
    const bool last = time_ + 1 == params_.steps;
    const double t = 1 - static_cast<double>(time_) / params_.steps;
    const double s = last ? 0 : 1 - static_cast<double>(time_ + 1) / params_.steps;
    const StepChances chances = step_chances(params_.remask, t, s);
    const std::vector<double> open = open_chances(chances.open);
    size_t committed = 0;
    for (const int32_t cell : free_) {
      DrawKey order = key(time_, cell);
      order.purpose = DrawPurpose::kOrder;
      const double u = draw_uniform(order);
      if (canvas_[cell].state == CellState::kMasked) {
        if (last || u < chances.reveal) decided_.push_back(cell);
      } else if (const double chance = open[committed++]; !last && u < chance) {
        opened_.push_back(cell);
      }
    }
  }

  // Of each committed cell, in cell order.
  std::vector<double> open_chances(double sigma) const {
    std::vector<float> confidences;
    for (const int32_t cell : free_)
      if (canvas_[cell].state == CellState::kCommitted) confidences.push_back(canvas_[cell].confidence);
    if (params_.remask.kind != RemaskKind::kConfidence) return std::vector<double>(confidences.size(), sigma);
    std::vector<double> shares = confidence_shares(confidences);
    for (double& share : shares) share *= sigma;
    return shares;
  }

  std::vector<int32_t> free_;
  std::vector<int32_t> decided_, opened_;  // by the time step that the next forward serves
  int time_ = 0;
};

}  // namespace

std::unique_ptr<Sampler> make_ancestral_sampler(Canvas canvas, const SamplingParams& params,
                                                std::vector<int32_t> stop_ids) {
  return std::make_unique<AncestralSampler>(std::move(canvas), params, std::move(stop_ids));
}

}  // namespace pent
