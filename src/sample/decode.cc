// Continuous batching of samplers over one denoiser, with trace events, deadline and cancellation.
#include "sample/decode.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <optional>

#include "base/error.h"
#include "sample/guidance.h"

namespace pent {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// A sampler with its sequences in the denoiser.
struct Running {
  Running(Denoiser& denoiser, size_t the_place, Sampler& the_sampler, DecodeOutcome& the_outcome, bool guided)
      : place(the_place), sampler(the_sampler), outcome(the_outcome), sequence(denoiser, sampler.capacity()) {
    if (guided) twin.emplace(denoiser, sampler.capacity());
  }

  size_t place;  // among all samplers
  Sampler& sampler;
  DecodeOutcome& outcome;
  OpenSequence sequence;
  std::optional<OpenSequence> twin;  // of the unconditional canvas, with guidance
  Clock::time_point start = Clock::now();
  size_t head_begin = 0;  // its rows in the pass result
  bool has_committed = false;
  bool last = false;  // this forward decides whatever is left
};

class Decoding {
 public:
  Decoding(Denoiser& denoiser, const SamplingParams& params, const DecodeOptions& options)
      : denoiser_(denoiser), params_(params), options_(options) {
    request_.temperature = params.temperature;
    request_.top_k = params.top_k;
    request_.top_p = params.top_p;
    request_.min_p = params.min_p;
    request_.guidance = params.cfg_scale;
    request_.repetition_penalty = params.repetition_penalty;
    for (const int32_t token : options.banned)
      request_.biases.push_back({token, -std::numeric_limits<float>::infinity()});
    for (const TokenBias& bias : params.logit_bias) request_.biases.push_back(bias);
  }

  void start(size_t place, Sampler& sampler, DecodeOutcome& outcome) {
    running_.push_back(std::make_unique<Running>(denoiser_, place, sampler, outcome, params_.cfg_scale > 0));
    outcome.cells = sampler.canvas().size();
    begin_event(*running_.back());
    if (const std::string reason = reason_to_end(*running_.back()); !reason.empty()) end_last(reason);
  }

  size_t running() const { return running_.size(); }

  // One forward for everyone; those that are finished leave.
  void step() {
    plan_.clear();
    request_.keys.clear();
    request_.recent.clear();
    request_.allowed.clear();
    request_.targets.clear();
    request_.divisors.clear();
    for (auto& each : running_) {
      each->head_begin = plan_.head_rows.size();
      const size_t first_row = plan_.rows.size();
      each->last = budget_ends(*each) && each->sampler.leaves_undecided();
      if (each->last)
        each->sampler.plan_last(each->sequence.handle(), each->outcome.nfe, plan_, request_);
      else
        each->sampler.plan(each->sequence.handle(), each->outcome.nfe, plan_, request_);
      if (each->twin)
        add_unconditional(each->sampler.canvas(), each->twin->handle(), first_row, each->head_begin, plan_);
      each->outcome.rows += static_cast<int64_t>(plan_.rows.size() - first_row);
    }
    denoiser_.forward(plan_, request_, result_);
    PENT_CHECK(result_.rows.size() == plan_.head_rows.size());
    if (request_.full_logits) {
      const auto vocab = static_cast<size_t>(denoiser_.spec().vocab_size);
      for (size_t row = 0; row < result_.rows.size(); ++row)
        result_.rows[row].logits = std::span(result_.logits).subspan(row * vocab, vocab);
    }
    for (size_t i = 0; i < running_.size(); ++i) {
      const size_t head_end = i + 1 < running_.size() ? running_[i + 1]->head_begin : result_.rows.size();
      take(*running_[i], std::span(result_.rows).subspan(running_[i]->head_begin, head_end - running_[i]->head_begin));
    }
    std::erase_if(running_, [&](const std::unique_ptr<Running>& each) {
      const std::string reason = reason_to_end(*each);
      if (!reason.empty()) end(*each, reason);
      return !reason.empty();
    });
  }

 private:
  void take(Running& each, std::span<const RowStats> rows) {
    const int32_t active_end = each.sampler.active_block().end;  // cells behind it may be set aside, not decided
    std::vector<CellChange> changes =
        each.last ? each.sampler.apply_last(rows, each.outcome.nfe) : each.sampler.apply(rows, each.outcome.nfe);
    if (each.last) each.outcome.hurried = static_cast<int>(changes.size());
    ++each.outcome.nfe;
    each.outcome.cells = std::max(each.outcome.cells, each.sampler.canvas().size());
    if (!each.has_committed && std::any_of(changes.begin(), changes.end(), [&](const CellChange& change) {
          return change.state == CellState::kCommitted && change.cell < active_end;
        })) {
      each.has_committed = true;
      each.outcome.seconds_to_first_committed = seconds_since(each.start);
    }
    if (!options_.trace) return;
    TraceEvent event = make_event(each, TraceEvent::Kind::kStep);
    const std::span<const Splice> splices = each.sampler.splices();
    event.splices.assign(splices.begin(), splices.end());
    event.changes = std::move(changes);
    options_.trace(event);
  }

  // Whether the next forward is the last one: an answer that is late is whole all the same.
  bool budget_ends(const Running& each) const {
    return (params_.max_nfe && each.outcome.nfe + 1 >= *params_.max_nfe) || is_late(each);
  }

  bool is_late(const Running& each) const {
    return params_.deadline_ms && seconds_since(each.start) * 1000 >= *params_.deadline_ms;
  }

  std::string reason_to_end(const Running& each) const {
    if (each.last) return "deadline";
    if (each.sampler.done()) return each.sampler.finish_reason();
    if (each.outcome.nfe > 0 && options_.is_stopped && options_.is_stopped(each.sampler.completion())) return "stop";
    if (options_.cancel != nullptr && options_.cancel->cancelled()) return "cancelled";
    if (params_.max_nfe && each.outcome.nfe >= *params_.max_nfe) return "deadline";
    const Canvas& canvas = each.sampler.canvas();
    const bool decided = !each.sampler.leaves_undecided() && canvas.masked_count(0, canvas.size()) == 0;
    if (is_late(each) && decided) return "deadline";
    return {};
  }

  void end_last(const std::string& reason) {
    end(*running_.back(), reason);
    running_.pop_back();
  }

  TraceEvent make_event(const Running& each, TraceEvent::Kind kind) const {
    const Block block = each.sampler.active_block();
    return {.kind = kind,
            .n_index = static_cast<int32_t>(each.sampler.n_index()),
            .seconds = seconds_since(each.start),
            .step = each.outcome.nfe,
            .nfe = each.outcome.nfe,
            .block_begin = block.begin,
            .block_end = block.end,
            .changes = {},
            .splices = {},
            .finish_reason = {}};
  }

  void begin_event(const Running& each) const {
    if (!options_.trace) return;
    TraceEvent event = make_event(each, TraceEvent::Kind::kBegin);
    const Canvas& canvas = each.sampler.canvas();
    for (int32_t cell = 0; cell < canvas.size(); ++cell)
      event.changes.push_back({cell, canvas[cell].token, canvas[cell].confidence, canvas[cell].state});
    options_.trace(event);
  }

  void end(Running& each, const std::string& reason) const {
    each.outcome.finish_reason = reason;
    each.outcome.seconds = seconds_since(each.start);
    if (options_.trace) {
      TraceEvent event = make_event(each, TraceEvent::Kind::kEnd);
      event.finish_reason = reason;
      event.tokens = static_cast<int32_t>(each.sampler.completion().size());
      options_.trace(event);
    }
    if (options_.ended) options_.ended(each.place, each.outcome);
  }

  Denoiser& denoiser_;
  const SamplingParams& params_;
  const DecodeOptions& options_;
  std::vector<std::unique_ptr<Running>> running_;
  PassPlan plan_;
  HeadRequest request_;
  PassResult result_;
};

}  // namespace

std::vector<DecodeOutcome> decode(Denoiser& denoiser, std::span<const std::unique_ptr<Sampler>> samplers,
                                  const SamplingParams& params, const DecodeOptions& options) {
  PENT_CHECK(options.width >= 1);
  std::vector<DecodeOutcome> outcomes(samplers.size());
  Decoding decoding(denoiser, params, options);
  for (size_t next = 0; next < samplers.size() || decoding.running() > 0;) {
    while (next < samplers.size() && decoding.running() < static_cast<size_t>(options.width)) {
      decoding.start(next, *samplers[next], outcomes[next]);
      ++next;
    }
    if (decoding.running() > 0) decoding.step();
  }
  return outcomes;
}

std::vector<int32_t> unwritable_tokens(const ModelSpec& spec, int tokenizer_size, bool moves_cells) {
  std::vector<int32_t> tokens;
  if (spec.mask_id >= 0) tokens.push_back(spec.mask_id);
  if (spec.edits_length() && !moves_cells) tokens.insert(tokens.end(), {spec.delete_id, spec.insert_id});
  if (spec.expands_holes() && !moves_cells) tokens.push_back(spec.expand_id);
  for (int32_t token = tokenizer_size; token < spec.vocab_size; ++token)
    if (token != spec.mask_id && token != spec.expand_id) tokens.push_back(token);
  return tokens;
}

}  // namespace pent
