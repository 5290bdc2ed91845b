// DAEDAL, a canvas that finds its own length without training (arXiv:2508.00819; spec 20 §14, after its authors' code).
// Stage 1: while the model does not say from the end that it ends here, masks are put behind the canvas; each round costs a
// forward that decides nothing. Stage 2: windows of block_length cells, one after the other; as long as the end is not surely in
// sight, every forward also puts masks where the window is least certain.
// Where the code leaves it open: what would not fit the longest canvas is not inserted (the code drops cells at the end instead),
// and an end token with everything before it decided ends the answer.
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "sample/canvas_sampler.h"
#include "sample/score.h"

namespace pent {
namespace {

constexpr int32_t kExpansion = 8;        // cells added, or put in place of one (E_factor)
constexpr int32_t kEndPredictions = 32;  // of which the confidence in an end is the mean (W_eos)

class DaedalSampler : public CanvasSampler {
 public:
  DaedalSampler(Canvas canvas, const SamplingParams& params, std::vector<int32_t> stop_ids)
      : CanvasSampler(std::move(canvas), params, std::move(stop_ids)), window_(first_generated()) {
    const int32_t masked = canvas_.masked_count(0, canvas_.size());
    PENT_CHECK(masked > 0 && masked <= params_.max_tokens && first_generated() + masked == canvas_.size(),
               "{} masked cells of {} at most", masked, params_.max_tokens);
    limit_ = first_generated() + params_.max_tokens;
    ends_.resize(static_cast<size_t>(canvas_.size()));
    per_step_ = std::max(1, params_.steps_per_block > 0
                                ? (params_.block_length + params_.steps_per_block - 1) / params_.steps_per_block
                            : params_.steps > 0 ? (params_.max_tokens + params_.steps - 1) / params_.steps
                                                : 1);
  }

  int32_t capacity() const override { return limit_; }
  bool done() const override { return stopped_ || (!adjusting_ && window_ >= canvas_.size()); }
  bool leaves_undecided() const override { return adjusting_ || CanvasSampler::leaves_undecided(); }
  Block active_block() const override {
    if (adjusting_) return {first_generated(), canvas_.size()};
    return {std::min(window_, canvas_.size()), window_end()};
  }

  void plan(int32_t sequence, int32_t step, PassPlan& plan, HeadRequest& request) const override {
    plan_cells(sequence, step, computed_cells(step), asked_cells(step), plan, request);
    request_score(params_.score, params_.score_of, request);
  }

  std::vector<CellChange> apply(std::span<const RowStats> rows, int32_t step) override {
    const std::vector<int32_t> cells = asked_cells(step);
    PENT_CHECK(cells.size() == rows.size(), "{} rows for {} cells", rows.size(), cells.size());
    splices_.clear();
    moved_ = canvas_.size();
    for (size_t i = 0; i < rows.size(); ++i)
      ends_[static_cast<size_t>(cells[i])] =
          is_stop(rows[i].argmax) ? std::exp(static_cast<double>(rows[i].max_logit) - rows[i].log_sum_exp) : 0;
    std::vector<CellChange> changes;
    if (adjusting_)
      adjust(step, changes);
    else
      denoise(cells, rows, step, changes);
    return changes;
  }

 private:
  int32_t window_end() const { return std::min(window_ + params_.block_length, canvas_.size()); }
  bool can_grow() const { return canvas_.size() < limit_; }

  // Cells from moved_ on stand elsewhere than when their keys and values were stored.
  std::vector<int32_t> computed_cells(int32_t step) const {
    std::vector<int32_t> cells = cells_to_compute(params_.cache, canvas_, active_block(), first_of_window_, step);
    cells.erase(std::lower_bound(cells.begin(), cells.end(), moved_), cells.end());
    for (int32_t cell = std::min(moved_, canvas_.size()); cell < canvas_.size(); ++cell) cells.push_back(cell);
    return cells;
  }

  // The masks of the window; while the canvas may grow, whatever of the answer is computed.
  std::vector<int32_t> asked_cells(int32_t step) const {
    std::vector<int32_t> asked;
    if (!adjusting_ && !can_grow()) {
      for (int32_t cell = window_; cell < window_end(); ++cell)
        if (canvas_[cell].state == CellState::kMasked) asked.push_back(cell);
      return asked;
    }
    for (const int32_t cell : computed_cells(step))
      if (cell >= first_generated()) asked.push_back(cell);
    return asked;
  }

  // From the last cell leftwards the probabilities of end tokens that are the most probable token of their cell, the first
  // kEndPredictions of them, summed and divided by as many as they might be. What the cache keeps counts as when last computed.
  double confidence_in_an_end() const {
    double sum = 0;
    int32_t found = 0;
    for (auto end = ends_.rbegin(); end != ends_.rend() && found < kEndPredictions; ++end) {
      sum += *end;
      found += *end > 0 ? 1 : 0;
    }
    return sum / kEndPredictions;
  }

  void grow(int32_t at, int32_t count, std::vector<CellChange>& changes) {
    insert(at, count, changes);
    ends_.insert(ends_.begin() + at, static_cast<size_t>(count), 0.0);
  }

  // Stage 1. At its end the canvas gets a tail of end tokens, half as long as what was looked at.
  void adjust(int32_t step, std::vector<CellChange>& changes) {
    const int32_t size = canvas_.size(), room = limit_ - size;
    if (confidence_in_an_end() < params_.length.tau_eos && room > 0) {
      grow(size, std::min(kExpansion, room), changes);
      return;
    }
    adjusting_ = false;
    const int32_t tail = std::min(kEndPredictions / 2, room);
    append_decided(tail, stop_ids_.front(), step, changes);
    ends_.resize(static_cast<size_t>(canvas_.size()));
  }

  void denoise(std::span<const int32_t> cells, std::span<const RowStats> rows, int32_t step,
               std::vector<CellChange>& changes) {
    std::vector<Candidate> candidates;
    std::vector<Proposal> proposals, chosen;  // proposals: of the candidates
    for (size_t i = 0; i < cells.size(); ++i) {
      if (cells[i] < window_ || cells[i] >= window_end() || canvas_[cells[i]].state != CellState::kMasked) continue;
      candidates.push_back({.cell = cells[i],
                            .token = rows[i].drawn,
                            .confidence = confidence(rows[i]),
                            .score = score(params_.score, params_.score_of, rows[i], key(step, cells[i]))});
      proposals.push_back({cells[i], &rows[i], candidates.back().score});
    }
    for (const size_t index : choose(candidates, step)) chosen.push_back(proposals[index]);
    commit(std::move(chosen), step, changes);
    if (can_grow() && confidence_in_an_end() < params_.length.tau_expand) expand(candidates, changes);
    if (trim_tail(changes)) {
      moved_ = std::min(moved_, canvas_.size());
      ends_.resize(static_cast<size_t>(canvas_.size()));
    }
    first_of_window_ = false;
    while (window_ < canvas_.size() && canvas_.masked_count(window_, window_end()) == 0) {
      window_ += params_.block_length;
      first_of_window_ = true;
    }
    advance_frontier(canvas_.size());
  }

  std::vector<size_t> choose(std::span<const Candidate> candidates, int32_t step) const {
    if (!params_.select.by_steps() || params_.select.kind == SelectKind::kDynamic)
      return select_by(params_.select, candidates, per_step_);
    return select_drawn(candidates, per_step_, params_.order_temperature, key(step, 0));
  }

  // The least certain of the candidates that are still masked becomes kExpansion cells, or as many as fit.
  void expand(std::span<const Candidate> candidates, std::vector<CellChange>& changes) {
    const Candidate* least = nullptr;
    for (const Candidate& each : candidates)
      if (canvas_[each.cell].state == CellState::kMasked && each.confidence < params_.length.tau_low &&
          (least == nullptr || each.confidence < least->confidence))
        least = &each;
    if (least == nullptr) return;
    moved_ = least->cell + 1;
    grow(moved_, std::min(kExpansion - 1, limit_ - canvas_.size()), changes);
  }

  int32_t limit_ = 0;      // cells of the longest canvas, prompt included
  int per_step_ = 1;       // cells that a step decides where steps have a meaning
  bool adjusting_ = true;  // stage 1
  bool first_of_window_ = true;
  int32_t window_;            // where it begins
  int32_t moved_ = 0;         // first cell that the last apply() moved
  std::vector<double> ends_;  // per cell the probability of its most probable token, if that is an end token; else 0
};

}  // namespace

std::unique_ptr<Sampler> make_daedal_sampler(Canvas canvas, const SamplingParams& params,
                                             std::vector<int32_t> stop_ids) {
  return std::make_unique<DaedalSampler>(std::move(canvas), params, std::move(stop_ids));
}

}  // namespace pent
