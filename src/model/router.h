// The router of a mixture of experts: which experts a row goes to, and with what weights. All in float32 (spec 10 §2, §3, §11;
// 23 §3.1).
#pragma once

#include <cstdint>
#include <vector>

#include "model/spec.h"

namespace pent {

struct RoutedExpert {
  int32_t expert = 0;
  float weight = 0;
};

// Scratch of one worker.
struct RouterScratch {
  std::vector<float> scores;     // [n_experts], as weights
  std::vector<float> selection;  // [n_experts], as they are compared
  std::vector<float> pool;       // [n_experts], the best of the block's rows; then 0 or, where not admitted, -infinity
  std::vector<int32_t> order;
};

// The experts of one row. logits [n_experts]: the router's product with the row; bias [n_experts] or null, as moe.expert_bias says;
// out [top_k], ascending by expert. Equal scores: the lower expert wins, as in a stable descending sort. A function of its
// arguments alone.
void route_row(const MoeSpec& moe, const float* logits, const float* bias, RouterScratch& scratch, RoutedExpert* out);

// The experts of a block's rows, who share a pool of moe.block_pool. logits [rows, n_experts]; out [rows, top_k], as above.
void route_block(const MoeSpec& moe, const float* logits, int64_t rows, const float* bias, RouterScratch& scratch,
                 RoutedExpert* out);

}  // namespace pent
