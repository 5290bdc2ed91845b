#include "model/spec.h"

namespace pent {

int64_t ModelSpec::parameters() const {
  const int64_t d = d_model, heads = int64_t{n_heads} * head_dim, kv = int64_t{n_kv_heads} * head_dim;
  const int64_t attention_weights = d * heads * 2 + d * kv * 2;
  const int64_t block = attention_weights + int64_t{3} * d * ffn_dim + 2 * d;
  return int64_t{vocab_size} * d * (tied_head ? 1 : 2) + n_layers * block + d;
}

}  // namespace pent
