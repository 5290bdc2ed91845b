// Held-out likelihood: the diffusion bound with its standard error, or the exact NLL of a next-token model. The same
// windows, times and masks every time, so that two checkpoints differ by their weights alone.
#pragma once

#include <span>

#include "train/nets/transformer.h"
#include "train/prepare.h"

namespace pent::train {

// A rectangle of a noised batch: sequences [begin, end), padded to the longest.
struct MicroBatch {
  NetInput input;
  Tensor targets;  // int64 [R]
  Tensor weights;  // float32 [R]
};
MicroBatch make_micro_batch(const NoisedBatch& batch, size_t begin, size_t end, TokenId padding);

struct Evaluation {
  double nats_per_token = 0, standard_error = 0, bits_per_byte = 0;
  int64_t tokens = 0;
  bool is_bound = false;
};

class Evaluator {
 public:
  Evaluator(const Recipe& recipe, const Corpus& corpus);
  bool empty() const { return windows_.empty(); }
  Evaluation run(const Transformer& net) const;

 private:
  ObjectiveRules rules_;
  int draws_;
  size_t micro_;
  TokenId padding_;
  int64_t bytes_ = 0;
  std::vector<Window> windows_;
};

}  // namespace pent::train
