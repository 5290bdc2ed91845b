// DiffusionGemma's loop (sample/renoise.h). Text is encoded causally once and its keys and values kept: that of a finished canvas in
// the forward that first denoises the next. A canvas ends after its steps or when it has settled, or in a budget's last forward; then it
// holds the last step's most probable tokens, and the answer ends at the first end token among them.
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "sample/penalty.h"
#include "sample/sampler.h"
#include "sample/score.h"

namespace pent {
namespace {

class RenoiseSampler : public Sampler {
 public:
  RenoiseSampler(std::vector<int32_t> prompt, const SamplingParams& params, int vocab_size,
                 std::vector<int32_t> stop_ids)
      : canvas_(/*mask_id=*/-1),
        params_(params),
        vocab_size_(vocab_size),
        stop_ids_(std::move(stop_ids)),
        prompt_size_(static_cast<int32_t>(prompt.size())),
        final_(prompt_size_) {
    PENT_CHECK(!prompt.empty() && params_.block_length > 0);
    canvas_.append_fixed(prompt);
    const int canvases = (params_.max_tokens + params_.block_length - 1) / params_.block_length;
    steps_ = params_.steps_per_block > 0 ? std::vector<int>(static_cast<size_t>(canvases), params_.steps_per_block)
                                         : share_steps(params_.steps, canvases);
    std::vector<CellChange> none_seen;
    begin_canvas(/*step=*/0, none_seen);
  }

  const Canvas& canvas() const override { return canvas_; }
  uint32_t n_index() const override { return params_.n_index; }
  int32_t capacity() const override { return prompt_size_ + params_.max_tokens + params_.padding; }
  Block active_block() const override { return {begin_, canvas_.size()}; }
  bool done() const override { return stopped_ || final_ == answer_end(); }
  // Only the last step of the last canvas leaves nothing; a canvas may settle before, but that is not known before the forward.
  bool leaves_undecided() const override {
    return canvas_.size() < answer_end() || step_in_canvas_ + 1 < steps_[number_];
  }

  void plan(int32_t sequence, int32_t step, PassPlan& plan, HeadRequest& request) const override {
    const std::vector<int32_t> tokens = canvas_.tokens();
    const auto part = [&](int32_t begin, int32_t end) {
      return std::span(tokens).subspan(static_cast<size_t>(begin), static_cast<size_t>(end - begin));
    };
    if (encoded_ < begin_) plan.add_causal(sequence, part(encoded_, begin_), encoded_);
    auto row = static_cast<uint32_t>(plan.rows.size());
    plan.add_full(sequence, part(begin_, canvas_.size()), begin_);
    plan.sequences.back().denoises = true;
    plan.sequences.back().conditioned = step_in_canvas_ > 0;
    for (int32_t cell = begin_; cell < canvas_.size(); ++cell) {
      plan.head_rows.push_back(row++);
      request.keys.push_back(key(step, cell));
      request.divisors.push_back(params_.renoise.temperature(step_in_canvas_, steps_[number_]));
      request_penalty(params_, canvas_, cell, stop_ids_, request);
    }
    request.keep_means = request.entropy = true;
    request_score(params_.score, params_.score_of, request);
  }

  std::vector<CellChange> apply(std::span<const RowStats> rows, int32_t step) override {
    PENT_CHECK(static_cast<int32_t>(rows.size()) == canvas_.size() - begin_, "{} rows", rows.size());
    if (params_.cache != CacheKind::kNone) encoded_ = begin_;
    ++step_in_canvas_;
    std::vector<CellChange> changes;
    if (!has_settled(rows) && step_in_canvas_ < steps_[number_]) {
      show_next(rows, step, changes);
      return changes;
    }
    finish_canvas(rows, step, changes);
    if (done()) return changes;
    ++number_;
    begin_canvas(step + 1, changes);
    return changes;
  }

  // The canvas as far as it has come: canvas after canvas is written to a budget, so no other follows.
  std::vector<CellChange> apply_last(std::span<const RowStats> rows, int32_t step) override {
    PENT_CHECK(static_cast<int32_t>(rows.size()) == canvas_.size() - begin_, "{} rows", rows.size());
    std::vector<CellChange> changes;
    finish_canvas(rows, step, changes);
    return changes;
  }

  std::vector<int32_t> completion() const override {
    std::vector<int32_t> tokens;
    for (int32_t cell = prompt_size_; cell < final_; ++cell) tokens.push_back(canvas_[cell].token);
    return tokens;
  }

  std::string finish_reason() const override { return stopped_ ? "stop" : "length"; }

 private:
  int32_t answer_end() const { return prompt_size_ + params_.max_tokens; }

  DrawKey key(int32_t step, int32_t cell, DrawPurpose purpose = DrawPurpose::kToken) const {
    return {.seed = params_.seed,
            .n_index = params_.n_index,
            .step = static_cast<uint32_t>(step),
            .cell = static_cast<uint32_t>(cell),
            .purpose = purpose};
  }

  // The random token that forward `step` sees in a cell: any of the vocabulary, as in training.
  int32_t noise(int32_t step, int32_t cell) const {
    return static_cast<int32_t>(draw_uniform(key(step, cell, DrawPurpose::kNoise)) * vocab_size_);
  }

  // The last canvas is shorter where the context ends.
  void begin_canvas(int32_t step, std::vector<CellChange>& changes) {
    begin_ = canvas_.size();
    step_in_canvas_ = 0;
    history_.clear();
    const int32_t end = std::min(begin_ + params_.block_length, capacity());
    for (int32_t cell = begin_; cell < end; ++cell) {
      canvas_.append_noisy(noise(step, cell));
      changes.push_back({cell, canvas_[cell].token, 0, CellState::kNoisy});
    }
  }

  bool has_settled(std::span<const RowStats> rows) {
    std::vector<int32_t> best;
    double entropy = 0;
    for (const RowStats& row : rows) {
      best.push_back(row.argmax);
      entropy += row.entropy;
    }
    const SettleRule& settle = params_.renoise.settle;
    const auto needed = static_cast<size_t>(settle.steps);
    const bool stable = history_.size() == needed && std::all_of(history_.begin(), history_.end(),
                                                                 [&](const auto& earlier) { return earlier == best; });
    history_.push_back(std::move(best));
    if (history_.size() > needed) history_.erase(history_.begin());
    return stable && entropy / static_cast<double>(rows.size()) < settle.nats;
  }

  // Accepted cells get the token drawn for them, the others a random one. Nothing is final: the next step accepts anew.
  void show_next(std::span<const RowStats> rows, int32_t step, std::vector<CellChange>& changes) {
    std::vector<Candidate> candidates;
    for (size_t i = 0; i < rows.size(); ++i) {
      const int32_t cell = begin_ + static_cast<int32_t>(i);
      candidates.push_back({.cell = cell,
                            .token = rows[i].drawn,
                            .confidence = confidence(rows[i]),
                            .score = score(params_.score, params_.score_of, rows[i], key(step, cell))});
    }
    std::vector<bool> accepted(rows.size());
    for (const size_t i : select_by(params_.select, candidates, /*count=*/1)) accepted[i] = true;
    for (size_t i = 0; i < rows.size(); ++i) {
      const Candidate& each = candidates[i];
      const int32_t token = accepted[i] ? each.token : noise(step + 1, each.cell);
      const float sure = accepted[i] ? each.confidence : 0;
      canvas_.show(each.cell, token, sure);
      changes.push_back({each.cell, token, sure, CellState::kNoisy});
    }
  }

  void finish_canvas(std::span<const RowStats> rows, int32_t step, std::vector<CellChange>& changes) {
    for (size_t i = 0; i < rows.size(); ++i) {
      const int32_t cell = begin_ + static_cast<int32_t>(i);
      const float sure = std::exp(rows[i].max_logit - rows[i].log_sum_exp);
      canvas_.commit(cell, rows[i].argmax, sure, step);
      changes.push_back({cell, rows[i].argmax, sure, CellState::kCommitted});
    }
    const int32_t end = std::min(canvas_.size(), answer_end());
    for (; final_ < end; ++final_) {
      stopped_ = std::find(stop_ids_.begin(), stop_ids_.end(), canvas_[final_].token) != stop_ids_.end();
      if (stopped_) break;
    }
  }

  Canvas canvas_;  // prompt, finished canvases, the one being denoised
  SamplingParams params_;
  int vocab_size_;
  std::vector<int32_t> stop_ids_;
  int32_t prompt_size_;
  int32_t final_;           // cells before it are the answer
  std::vector<int> steps_;  // of each canvas, at most
  size_t number_ = 0;       // of the canvas
  int32_t begin_ = 0;       // its first cell
  int32_t encoded_ = 0;     // cells whose keys and values are kept
  int step_in_canvas_ = 0;
  std::vector<std::vector<int32_t>> history_;  // most probable tokens of the last settle.steps steps
  bool stopped_ = false;
};

}  // namespace

std::unique_ptr<Sampler> make_renoise_sampler(std::vector<int32_t> prompt, const SamplingParams& params, int vocab_size,
                                              std::vector<int32_t> stop_ids) {
  return std::make_unique<RenoiseSampler>(std::move(prompt), params, vocab_size, std::move(stop_ids));
}

}  // namespace pent
