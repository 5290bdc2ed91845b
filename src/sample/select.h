// Which candidates are committed in a step (sampler part "select").
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace pent {

// One masked cell of the active block with the token the model proposes for it.
struct Candidate {
  int32_t cell = 0;
  int32_t token = 0;
  float confidence = 0;  // probability of the token
  double score = 0;      // higher is committed earlier
};

// LLaDA's transfer schedule: masks = base * steps + rem; the first rem steps reveal base + 1, the others base.
std::vector<int> transfer_schedule(int masks, int steps);

// Indices into candidates, in cell order. Ties go to the lower cell; candidates must be in cell order.
std::vector<size_t> select_top(std::span<const Candidate> candidates, int count);
// Every candidate with score > threshold (strictly), and the single best one in any case.
std::vector<size_t> select_above(std::span<const Candidate> candidates, double threshold);

}  // namespace pent
