// Masked-diffusion decoding block by block, of models with full and with block-causal attention, composed of the parts length, score, select and edit (spec 20 §1, §3, §8.3, §9, §11, §12;
// end rules: spec 20 §0.8). Each forward shows the model the canvas, or what of it the cache does not keep, and asks the head for
// the masked cells of the active block only, when editing for those decided in it too.
#include <algorithm>
#include <cmath>
#include <numeric>

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
    blocks_ = params_.attention_block > 0 ? cut_aligned_blocks(canvas_, params_.block_length)
                                          : cut_blocks(canvas_, params_.block_length, params_.cell_priority);
    if (params_.select.by_steps()) {
      steps_ = params_.steps_per_block > 0     ? std::vector<int>(blocks_.size(), params_.steps_per_block)
               : params_.cell_priority.empty() ? share_steps(params_.steps, static_cast<int>(blocks_.size()))
                                               : steps_by_masks();
    }
    enter_block();
  }

  bool done() const override {
    return stopped_ || block_ == blocks_.size() || (params_.padding > 0 && frontier() >= answer_end());
  }
  Block active_block() const override {
    if (blocks_.empty()) return {canvas_.size(), canvas_.size()};
    return blocks_[std::min(block_, blocks_.size() - 1)];
  }

  bool leaves_undecided() const override {
    const int32_t masks = canvas_.masked_count(0, canvas_.size());
    if (editing() || masks <= 1) return editing() || masks > 1;
    const bool scheduled = params_.select.by_steps() && params_.select.kind != SelectKind::kDynamic;
    return !scheduled || step_in_block_ >= schedule_.size() || schedule_[step_in_block_] < masks;
  }

  void plan_last(int32_t sequence, int32_t step, PassPlan& plan, HeadRequest& request) const override {
    if (params_.attention_block == 0) return CanvasSampler::plan_last(sequence, step, plan, request);
    const std::vector<int32_t> tokens = canvas_.tokens();
    const int32_t begin = is_leading() ? std::min(kept_, attention_begin() - 1) : kept_;
    const auto first_row = static_cast<uint32_t>(plan.rows.size());
    std::vector<int32_t> cells(static_cast<size_t>(last_end() - begin));
    std::iota(cells.begin(), cells.end(), begin);
    plan.add_block_causal(sequence, std::span(tokens).subspan(static_cast<size_t>(begin), cells.size()),
                          params_.attention_block, begin);
    ask(step, first_row, cells, last_asked_cells(), plan, request);
    request_score(params_.score, params_.score_of, request);
  }

  void plan(int32_t sequence, int32_t step, PassPlan& plan, HeadRequest& request) const override {
    const std::vector<int32_t> asked = asked_cells();
    if (params_.attention_block > 0) {
      const auto first_row = static_cast<uint32_t>(plan.rows.size());
      const std::vector<int32_t> cells = add_block_causal(sequence, canvas_.tokens(), plan);
      ask(step, first_row, cells, asked, plan, request);
    } else {
      plan_cells(sequence, step, cells_to_compute(params_.cache, canvas_, blocks_[block_], step_in_block_ == 0, step),
                 asked, plan, request);
    }
    request_score(params_.score, params_.score_of, request);
  }

  std::vector<CellChange> apply(std::span<const RowStats> rows, int32_t step) override {
    const std::vector<int32_t> cells = asked_cells();
    PENT_CHECK(cells.size() == rows.size(), "{} rows for {} cells", rows.size(), cells.size());
    std::vector<Candidate> candidates;
    std::vector<Proposal> proposals;  // of the candidates
    std::vector<CellChange> changes;
    for (size_t i = 0; i < rows.size(); ++i) {
      if (canvas_[cells[i]].state == CellState::kMasked) {
        candidates.push_back({.cell = cells[i],
                              .token = rows[i].drawn,
                              .confidence = confidence(rows[i]),
                              .score = score(params_.score, params_.score_of, rows[i], key(step, cells[i]))});
        proposals.push_back({cells[i], &rows[i], candidates.back().score});
      } else if (rows[i].drawn != canvas_[cells[i]].token &&
                 probability(params_.score_of, rows[i]) > params_.remask.value) {
        rewrite(cells[i], rows[i].drawn, confidence(rows[i]), step, changes);
      }
    }
    const bool edited = !changes.empty();
    remember_what_is_kept();
    const bool leads = is_leading();
    std::vector<Proposal> chosen;
    for (const size_t index : leads ? select_top(candidates, 1) : choose(candidates, step))
      chosen.push_back(proposals[index]);
    commit(std::move(chosen), step, changes);
    ++step_in_block_;
    if (candidates.empty()) ++post_edits_;
    const bool edits_over = !editing() || (candidates.empty() && (!edited || post_edits_ >= kPostEdits));
    splices_.clear();
    if (trim_tail(changes)) cut_blocks_to_canvas();
    if (leads) enter_block();
    if (masks_of(blocks_[block_]) == 0 && edits_over) {
      ++block_;
      enter_block();
    }
    // While a block is edited nothing in it is final.
    advance_frontier(editing() && block_ < blocks_.size() ? blocks_[block_].begin : canvas_.size());
    return changes;
  }

 private:
  // Block after block is written to a budget, not to fill a canvas: the block begun is the last one, unless the text must be whole.
  int32_t last_end() const {
    return filter_has_language() ? canvas_.size()
                                 : std::min(attention_begin() + params_.attention_block, canvas_.size());
  }
  std::vector<int32_t> last_asked_cells() const override {
    return masked_cells(params_.attention_block > 0 ? last_end() : canvas_.size());
  }

  bool editing() const { return params_.remask.kind == RemaskKind::kEdit; }

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

  // Masked cells of the active block, ascending, the leading cell alone while it is undecided; when editing, all that is not fixed.
  std::vector<int32_t> asked_cells() const {
    if (is_leading()) return {attention_begin()};
    std::vector<int32_t> cells;
    const Block& block = blocks_[block_];
    for (int32_t cell = block.begin; cell < block.end; ++cell)
      if (is_of(block, cell) &&
          (canvas_[cell].state == CellState::kMasked || (editing() && canvas_[cell].state == CellState::kCommitted)))
        cells.push_back(cell);
    return cells;
  }

  std::vector<size_t> choose(std::span<const Candidate> candidates, int32_t step) const {
    const int share = step_in_block_ < schedule_.size() ? schedule_[step_in_block_] : 0;
    if (!params_.select.by_steps() || params_.select.kind == SelectKind::kDynamic)
      return select_by(params_.select, candidates, share);
    return select_drawn(candidates, share, params_.order_temperature, key(step, 0));
  }

  // Cells of another priority may stand between those of a block.
  bool is_of(const Block& block, int32_t cell) const {
    return params_.cell_priority.empty() || params_.cell_priority[static_cast<size_t>(cell)] == block.priority;
  }

  int masks_of(const Block& block) const {
    int masks = 0;
    for (int32_t cell = block.begin; cell < block.end; ++cell)
      masks += is_of(block, cell) && canvas_[cell].state == CellState::kMasked;
    return masks;
  }

  // Priorities make blocks of very different sizes: each gets steps by its share of the masks.
  std::vector<int> steps_by_masks() const {
    const double all = canvas_.masked_count(0, canvas_.size());
    std::vector<int> steps;
    for (const Block& block : blocks_)
      steps.push_back(std::max(1, static_cast<int>(std::lround(params_.steps * masks_of(block) / all))));
    return steps;
  }

  void cut_blocks_to_canvas() {
    std::erase_if(blocks_, [&](const Block& block) { return block.begin >= canvas_.size(); });
    blocks_.back().end = std::min(blocks_.back().end, canvas_.size());
  }

  // The schedule is made from the masks present when the block starts. A step that would commit nothing is left out: the model
  // is not told the time, so it would say the same again.
  void enter_block() {
    step_in_block_ = 0;
    post_edits_ = 0;
    if (block_ == blocks_.size() || !params_.select.by_steps()) return;
    // The leading cell, decided apart, is not in the schedule that is made after it.
    const int masks = masks_of(blocks_[block_]);
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
  int32_t kept_ = 0;    // block-causal: cells before it have their final keys and values stored
  int32_t whole_ = -1;  // block-causal: where the attention block begins that was last computed as a whole
  int post_edits_ = 0;  // forwards of this block that found no mask
};

}  // namespace

std::unique_ptr<Sampler> make_diffusion_sampler(Canvas canvas, const SamplingParams& params,
                                                std::vector<int32_t> stop_ids) {
  if (params.length.kind == LengthKind::kDaedal)
    return make_daedal_sampler(std::move(canvas), params, std::move(stop_ids));
  if (params.length.kind == LengthKind::kDreamOn)
    return make_dreamon_sampler(std::move(canvas), params, std::move(stop_ids));
  if (params.remask.is_remdm() || params.select.kind == SelectKind::kAncestral)
    return make_ancestral_sampler(std::move(canvas), params, std::move(stop_ids));
  if (params.remask.kind == RemaskKind::kPathPlanning)
    return make_path_planning_sampler(std::move(canvas), params, std::move(stop_ids));
  if (params.remask.kind == RemaskKind::kLevenshtein)
    return make_levenshtein_sampler(std::move(canvas), params, std::move(stop_ids));
  if (params.remask.kind == RemaskKind::kWino) return make_wino_sampler(std::move(canvas), params, std::move(stop_ids));
  return std::make_unique<DiffusionSampler>(std::move(canvas), params, std::move(stop_ids));
}

}  // namespace pent
