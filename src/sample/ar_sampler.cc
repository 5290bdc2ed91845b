// Autoregressive decoding: the first forward reads the prompt, every further one the token just written; keys and values of
// earlier tokens stay in their slots. With a drafter forwards take turns: one writes a token and drafts what may follow,
// the next verifies the draft (sample/drafter.h). Slots of a dropped draft are written again before anything sees them.
#include <algorithm>

#include "base/error.h"
#include "sample/penalty.h"
#include "sample/sampler.h"
#include "sample/score.h"

namespace pent {
namespace {

class ArSampler : public Sampler {
 public:
  ArSampler(std::vector<int32_t> prompt, const SamplingParams& params, std::vector<int32_t> stop_ids, Drafting drafting)
      : canvas_(/*mask_id=*/-1),
        params_(params),
        stop_ids_(std::move(stop_ids)),
        prompt_size_(static_cast<int32_t>(prompt.size())),
        drafting_(std::move(drafting)) {
    PENT_CHECK(!prompt.empty());
    canvas_.append_fixed(prompt);
    filter_ = std::make_unique<CellFilter>(params_.cell_rules, canvas_);
    plan_draft();
  }

  const Canvas& canvas() const override { return canvas_; }
  uint32_t n_index() const override { return params_.n_index; }
  int32_t capacity() const override { return prompt_size_ + params_.max_tokens; }
  Block active_block() const override { return {canvas_.size(), canvas_.size() + 1}; }
  bool done() const override { return stopped_ || canvas_.size() == capacity(); }
  DraftCount draft_count() const override { return count_; }

  void plan(int32_t sequence, int32_t, PassPlan& plan, HeadRequest& request) const override {
    std::vector<int32_t> tokens = canvas_.tokens();
    tokens.insert(tokens.end(), draft_.begin(), draft_.end());
    plan.add_causal(sequence, std::span(tokens).subspan(static_cast<size_t>(cached_)), cached_);
    const auto end = static_cast<uint32_t>(plan.rows.size());
    for (auto row = end - static_cast<uint32_t>(draft_.size()) - 1; row < end; ++row) plan.head_rows.push_back(row);
    ask(canvas_, canvas_.size(), request);
    if (!draft_.empty()) ask_about_draft(request);
    if (draft_length_ == 0) return;
    const size_t before = plan.head_rows.size();
    const int32_t begin = canvas_.size() + 1;
    drafting_.drafter->plan(sequence, begin, draft_length_, plan);
    for (size_t row = before; row < plan.head_rows.size(); ++row)
      ask(canvas_, begin + static_cast<int32_t>(row - before), request);
  }

  std::vector<CellChange> apply(std::span<const RowStats> rows, int32_t step) override {
    PENT_CHECK(rows.size() > draft_.size(), "{} rows for a draft of {}", rows.size(), draft_.size());
    std::vector<CellChange> changes = {write(rows[0], step)};
    DraftCount judged{.drafted = static_cast<int64_t>(draft_.size())};
    for (size_t i = 0; i < draft_.size() && rows[i].drawn == draft_[i]; ++i) {
      ++judged.accepted;
      if (stopped_) break;
      changes.push_back(write(rows[i + 1], step));
    }
    count_.drafted += judged.drafted;
    count_.accepted += judged.accepted;
    cached_ = canvas_.size() - 1;  // what was written last has not been shown yet
    draft_.clear();
    if (draft_length_ > 0 && !stopped_) {
      draft_ = drafting_.drafter->draft(canvas_.tokens(), rows.subspan(1), draft_length_);
      cut_draft();
    }
    if (drafting_.planner && draft_.empty()) drafting_.planner->saw(judged);
    plan_draft();
    return changes;
  }

  std::vector<int32_t> completion() const override {
    const std::vector<int32_t> tokens = canvas_.tokens();
    return {tokens.begin() + prompt_size_, tokens.end() - (stopped_ ? 1 : 0)};
  }

  std::string finish_reason() const override { return stopped_ ? "stop" : "length"; }

 private:
  bool is_stop(int32_t token) const { return std::find(stop_ids_.begin(), stop_ids_.end(), token) != stop_ids_.end(); }

  // The random number of a cell is its own, whichever forward decides it: with or without drafts the same text.
  void ask(const Canvas& canvas, int32_t cell, HeadRequest& request) const {
    request.keys.push_back({.seed = params_.seed,
                            .n_index = params_.n_index,
                            .step = static_cast<uint32_t>(cell - prompt_size_),
                            .cell = static_cast<uint32_t>(cell)});
    request_penalty(params_, canvas, cell, stop_ids_, request);
    if (!filter_->empty()) request.allowed.push_back(filter_->allowed(cell));
  }

  // Each row of the draft as autoregression would ask it, were everything before it accepted.
  void ask_about_draft(HeadRequest& request) const {
    Canvas ahead = canvas_;
    for (const int32_t token : draft_) {
      const int32_t cell = ahead.size();
      filter_->decide(cell, token);
      ahead.append_masked(1);
      ahead.commit(cell, token, 0, 0);
      ask(ahead, cell + 1, request);
    }
    for (int32_t cell = ahead.size(); cell-- > canvas_.size();) filter_->reopen(cell);
  }

  CellChange write(const RowStats& row, int32_t step) {
    const int32_t cell = canvas_.size();
    canvas_.append_masked(1);
    filter_->decide(cell, row.drawn);
    canvas_.commit(cell, row.drawn, confidence(row), step);
    stopped_ = is_stop(row.drawn);
    return {cell, row.drawn, canvas_[cell].confidence, CellState::kCommitted};
  }

  // Nothing follows a stop token, and what does not fit a language cannot be accepted.
  void cut_draft() {
    size_t kept = 0;
    while (kept < draft_.size()) {
      const int32_t cell = canvas_.size() + static_cast<int32_t>(kept), token = draft_[kept];
      if (!filter_->fits(cell, token)) break;
      filter_->decide(cell, token);
      ++kept;
      if (is_stop(token)) break;
    }
    for (size_t i = kept; i-- > 0;) filter_->reopen(canvas_.size() + static_cast<int32_t>(i));
    draft_.resize(kept);
  }

  // How long a draft the next forward makes: none if it verifies one. The token that it writes, the draft and the token that
  // verifying adds must fit.
  void plan_draft() {
    draft_length_ = 0;
    if (!drafting_.planner || !draft_.empty() || done()) return;
    draft_length_ = std::clamp(drafting_.planner->draft_length(), 0, std::max(0, capacity() - canvas_.size() - 2));
  }

  Canvas canvas_;  // prompt, then what was written: it grows by one committed cell per forward, or more
  SamplingParams params_;
  std::vector<int32_t> stop_ids_;
  int32_t prompt_size_;
  int32_t cached_ = 0;  // cells whose keys and values are stored
  bool stopped_ = false;
  std::unique_ptr<CellFilter> filter_;

  Drafting drafting_;
  int draft_length_ = 0;        // of the draft that the next forward makes
  std::vector<int32_t> draft_;  // to be verified by the next forward, for the cells behind the canvas
  DraftCount count_;
};

}  // namespace

std::unique_ptr<Sampler> make_ar_sampler(std::vector<int32_t> prompt, const SamplingParams& params,
                                         std::vector<int32_t> stop_ids, Drafting drafting) {
  return std::make_unique<ArSampler>(std::move(prompt), params, std::move(stop_ids), std::move(drafting));
}

}  // namespace pent
