#include "model/spec.h"

namespace pent {

int64_t ModelSpec::parameters() const {
  const int64_t d = d_model, heads = int64_t{n_heads} * head_dim, kv = int64_t{n_kv_heads} * head_dim;
  const int64_t attention_weights = d * heads * 2 + d * kv * 2;
  const int64_t biases = (qkv_bias ? heads + 2 * kv : 0) + (attn_out_bias ? d : 0);
  const int64_t norms = 2 * d + (qk_norm ? 2 * head_dim : 0);
  const int64_t block = attention_weights + biases + int64_t{3} * d * ffn_dim + norms;
  return int64_t{vocab_size} * d * (tied_head ? 1 : 2) + n_layers * block + d;
}

}  // namespace pent
