// Two optimisers with clipping by the global norm and an exponential moving average of the weights:
//  - AdamW (Loshchilov & Hutter 2019: decay decoupled from the gradient, scaled by the learning rate);
//  - Muon (Jordan et al. 2024) for the matrices inside the blocks: momentum, then the nearest semi-orthogonal matrix by
//    Newton-Schulz, scaled to AdamW's usual update (Liu et al. 2025, "Muon is scalable", factor 0.2 sqrt(max(rows,
//    columns))) so that one learning rate serves both; embeddings, head and norms stay with AdamW.
// Decay applies to the matrices inside the blocks only.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <string>
#include <vector>

#include "train/nets/transformer.h"
#include "train/recipe/recipe.h"

namespace pent::train {

// The singular values of a matrix [r, c] brought close to 1 (about 0.7 to 1.2) by five steps of Newton-Schulz's iteration
// with Jordan's quintic, in bfloat16. Returns float32 [r, c].
Tensor orthogonalize(const Tensor& matrix);

class Optimizer {
 public:
  Optimizer(std::vector<Transformer::Parameter>& parameters, const Recipe& recipe);

  // One update from the accumulated gradients, which are then dropped. Returns the global norm before clipping; where
  // that is not finite nothing is changed.
  double step(double lr);

  // The averaged weights when EMA is on, else the weights themselves.
  std::vector<Tensor> best_estimate() const;
  // Exchanges weights and average (twice: nothing happened). For validation.
  void swap_average();

  int64_t updates = 0;
  std::vector<Tensor> first_moment;   // of Muon's parameters: the momentum
  std::vector<Tensor> second_moment;  // of Muon's parameters: empty
  std::vector<Tensor> average;        // no tensors when EMA is off

 private:
  bool uses_muon(const Transformer::Parameter& p) const { return rules_.kind == "muon" && !p.matrices.empty(); }
  void muon_update(size_t i, const Tensor& gradient, double gradient_scale, double lr);

  std::vector<Transformer::Parameter>& parameters_;
  decltype(Recipe::optimizer) rules_;
};

}  // namespace pent::train
