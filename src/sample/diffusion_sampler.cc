// Masked-diffusion decoding block by block, composed of the parts length, score, select and edit (spec 20 §1, §3, §8.3, §9, §11, §12;
// end rules: spec 20 §0.8). Each forward shows the model the canvas, or what of it the cache does not keep, and asks the head for
// the masked cells of the active block only, when editing for those decided in it too.
#include <algorithm>

#include "base/error.h"
#include "sample/canvas_sampler.h"
#include "sample/score.h"

namespace pent {
namespace {

constexpr int kPostEdits = 16;  // LLaDA2.1: max_post_steps

class DiffusionSampler : public CanvasSampler {
 public:
  DiffusionSampler(Canvas canvas, const SamplingParams& params, std::vector<int32_t> stop_ids)
      : CanvasSampler(std::move(canvas), params, std::move(stop_ids)) {
    blocks_ = cut_blocks(canvas_, params_.block_length);
    if (params_.select.by_steps()) {
      const int count = static_cast<int>(blocks_.size());
      steps_ = params_.steps_per_block > 0 ? std::vector<int>(blocks_.size(), params_.steps_per_block)
                                           : share_steps(params_.steps, count);
    }
    enter_block();
  }

  bool done() const override { return stopped_ || block_ == blocks_.size(); }
  Block active_block() const override {
    if (blocks_.empty()) return {canvas_.size(), canvas_.size()};
    return blocks_[std::min(block_, blocks_.size() - 1)];
  }

  void plan(int32_t sequence, int32_t step, PassPlan& plan, HeadRequest& request) const override {
    const std::vector<int32_t> cells =
        cells_to_compute(params_.cache, canvas_, blocks_[block_], step_in_block_ == 0, step);
    plan_cells(sequence, step, cells, asked_cells(), plan, request);
    request_score(params_.score, request);
  }

  std::vector<CellChange> apply(std::span<const RowStats> rows, int32_t step) override {
    const std::vector<int32_t> cells = asked_cells();
    PENT_CHECK(cells.size() == rows.size(), "{} rows for {} cells", rows.size(), cells.size());
    std::vector<Candidate> candidates;
    std::vector<CellChange> changes;
    for (size_t i = 0; i < rows.size(); ++i) {
      if (canvas_[cells[i]].state == CellState::kMasked)
        candidates.push_back({.cell = cells[i],
                              .token = rows[i].drawn,
                              .confidence = confidence(rows[i]),
                              .score = score(params_.score, rows[i], key(step, cells[i]))});
      else if (rows[i].drawn != canvas_[cells[i]].token && confidence(rows[i]) > params_.remask.value)
        rewrite(cells[i], rows[i].drawn, confidence(rows[i]), step, changes);
    }
    const bool edited = !changes.empty();
    const std::vector<size_t> chosen = choose(candidates, step);
    for (const size_t index : chosen) {
      const Candidate& winner = candidates[index];
      commit(winner.cell, winner.token, winner.confidence, step, changes);
    }
    ++step_in_block_;
    if (candidates.empty()) ++post_edits_;
    const bool edits_over = !editing() || (candidates.empty() && (!edited || post_edits_ >= kPostEdits));
    if (chosen.size() == candidates.size() && edits_over) {
      ++block_;
      enter_block();
    }
    // While a block is edited nothing in it is final.
    advance_frontier(editing() && block_ < blocks_.size() ? blocks_[block_].begin : canvas_.size());
    return changes;
  }

 private:
  bool editing() const { return params_.remask.kind == RemaskKind::kEdit; }

  // Masked cells of the active block, ascending; when editing, all of it that is not fixed.
  std::vector<int32_t> asked_cells() const {
    std::vector<int32_t> cells;
    for (int32_t cell = blocks_[block_].begin; cell < blocks_[block_].end; ++cell)
      if (canvas_[cell].state == CellState::kMasked || (editing() && canvas_[cell].state == CellState::kCommitted))
        cells.push_back(cell);
    return cells;
  }

  std::vector<size_t> choose(std::span<const Candidate> candidates, int32_t step) const {
    const double value = params_.select.value;
    const int share = step_in_block_ < schedule_.size() ? schedule_[step_in_block_] : 0;
    switch (params_.select.kind) {
      case SelectKind::kThreshold: return select_above(candidates, value);
      case SelectKind::kFactor: return select_factor(candidates, value);
      case SelectKind::kEntropyBound: return select_entropy_bound(candidates, value);
      case SelectKind::kDynamic: return select_dynamic(candidates, value, share);
      default: return select_drawn(candidates, share, params_.order_temperature, key(step, 0));
    }
  }

  // The schedule is made from the masks present when the block starts. A step that would commit nothing is left out: the model
  // is not told the time, so it would say the same again.
  void enter_block() {
    step_in_block_ = 0;
    post_edits_ = 0;
    if (block_ == blocks_.size() || !params_.select.by_steps()) return;
    const int masks = canvas_.masked_count(blocks_[block_].begin, blocks_[block_].end);
    switch (params_.select.kind) {
      case SelectKind::kCosine: schedule_ = cosine_schedule(masks, steps_[block_]); break;
      case SelectKind::kTimeStep: schedule_ = time_schedule(masks, steps_[block_]); break;
      default: schedule_ = transfer_schedule(masks, steps_[block_]);
    }
    std::erase(schedule_, 0);
  }

  std::vector<Block> blocks_;
  std::vector<int> steps_;     // per block, where steps have a meaning
  std::vector<int> schedule_;  // of the active block: how many cells each step commits
  size_t block_ = 0;
  size_t step_in_block_ = 0;
  int post_edits_ = 0;  // forwards of this block that found no mask
};

}  // namespace

std::unique_ptr<Sampler> make_diffusion_sampler(Canvas canvas, const SamplingParams& params,
                                                std::vector<int32_t> stop_ids) {
  if (params.remask.is_remdm() || params.select.kind == SelectKind::kAncestral)
    return make_ancestral_sampler(std::move(canvas), params, std::move(stop_ids));
  if (params.remask.kind == RemaskKind::kPathPlanning)
    return make_path_planning_sampler(std::move(canvas), params, std::move(stop_ids));
  return std::make_unique<DiffusionSampler>(std::move(canvas), params, std::move(stop_ids));
}

}  // namespace pent
