// WINO, wide in and narrow out (arXiv:2507.18578; spec 20 §16, after its authors' code): every forward decides many cells by a low
// threshold, and opens those again that the model does not confirm. What confirms a cell is a shadow of the block: masks at the
// same positions, which see all but the cell they stand for. The canvas does not see the shadow.
#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "sample/canvas_sampler.h"
#include "sample/score.h"

namespace pent {
namespace {

class WinoSampler : public CanvasSampler {
 public:
  WinoSampler(Canvas canvas, const SamplingParams& params, std::vector<int32_t> stop_ids)
      : CanvasSampler(std::move(canvas), params, std::move(stop_ids)),
        blocks_(cut_blocks(canvas_, params_.block_length)) {
    for (const Block& block : blocks_) widest_ = std::max(widest_, block.end - block.begin);
  }

  int32_t capacity() const override { return canvas_.size() + widest_; }
  bool done() const override { return stopped_ || block_ == blocks_.size(); }
  Block active_block() const override {
    if (blocks_.empty()) return {canvas_.size(), canvas_.size()};
    return blocks_[std::min(block_, blocks_.size() - 1)];
  }

  void plan(int32_t sequence, int32_t step, PassPlan& plan, HeadRequest& request) const override {
    std::vector<int32_t> all(static_cast<size_t>(canvas_.size()));
    std::iota(all.begin(), all.end(), 0);
    plan_cells(sequence, step, all, cells_in(CellState::kMasked), plan, request);
    request.targets.resize(plan.head_rows.size(), -1);
    add_shadow(step, plan, request);
    request_score(params_.score, params_.score_of, request);
  }

  std::vector<CellChange> apply(std::span<const RowStats> rows, int32_t step) override {
    const std::vector<int32_t> masked = cells_in(CellState::kMasked), standing = cells_in(CellState::kCommitted);
    PENT_CHECK(rows.size() == masked.size() + standing.size(), "{} rows", rows.size());
    std::vector<Candidate> candidates, doubted;
    for (size_t i = 0; i < masked.size(); ++i)
      candidates.push_back({.cell = masked[i],
                            .token = rows[i].drawn,
                            .confidence = confidence(rows[i]),
                            .score = score(params_.score, params_.score_of, rows[i], key(step, masked[i]))});
    for (size_t i = 0; i < standing.size(); ++i) {
      const double confirmed = target_probability(rows[masked.size() + i]);
      if (confirmed < params_.remask.value) doubted.push_back({.cell = standing[i], .score = -confirmed});
    }
    std::vector<CellChange> changes;
    std::vector<size_t> chosen = select_above(candidates, params_.select.value);
    if (const int most = most_decided(masked.size()); static_cast<int>(chosen.size()) > most)
      chosen = select_top(candidates, most);
    std::vector<Proposal> proposals;
    for (const size_t index : chosen) proposals.push_back({masked[index], &rows[index], candidates[index].score});
    commit(std::move(proposals), step, changes);
    // Fewer are opened than the forward before decided: so the masks grow fewer.
    if (chosen.size() > 1)
      for (const size_t index : select_top(doubted, std::min(static_cast<int>(doubted.size()), decided_before_ - 1)))
        reopen(doubted[index].cell, changes);
    decided_before_ = static_cast<int>(chosen.size());
    while (block_ < blocks_.size() && canvas_.masked_count(blocks_[block_].begin, blocks_[block_].end) == 0) {
      ++block_;
      decided_before_ = kDecidedBeforeABlock;
    }
    advance_frontier(block_ < blocks_.size() ? blocks_[block_].begin : canvas_.size());
    return changes;
  }

 private:
  static constexpr int kDecidedBeforeABlock = 30;

  static int most_decided(size_t masks) {
    return std::min(std::max(static_cast<int>(0.7 * static_cast<double>(masks)), 5), 20);
  }

  std::vector<int32_t> cells_in(CellState state) const {
    std::vector<int32_t> cells;
    for (int32_t cell = blocks_[block_].begin; cell < blocks_[block_].end; ++cell)
      if (canvas_[cell].state == state) cells.push_back(cell);
    return cells;
  }

  // One mask for each cell of the block, in slots behind the canvas; asked for the tokens that stand in decided cells.
  void add_shadow(int32_t step, PassPlan& plan, HeadRequest& request) const {
    const Block block = blocks_[block_];
    const int32_t size = canvas_.size(), width = block.end - block.begin;
    for (int32_t cell = block.begin; cell < block.end; ++cell) {
      const auto first_range = static_cast<uint32_t>(plan.ranges.size());
      if (cell > 0) plan.ranges.push_back({0, cell});
      if (cell + 1 < size) plan.ranges.push_back({cell + 1, size});
      plan.ranges.push_back({size, size + width});
      if (canvas_[cell].state == CellState::kCommitted)
        ask_standing(step, static_cast<uint32_t>(plan.rows.size()), cell, plan, request);
      plan.rows.push_back({canvas_.mask_id(), cell, size + cell - block.begin, first_range,
                           static_cast<uint32_t>(plan.ranges.size()) - first_range});
    }
    plan.sequences.back().row_end = static_cast<uint32_t>(plan.rows.size());
  }

  std::vector<Block> blocks_;
  size_t block_ = 0;
  int32_t widest_ = 0;  // cells of the longest block
  int decided_before_ = kDecidedBeforeABlock;
};

}  // namespace

std::unique_ptr<Sampler> make_wino_sampler(Canvas canvas, const SamplingParams& params, std::vector<int32_t> stop_ids) {
  return std::make_unique<WinoSampler>(std::move(canvas), params, std::move(stop_ids));
}

}  // namespace pent
