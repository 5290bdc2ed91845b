// Masked-diffusion decoding composed of the parts length, score and select (spec 20 §1, §8.3; end rules: spec 20 §0.8).
// Each forward shows the model the canvas, or what of it the cache does not keep, and asks the head for the masked cells of the
// active block only.
#include <algorithm>

#include "base/error.h"
#include "sample/penalty.h"
#include "sample/sampler.h"
#include "sample/score.h"
#include "sample/select.h"

namespace pent {
namespace {

class DiffusionSampler : public Sampler {
 public:
  DiffusionSampler(Canvas canvas, const SamplingParams& params, std::vector<int32_t> stop_ids)
      : canvas_(std::move(canvas)), params_(params), stop_ids_(std::move(stop_ids)) {
    blocks_ = cut_blocks(canvas_, params_.block_length);
    if (!params_.threshold) {
      const int count = static_cast<int>(blocks_.size());
      steps_ = params_.steps_per_block > 0 ? std::vector<int>(blocks_.size(), params_.steps_per_block)
                                           : share_steps(params_.steps, count);
    }
    frontier_ = blocks_.empty() ? canvas_.size() : blocks_.front().begin;
    first_generated_ = frontier_;
    enter_block();
  }

  const Canvas& canvas() const override { return canvas_; }
  uint32_t n_index() const override { return params_.n_index; }
  int32_t capacity() const override { return canvas_.size(); }
  bool done() const override { return stopped_ || block_ == blocks_.size(); }
  Block active_block() const override {
    if (blocks_.empty()) return {canvas_.size(), canvas_.size()};
    return blocks_[std::min(block_, blocks_.size() - 1)];
  }

  void plan(int32_t sequence, int32_t step, PassPlan& plan, HeadRequest& request) const override {
    const std::vector<int32_t> tokens = canvas_.tokens();
    const std::vector<int32_t> cells =
        cells_to_compute(params_.cache, canvas_, blocks_[block_], step_in_block_ == 0, step);
    const auto first_row = static_cast<uint32_t>(plan.rows.size());
    plan.add_cells(sequence, tokens, cells);
    auto row = cells.begin();
    for (const int32_t cell : open_cells()) {
      row = std::lower_bound(row, cells.end(), cell);
      plan.head_rows.push_back(first_row + static_cast<uint32_t>(row - cells.begin()));
      request.keys.push_back(key(step, cell));
      request_penalty(params_, canvas_, cell, stop_ids_, request);
    }
    request_score(params_.score, request);
  }

  std::vector<CellChange> apply(std::span<const RowStats> rows, int32_t step) override {
    const std::vector<int32_t> cells = open_cells();
    PENT_CHECK(cells.size() == rows.size(), "{} rows for {} cells", rows.size(), cells.size());
    std::vector<Candidate> candidates(rows.size());
    for (size_t i = 0; i < rows.size(); ++i)
      candidates[i] = {.cell = cells[i],
                       .token = rows[i].drawn,
                       .confidence = confidence(rows[i]),
                       .score = score(params_.score, rows[i], key(step, cells[i]))};
    const std::vector<size_t> chosen = params_.threshold ? select_above(candidates, *params_.threshold)
                                                         : select_top(candidates, schedule_[step_in_block_]);
    std::vector<CellChange> changes;
    for (const size_t index : chosen) {
      const Candidate& winner = candidates[index];
      canvas_.commit(winner.cell, winner.token, winner.confidence, step);
      changes.push_back({winner.cell, winner.token, winner.confidence, CellState::kCommitted});
    }
    ++step_in_block_;
    if (chosen.size() == candidates.size()) {
      ++block_;
      enter_block();
    }
    advance_frontier();
    return changes;
  }

  std::vector<int32_t> completion() const override {
    std::vector<int32_t> tokens;
    for (int32_t cell = first_generated_; cell < frontier_; ++cell) tokens.push_back(canvas_[cell].token);
    return tokens;
  }

  std::string finish_reason() const override { return stopped_ ? "stop" : "length"; }

 private:
  DrawKey key(int32_t step, int32_t cell) const {
    return {.seed = params_.seed,
            .n_index = params_.n_index,
            .step = static_cast<uint32_t>(step),
            .cell = static_cast<uint32_t>(cell)};
  }

  // Masked cells of the active block, ascending.
  std::vector<int32_t> open_cells() const {
    std::vector<int32_t> cells;
    for (int32_t cell = blocks_[block_].begin; cell < blocks_[block_].end; ++cell)
      if (canvas_[cell].state == CellState::kMasked) cells.push_back(cell);
    return cells;
  }

  // The schedule is made from the masks present when the block starts.
  void enter_block() {
    step_in_block_ = 0;
    if (block_ == blocks_.size() || params_.threshold) return;
    const int masks = canvas_.masked_count(blocks_[block_].begin, blocks_[block_].end);
    schedule_ = transfer_schedule(masks, steps_[block_]);
  }

  // Everything left of the frontier is final. A stop token there ends the answer, whatever is undecided behind it.
  void advance_frontier() {
    for (; !stopped_ && frontier_ < canvas_.size() && canvas_[frontier_].state != CellState::kMasked; ++frontier_) {
      const Cell& cell = canvas_[frontier_];
      stopped_ = cell.state == CellState::kCommitted &&
                 std::find(stop_ids_.begin(), stop_ids_.end(), cell.token) != stop_ids_.end();
      if (stopped_) break;  // the frontier stays on the stop token, which is not part of the completion
    }
  }

  Canvas canvas_;
  SamplingParams params_;
  std::vector<int32_t> stop_ids_;
  std::vector<Block> blocks_;
  std::vector<int> steps_;     // per block, unless by threshold
  std::vector<int> schedule_;  // of the active block: how many cells each step commits
  size_t block_ = 0;
  size_t step_in_block_ = 0;
  int32_t first_generated_ = 0;
  int32_t frontier_ = 0;  // first cell that is not final, or the stop token
  bool stopped_ = false;
};

}  // namespace

std::unique_ptr<Sampler> make_diffusion_sampler(Canvas canvas, const SamplingParams& params,
                                                std::vector<int32_t> stop_ids) {
  return std::make_unique<DiffusionSampler>(std::move(canvas), params, std::move(stop_ids));
}

}  // namespace pent
