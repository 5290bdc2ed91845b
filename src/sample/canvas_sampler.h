// What the samplers of a canvas share: rows and head rows of a forward, draw keys, and how far the answer is final.
#pragma once

#include "sample/constraint/cell_filter.h"
#include "sample/sampler.h"

namespace pent {

class CanvasSampler : public Sampler {
 public:
  // Throws kInvalidArgument when the logits are shifted and the first cell is masked: nothing decides it.
  CanvasSampler(Canvas canvas, const SamplingParams& params, std::vector<int32_t> stop_ids);

  const Canvas& canvas() const override { return canvas_; }
  uint32_t n_index() const override { return params_.n_index; }
  int32_t capacity() const override { return canvas_.size(); }
  std::vector<int32_t> completion() const override;
  std::span<const Splice> splices() const override { return splices_; }
  bool leaves_undecided() const override { return canvas_.masked_count(0, canvas_.size()) > 1; }
  void plan_last(int32_t sequence, int32_t step, PassPlan& plan, HeadRequest& request) const override;
  std::vector<CellChange> apply_last(std::span<const RowStats> rows, int32_t step) override;
  std::string finish_reason() const override { return stopped_ && frontier_ < answer_end() ? "stop" : "length"; }

 protected:
  DrawKey key(int32_t step, int32_t cell) const;
  // Computes `cells`, asks the head for `asked`, which is a part of them; both ascending.
  void plan_cells(int32_t sequence, int32_t step, std::span<const int32_t> cells, std::span<const int32_t> asked,
                  PassPlan& plan, HeadRequest& request) const;
  // The second half: rows of `cells` begin at first_row. With shifted logits the row before a cell answers for it.
  void ask(int32_t step, uint32_t first_row, std::span<const int32_t> cells, std::span<const int32_t> asked,
           PassPlan& plan, HeadRequest& request) const;
  // What the budget's last forward decides: every masked cell.
  virtual std::vector<int32_t> last_asked_cells() const { return masked_cells(canvas_.size()); }
  std::vector<int32_t> masked_cells(int32_t end) const;  // of those before `end`
  // Asks row `row` of the plan about the token that stands in `cell`.
  void ask_standing(int32_t step, uint32_t row, int32_t cell, PassPlan& plan, HeadRequest& request) const;
  int32_t frontier() const { return frontier_; }
  int32_t answer_end() const {
    return canvas_.size() - params_.padding;
  }  // behind it cells only fill the model's block
  // A masked cell with the head's answer for it.
  struct Proposal {
    int32_t cell = 0;
    const RowStats* row = nullptr;
    double score = 0;
  };
  // Commits what was drawn, in the order given. Where a language rules the cells: the best score first, and a token that does not fit
  // what was committed before it gives way to the next best of its row that does.
  void commit(std::vector<Proposal> proposals, int32_t step, std::vector<CellChange>& changes);
  void reopen(int32_t cell, std::vector<CellChange>& changes);
  // Only where the token fits what rules the cell.
  void rewrite(int32_t cell, int32_t token, float confidence, int32_t step, std::vector<CellChange>& changes);
  // `count` masked cells before cell `at`.
  void insert(int32_t at, int32_t count, std::vector<CellChange>& changes);
  // Takes the cells [at, at + count) out of the canvas.
  void erase(int32_t at, int32_t count, std::vector<CellChange>& changes);
  // `count` cells behind the last that hold `token`, which nobody predicted: confidence 1.
  void append_decided(int32_t count, int32_t token, int32_t step, std::vector<CellChange>& changes);
  // With trim_tail: takes out what stands behind the first committed stop token, unless something fixed does, for it cannot be
  // part of the answer any more. True if cells went.
  bool trim_tail(std::vector<CellChange>& changes);
  int32_t first_generated() const { return first_generated_; }
  bool is_stop(int32_t token) const;
  bool filter_has_language() const { return filter_.has_language(); }
  // Cells before `limit` will not change once decided. Everything left of the frontier is final; a stop token there ends the
  // answer, whatever is undecided behind it.
  void advance_frontier(int32_t limit);
  // Every cell that is not given, ascending.
  std::vector<int32_t> free_cells() const;

  Canvas canvas_;
  SamplingParams params_;
  std::vector<int32_t> stop_ids_;
  bool stopped_ = false;
  std::vector<Splice> splices_;  // of the apply() that goes on; who inserts or trims clears it at its beginning

 private:
  void commit(int32_t cell, int32_t token, float confidence, int32_t step, std::vector<CellChange>& changes);
  // Those that languages rule: of each the most probable text, all its cells together; takes them out of the proposals.
  void commit_jointly(std::vector<Proposal>& proposals, int32_t step, std::vector<CellChange>& changes);
  RowStats next_best(const Proposal& proposal, int32_t step);

  mutable CellFilter filter_;  // remembers what it computed
  int32_t first_generated_ = 0;
  int32_t frontier_ = 0;  // first cell that is not final, or the stop token
};

// DAEDAL: the canvas begins with params.length.initial masked cells and grows to params.max_tokens at most.
std::unique_ptr<Sampler> make_daedal_sampler(Canvas canvas, const SamplingParams& params,
                                             std::vector<int32_t> stop_ids);
// MDLM's ancestral sampler and ReMDM's remasking one: the whole canvas, params.steps times from 1 to 0.
std::unique_ptr<Sampler> make_ancestral_sampler(Canvas canvas, const SamplingParams& params,
                                                std::vector<int32_t> stop_ids);
// WINO: decides by a low threshold and opens again what a shadow of the block does not confirm.
std::unique_ptr<Sampler> make_wino_sampler(Canvas canvas, const SamplingParams& params, std::vector<int32_t> stop_ids);
// LLaDA2.2's (sample/levenshtein.h). Throws kInvalidArgument when fixed cells stand behind masked ones.
std::unique_ptr<Sampler> make_levenshtein_sampler(Canvas canvas, const SamplingParams& params,
                                                  std::vector<int32_t> stop_ids);
// DreamOn's (sample/dreamon.h): params.elastic are masked cells that become more and fewer.
std::unique_ptr<Sampler> make_dreamon_sampler(Canvas canvas, const SamplingParams& params,
                                              std::vector<int32_t> stop_ids);
// P2 as in Open-dCoder: each of params.steps forwards scores every cell that is not fixed and keeps the best.
std::unique_ptr<Sampler> make_path_planning_sampler(Canvas canvas, const SamplingParams& params,
                                                    std::vector<int32_t> stop_ids);

}  // namespace pent
