// Autoregressive decoding: the first forward reads the prompt, every further one the token just written; keys and values of
// earlier tokens stay in their slots.
#include <algorithm>

#include "base/error.h"
#include "sample/penalty.h"
#include "sample/sampler.h"
#include "sample/score.h"

namespace pent {
namespace {

class ArSampler : public Sampler {
 public:
  ArSampler(std::vector<int32_t> prompt, const SamplingParams& params, std::vector<int32_t> stop_ids)
      : canvas_(/*mask_id=*/-1),
        params_(params),
        stop_ids_(std::move(stop_ids)),
        prompt_size_(static_cast<int32_t>(prompt.size())) {
    PENT_CHECK(!prompt.empty());
    canvas_.append_fixed(prompt);
    filter_ = std::make_unique<CellFilter>(params_.cell_rules, canvas_);
  }

  const Canvas& canvas() const override { return canvas_; }
  uint32_t n_index() const override { return params_.n_index; }
  int32_t capacity() const override { return prompt_size_ + params_.max_tokens; }
  Block active_block() const override { return {canvas_.size(), canvas_.size() + 1}; }
  bool done() const override { return stopped_ || canvas_.size() == capacity(); }

  void plan(int32_t sequence, int32_t step, PassPlan& plan, HeadRequest& request) const override {
    const std::vector<int32_t> tokens = canvas_.tokens();
    plan.add_causal(sequence, std::span(tokens).subspan(static_cast<size_t>(cached_)), cached_);
    plan.head_rows.push_back(static_cast<uint32_t>(plan.rows.size() - 1));
    request.keys.push_back({.seed = params_.seed,
                            .n_index = params_.n_index,
                            .step = static_cast<uint32_t>(step),
                            .cell = static_cast<uint32_t>(canvas_.size())});
    request_penalty(params_, canvas_, canvas_.size(), stop_ids_, request);
    if (!filter_->empty()) request.allowed.push_back(filter_->allowed(canvas_.size()));
  }

  std::vector<CellChange> apply(std::span<const RowStats> rows, int32_t step) override {
    PENT_CHECK(rows.size() == 1, "{} rows", rows.size());
    cached_ = canvas_.size();
    canvas_.append_masked(1);
    filter_->decide(cached_, rows[0].drawn);
    canvas_.commit(cached_, rows[0].drawn, confidence(rows[0]), step);
    stopped_ = std::find(stop_ids_.begin(), stop_ids_.end(), rows[0].drawn) != stop_ids_.end();
    return {{cached_, rows[0].drawn, canvas_[cached_].confidence, CellState::kCommitted}};
  }

  std::vector<int32_t> completion() const override {
    const std::vector<int32_t> tokens = canvas_.tokens();
    return {tokens.begin() + prompt_size_, tokens.end() - (stopped_ ? 1 : 0)};
  }

  std::string finish_reason() const override { return stopped_ ? "stop" : "length"; }

 private:
  Canvas canvas_;  // prompt, then what was written: it grows by one committed cell per forward
  SamplingParams params_;
  std::vector<int32_t> stop_ids_;
  int32_t prompt_size_;
  int32_t cached_ = 0;  // cells whose keys and values are stored
  bool stopped_ = false;
  std::unique_ptr<CellFilter> filter_;
};

}  // namespace

std::unique_ptr<Sampler> make_ar_sampler(std::vector<int32_t> prompt, const SamplingParams& params,
                                         std::vector<int32_t> stop_ids) {
  return std::make_unique<ArSampler>(std::move(prompt), params, std::move(stop_ids));
}

}  // namespace pent
