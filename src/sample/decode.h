// The loop: forwards until every sampler is done, many samplers in one pass.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "model/denoiser.h"
#include "sample/sampler.h"
#include "sample/trace.h"

namespace pent {

struct DecodeOutcome {
  std::string finish_reason;  // "stop", "length", "deadline" (max_nfe reached counts as one), "cancelled"
  int hurried = 0;            // cells that the last forward decided because of a deadline
  int nfe = 0;                // forwards
  int64_t rows = 0;           // cells they computed, all together
  int32_t cells = 0;          // of the canvas when it was longest, prompt and padding included
  double seconds = 0;
  double seconds_to_first_committed = 0;  // until a forward first decided a cell
};

struct DecodeOptions {
  std::vector<int32_t> banned;  // tokens no cell may get
  int width = 1;                // sequences per pass; as one ends, the next takes its place
  const CancelToken* cancel = nullptr;
  TraceSink trace;
  // True once the text of a completion contains a stop string; asked after every step. Empty: there are none.
  std::function<bool(std::span<const int32_t> completion)> is_stopped;
  // Hears of each sampler, by its place among all, when it has ended.
  std::function<void(size_t sampler, const DecodeOutcome& outcome)> ended;
};

// Drives all samplers to their end; the outcomes are in their order. temperature, top_p, top_k, max_nfe and deadline_ms come
// from `params`, which all samplers share (seed and n_index aside). Cancellation and deadline are looked at between forwards: the forward
// that is max_nfe's last, or the first after the deadline, decides all cells that are left.
std::vector<DecodeOutcome> decode(Denoiser& denoiser, std::span<const std::unique_ptr<Sampler>> samplers,
                                  const SamplingParams& params, const DecodeOptions& options);

// The mask token, rows of the embedding that no token of the tokenizer has (spec 20 §0.6), and tokens that move cells unless they do.
std::vector<int32_t> unwritable_tokens(const ModelSpec& spec, int tokenizer_size, bool moves_cells = false);

}  // namespace pent
