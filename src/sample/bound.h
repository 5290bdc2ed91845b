// Likelihoods that need only forwards: exact for autoregressive models, a Monte-Carlo bound for masked diffusion.
// `score`, the evaluations and the trainer's tests share this one implementation.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model/denoiser.h"

namespace pent {

// `target` is scored given `context` before it. Tokens.
struct ScoringItem {
  std::vector<int32_t> context;
  std::vector<int32_t> target;
};

struct LogLikelihood {
  double log_prob = 0;        // nats, of the whole target; for diffusion a lower bound in expectation
  double standard_error = 0;  // 0 where exact; NaN where one draw says nothing about it
  int tokens = 0;             // of the target
};

// Exact. The context must not be empty (BOS at least): nothing predicts a sequence's first token. `width` items per pass.
std::vector<LogLikelihood> ar_log_likelihood(Denoiser& denoiser, std::span<const ScoringItem> items, int width = 1);

struct BoundOptions {
  int draws = 128;  // "mc_num"
  int width = 16;   // draws per pass: one systematic group of mask counts
  uint64_t seed = 0;
  uint32_t n_index = 0;  // keys the draws together with the seed: the same for the choices of one question
};

// LLaDA's estimator (spec 20 §2.1): each draw masks exactly r target tokens, never the context, and weighs their negative
// log-likelihood by n / r; the counts r of a group are spread evenly over 1 … n from one random start. All randomness:
//   group g starts at k = 1 + floor(n * u), u = draw_uniform({seed, n_index, step g, cell 0, kTime});
//   draw j (counted over all groups) masks the r target tokens i of smallest draw_uniform({seed, n_index, step j, cell i, kNoise}).
// The standard error is that of the mean over groups. A target of one token is exact.
LogLikelihood diffusion_bound(Denoiser& denoiser, const ScoringItem& item, const BoundOptions& options);

// Mask counts of a group of `size` draws that starts at k (1 <= k <= n): k + j n / size rounded (halves up), wrapped into 1 … n.
std::vector<int> mask_counts(int n, int k, int size);
// The `count` of n target positions masked by draw `draw`, ascending.
std::vector<int32_t> masked_positions(int n, int count, uint32_t draw, const BoundOptions& options);

}  // namespace pent
