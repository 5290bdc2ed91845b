// Which candidates are committed in a step (sampler part "select").
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"

namespace pent {

// One masked cell of the active block with the token the model proposes for it.
struct Candidate {
  int32_t cell = 0;
  int32_t token = 0;
  float confidence = 0;  // probability of the token
  double score = 0;      // higher is committed earlier
};

enum class SelectKind {
  kLinear,     // LLaDA: the masks of the block shared evenly over its steps
  kCosine,     // MaskGIT (arXiv:2202.04200): few cells at first, many at the end
  kTimeStep,   // Dream (arXiv:2508.15487): of m masks floor(m (1 - s/t)), times from 1 to 1e-3
  kThreshold,  // Fast-dLLM (arXiv:2505.22618): all above the threshold
  kFactor,     // Fast-dLLM: the largest k with (k + 1)(1 - c_k) < factor
  kEntropyBound,  // EB sampler (arXiv:2505.24857): the longest prefix whose entropies but the largest sum to at most the bound
  kDynamic,    // SDAR, LLaDA2: all above the threshold if the even share of the steps is reached, else that share
  kAncestral,  // MDLM (arXiv:2406.07524): each mask by itself with probability (t - s)/t
};
std::string_view to_string(SelectKind kind);  // "linear", "cosine", "timestep", "threshold", "factor", "entropy", …

// `value`: the threshold, the factor or the bound in nats; 0 for the others.
struct SelectRule {
  SelectKind kind = SelectKind::kLinear;
  double value = 0;

  bool by_steps() const;  // whether the number of steps has a meaning
  bool operator==(const SelectRule&) const = default;
};
// "NAME" or "NAME:VALUE", with the paper's value where none is given. Throws kInvalidArgument naming --select.
SelectRule parse_select(std::string_view text);
std::string to_string(const SelectRule& rule);

// LLaDA's transfer schedule: masks = base * steps + rem; the first rem steps reveal base + 1, the others base.
std::vector<int> transfer_schedule(int masks, int steps);
// After step i of S (from 1) floor(masks cos(pi/2 i/S)) masks are left; the last step leaves none. Sums to masks.
std::vector<int> cosine_schedule(int masks, int steps);
// Dream's, over times linspace(1, eps, steps + 1); what is left goes to the last step. Sums to masks.
std::vector<int> time_schedule(int masks, int steps, double eps = 1e-3);

// Indices into candidates, in cell order. Ties go to the lower cell; candidates must be in cell order.
std::vector<size_t> select_top(std::span<const Candidate> candidates, int count);
// Every candidate with score > threshold (strictly), and the single best one in any case.
std::vector<size_t> select_above(std::span<const Candidate> candidates, double threshold);
// Scores, best first, c_1 >= c_2 …: the first j of them, where c_(j+1) is the first (from c_2 on) below 1 - factor/(j + 2);
// at least one (spec 20 §8.3).
std::vector<size_t> select_factor(std::span<const Candidate> candidates, double factor);
// Scores are minus entropies: the most certain k with (sum of entropies) - (largest entropy) <= bound, k >= 1 (spec 20 §12).
std::vector<size_t> select_entropy_bound(std::span<const Candidate> candidates, double bound);
// All above the threshold if they are at least `count`, else the best `count`.
std::vector<size_t> select_dynamic(std::span<const Candidate> candidates, double threshold, int count);
// What the rules say that need no schedule: kThreshold, kFactor, kEntropyBound; and kDynamic with a share of `count`.
std::vector<size_t> select_by(const SelectRule& rule, std::span<const Candidate> candidates, int count);
// `count` drawn without replacement from softmax(score / temperature), as the largest of score/temperature - ln(-ln u) with u
// the order draw of the cell (`key` names step; Gumbel's trick, Kool et al. 2019). temperature 0: select_top.
std::vector<size_t> select_drawn(std::span<const Candidate> candidates, int count, double temperature, DrawKey key);

}  // namespace pent
