// Speculation: what a drafter proposes, causal rows verify, many at a time in one forward (Leviathan et al. 2023, arXiv:2211.17192).
//
// The rule of acceptance. A drafted token is kept if it is the token that autoregression would write in its cell: the causal row's
// arg max, or at a temperature its draw with the cell's own random number. The first that is not gives way to that token, and
// what was drafted behind it is dropped. So the text is autoregression's, token for token and seed for seed, whatever drafts: it
// cannot depend on the drafter, nor on when a planner drafts. This is the drafter-invariant coupling of Daliri, Musco and
// Suresh (2024, arXiv:2408.07978), with inversion instead of their Gumbel race, since the head draws by inversion: a drafter that
// draws does it with the same number, and where its distribution is the verifier's both get the same token. The rule of
// Leviathan et al. (keep x with probability min(1, p(x)/q(x)), else draw from the rest of p over q) keeps the distribution
// only, and accepts a share 1 - TV(p, q), which no coupling exceeds; for greedy decoding both are the same.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "model/pass_plan.h"
#include "model/spec.h"

namespace pent {

struct DraftCount {
  int64_t drafted = 0;   // tokens that were verified …
  int64_t accepted = 0;  // … and kept
  bool operator==(const DraftCount&) const = default;
};

class Drafter {
 public:
  virtual ~Drafter() = default;
  // What it wants computed in the forward whose last causal row decides cell begin - 1, behind these rows: a head row for each of
  // the cells [begin, begin + length), in order, or nothing if it has a model of its own. It may write slots from begin - 1 on, which
  // are written again before a causal row sees them.
  virtual void plan(int32_t sequence, int32_t begin, int length, PassPlan& plan) const = 0;
  // At most `length` tokens to follow `tokens`, which are all of the text so far. `rows`: the answers to plan()'s head rows, which
  // draw with the random numbers of their cells.
  virtual std::vector<int32_t> draft(std::span<const int32_t> tokens, std::span<const RowStats> rows, int length) = 0;
};

// The model itself, in one step of diffusion: as many masks as cells behind the text, which see it and each other (a block of BD3-LM
// over a causal text; spec 31 §5.2 "two-pass", §5.3).
std::unique_ptr<Drafter> make_mask_drafter(const ModelSpec& spec);

// Says how long the drafts are.
class DraftPlanner {
 public:
  virtual ~DraftPlanner() = default;
  // For the next forward; 0: one token, nothing drafted.
  virtual int draft_length() = 0;
  // Hears of every token written without a draft (0 of 0) and of every draft.
  virtual void saw(DraftCount draft) = 0;
};
std::unique_ptr<DraftPlanner> make_fixed_planner(int length);

// Who drafts for a sampler. Nobody: autoregression.
struct Drafting {
  std::shared_ptr<Drafter> drafter;
  std::shared_ptr<DraftPlanner> planner;
};

}  // namespace pent
