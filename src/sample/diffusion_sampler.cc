// Masked-diffusion decoding composed of the parts length, score and select (spec 20 §1, §8, §9; end rules: spec 20 §0.8), of models
// with full and with block-causal attention, with logits in place or shifted by one (spec 20 §0.3).
// Each forward shows the model the canvas, or what of it the cache does not keep, and asks the head for the masked cells of the
// active block only.
#include <algorithm>
#include <iterator>
#include <numeric>

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
    blocks_ = params_.attention_block > 0 ? cut_aligned_blocks(canvas_, params_.block_length)
                                          : cut_blocks(canvas_, params_.block_length);
    if (params_.shift && canvas_.size() > 0 && canvas_[0].state == CellState::kMasked)
      throw error(
          ErrorKind::kInvalidArgument,
          "this model decides a token by what stands before it and cannot write the first; begin with some text");
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
  bool done() const override {
    return stopped_ || block_ == blocks_.size() || (params_.padding > 0 && frontier_ >= answer_end());
  }
  Block active_block() const override {
    if (blocks_.empty()) return {canvas_.size(), canvas_.size()};
    return blocks_[std::min(block_, blocks_.size() - 1)];
  }

  void plan(int32_t sequence, int32_t step, PassPlan& plan, HeadRequest& request) const override {
    const std::vector<int32_t> tokens = canvas_.tokens();
    const std::vector<int32_t> open = open_cells();
    const auto first_row = static_cast<uint32_t>(plan.rows.size());
    std::vector<int32_t> cells;
    if (params_.attention_block > 0) {
      cells = add_block_causal(sequence, tokens, plan);
    } else {
      cells = cells_to_compute(params_.cache, canvas_, blocks_[block_], step_in_block_ == 0, step);
      if (params_.shift) add_deciding_cells(open, cells);
      plan.add_cells(sequence, tokens, cells);
    }
    auto row = cells.begin();
    for (const int32_t cell : open) {
      row = std::lower_bound(row, cells.end(), cell - shift());
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
    remember_what_is_kept();
    const bool leads = is_leading();
    const std::vector<size_t> chosen = leads               ? select_top(candidates, 1)
                                       : params_.threshold ? select_above(candidates, *params_.threshold)
                                                           : select_top(candidates, schedule_[step_in_block_]);
    std::vector<CellChange> changes;
    for (const size_t index : chosen) {
      const Candidate& winner = candidates[index];
      canvas_.commit(winner.cell, winner.token, winner.confidence, step);
      changes.push_back({winner.cell, winner.token, winner.confidence, CellState::kCommitted});
    }
    ++step_in_block_;
    if (leads) enter_block();
    if (open_cells().empty()) {
      ++block_;
      enter_block();
    }
    advance_frontier();
    return changes;
  }

  std::vector<int32_t> completion() const override {
    std::vector<int32_t> tokens;
    for (int32_t cell = first_generated_; cell < std::min(frontier_, answer_end()); ++cell)
      tokens.push_back(canvas_[cell].token);
    return tokens;
  }

  std::string finish_reason() const override { return stopped_ && frontier_ < answer_end() ? "stop" : "length"; }

 private:
  DrawKey key(int32_t step, int32_t cell) const {
    return {.seed = params_.seed,
            .n_index = params_.n_index,
            .step = static_cast<uint32_t>(step),
            .cell = static_cast<uint32_t>(cell)};
  }

  int32_t answer_end() const { return canvas_.size() - params_.padding; }

  int32_t shift() const { return params_.shift ? 1 : 0; }

  int32_t attention_begin() const { return blocks_[block_].begin / params_.attention_block * params_.attention_block; }

  // With shifted logits and block-causal attention the first cell of an attention block is decided by the last one of the block
  // before it, in a forward that also computes that block's final keys and values (Fast-dLLM v2; spec 20 §8.4).
  bool is_leading() const {
    if (!params_.shift || params_.attention_block == 0) return false;
    const int32_t begin = attention_begin();
    return begin > 0 && canvas_[begin].state == CellState::kMasked;
  }

  // The sub-block alone, if the cells around it were computed with this attention block's masks and its first cell, which a cell
  // outside would decide, is known.
  bool is_narrow() const {
    const int32_t begin = sub_block_begin();
    return params_.cache == CacheKind::kSubBlock && whole_ == attention_begin() &&
           (!params_.shift || canvas_[begin].state != CellState::kMasked);
  }

  int32_t sub_block_begin() const { return blocks_[block_].begin / params_.block_length * params_.block_length; }

  // Appends the cells that a forward of a block-causal model computes, and returns them: from what is not final yet to the end of
  // the attention block being decoded.
  std::vector<int32_t> add_block_causal(int32_t sequence, std::span<const int32_t> tokens, PassPlan& plan) const {
    const int32_t attention_end = std::min(attention_begin() + params_.attention_block, canvas_.size());
    int32_t begin = kept_, end = is_leading() ? attention_begin() : attention_end;
    if (is_narrow()) {
      begin = sub_block_begin(), end = blocks_[block_].end;
      plan.add_window(sequence, tokens.subspan(begin, end - begin), begin, attention_end);
    } else {
      if (begin == end) --begin;  // all is final, and the last of it decides: the same keys and values again
      plan.add_block_causal(sequence, tokens.subspan(begin, end - begin), params_.attention_block, begin);
    }
    std::vector<int32_t> cells(static_cast<size_t>(end - begin));
    std::iota(cells.begin(), cells.end(), begin);
    return cells;
  }

  // Called before cells of this forward are committed.
  void remember_what_is_kept() {
    if (params_.attention_block == 0) return;
    if (!is_leading()) whole_ = attention_begin();
    if (params_.cache != CacheKind::kNone) kept_ = attention_begin();
  }

  // Adds the cells whose logits decide the open ones, where the cache left them out.
  static void add_deciding_cells(std::span<const int32_t> open, std::vector<int32_t>& cells) {
    std::vector<int32_t> deciding(open.begin(), open.end()), all;
    for (int32_t& cell : deciding) --cell;
    std::set_union(cells.begin(), cells.end(), deciding.begin(), deciding.end(), std::back_inserter(all));
    cells = std::move(all);
  }

  // Masked cells of the active block, ascending; the leading cell alone while it is undecided.
  std::vector<int32_t> open_cells() const {
    std::vector<int32_t> cells;
    if (is_leading()) return {attention_begin()};
    for (int32_t cell = blocks_[block_].begin; cell < blocks_[block_].end; ++cell)
      if (canvas_[cell].state == CellState::kMasked) cells.push_back(cell);
    return cells;
  }

  // The schedule is made from the masks present when the block starts.
  void enter_block() {
    step_in_block_ = 0;
    if (block_ == blocks_.size() || params_.threshold) return;
    // The leading cell, decided apart, is not in the schedule that is made after it.
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
  int32_t kept_ = 0;    // block-causal: cells before it have their final keys and values stored
  int32_t whole_ = -1;  // block-causal: where the attention block begins that was last computed as a whole
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
