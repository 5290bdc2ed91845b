// One answer being written: says what it wants from the next forward and takes the answer.
//
// The forward itself is made by decode() (sample/decode.h), which serves many samplers in one pass; what a sampler decides
// depends on its own rows and draw keys only, so batching changes nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "model/pass_plan.h"
#include "sample/canvas.h"
#include "sample/drafter.h"
#include "sample/length.h"
#include "sample/preset.h"
#include "sample/trace.h"

namespace pent {

class Sampler {
 public:
  virtual ~Sampler() = default;

  virtual const Canvas& canvas() const = 0;
  virtual uint32_t n_index() const = 0;    // which of the -n answers
  virtual int32_t capacity() const = 0;    // slots of keys and values it needs
  virtual Block active_block() const = 0;  // cells being decided now
  virtual bool done() const = 0;
  // Appends its rows to the plan, its head rows to plan.head_rows and their keys to request.keys. `step`: forwards of this
  // generation so far; it goes into the keys.
  virtual void plan(int32_t sequence, int32_t step, PassPlan& plan, HeadRequest& request) const = 0;
  // `rows`: the answers for the head rows of plan(), in order. The changes count cells after the splices of splices().
  virtual std::vector<CellChange> apply(std::span<const RowStats> rows, int32_t step) = 0;
  // Where the budget allows one forward more: whether the next plan() would leave cells undecided. Then plan_last() and apply_last()
  // take its place; they decide all of them.
  virtual bool leaves_undecided() const { return false; }
  virtual void plan_last(int32_t sequence, int32_t step, PassPlan& plan, HeadRequest& request) const {
    this->plan(sequence, step, plan, request);
  }
  virtual std::vector<CellChange> apply_last(std::span<const RowStats> rows, int32_t step) { return apply(rows, step); }
  // How the last apply() moved cells.
  virtual std::span<const Splice> splices() const { return {}; }

  // Its holes of no settled length, as they are now (sample/dreamon.h).
  virtual std::span<const ElasticCells> elastic() const { return {}; }

  // What is written as far as it is final: from the first generated cell to the first undecided cell or stop token.
  virtual std::vector<int32_t> completion() const = 0;
  // "stop" or "length" once done.
  virtual std::string finish_reason() const = 0;
  virtual DraftCount draft_count() const { return {}; }
};

// A canvas with masked cells: what length, select and remask of the parameters say; one that grows begins with
// params.length.initial masked cells. Empty stop_ids: nothing ends it early. Throws
// kInvalidArgument when the logits are shifted and the first cell is masked: nothing decides it.
std::unique_ptr<Sampler> make_diffusion_sampler(Canvas canvas, const SamplingParams& params,
                                                std::vector<int32_t> stop_ids);

// Canvas after canvas of random tokens denoised behind the text so far (sample/renoise.h), of a model with canvas_length. `prompt`
// is not empty. params.padding: cells behind max_tokens that only fill the last canvas.
std::unique_ptr<Sampler> make_renoise_sampler(std::vector<int32_t> prompt, const SamplingParams& params, int vocab_size,
                                              std::vector<int32_t> stop_ids);

// Token after token, causal attention with a growing cache. `prompt` is not empty: its last token predicts the first new one.
// With a drafter, the same tokens in fewer forwards.
std::unique_ptr<Sampler> make_ar_sampler(std::vector<int32_t> prompt, const SamplingParams& params,
                                         std::vector<int32_t> stop_ids, Drafting drafting = {});

}  // namespace pent
