// AdamW (Loshchilov & Hutter 2019: decay decoupled from the gradient, scaled by the learning rate) with clipping by the
// global norm and an exponential moving average of the weights. Decay applies to matrices, not to embeddings and norms.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <string>
#include <vector>

#include "train/nets/transformer.h"
#include "train/recipe/recipe.h"

namespace pent::train {

class AdamW {
 public:
  AdamW(std::vector<Transformer::Parameter>& parameters, const Recipe& recipe);

  // One update from the accumulated gradients, which are then dropped. Returns the global norm before clipping; where
  // that is not finite nothing is changed.
  double step(double lr);

  // The averaged weights when EMA is on, else the weights themselves.
  std::vector<Tensor> best_estimate() const;
  // Exchanges weights and average (twice: nothing happened). For validation.
  void swap_average();

  int64_t updates = 0;
  std::vector<Tensor> first_moment, second_moment, average;  // average: empty when EMA is off

 private:
  std::vector<Transformer::Parameter>& parameters_;
  decltype(Recipe::optimizer) rules_;
};

}  // namespace pent::train
