#include "model/spec.h"

#include <algorithm>

namespace pent {
namespace {

// With `experts` of each layer's.
int64_t count(const ModelSpec& spec, int64_t experts) {
  const int64_t d = spec.d_model, heads = int64_t{spec.n_heads} * spec.head_dim,
                kv = int64_t{spec.n_kv_heads} * spec.head_dim;
  const int64_t attention_weights = d * heads * 2 + d * kv * 2;
  const int64_t biases = (spec.qkv_bias ? heads + 2 * kv : 0) + (spec.attn_out_bias ? d : 0);
  const int64_t norm = spec.layer_norm ? 2 * d : d;
  const int64_t norms = 2 * norm + (spec.qk_norm ? 2 * spec.head_dim : 0);
  const MoeSpec& moe = spec.moe;
  const int64_t dense = spec.ffn == FfnKind::kSwiGlu ? int64_t{3} * d * spec.ffn_dim : (2 * d + 1) * spec.ffn_dim + d;
  const int64_t mixture =
      moe.n_experts * (d + (moe.expert_bias ? 1 : 0)) + int64_t{3} * d * (experts * moe.expert_dim + moe.shared_dim);
  int64_t total = int64_t{spec.vocab_size} * d * (spec.tied_head ? 1 : 2) + norm +
                  (spec.learned_positions ? int64_t{spec.max_positions} * d : 0);
  for (int layer = 0; layer < spec.n_layers; ++layer)
    total += attention_weights + biases + norms + (spec.has_experts(layer) ? mixture : dense);
  return total;
}

}  // namespace

bool ModelSpec::has_experts(int layer) const {
  return moe.n_experts > 0 && !std::binary_search(moe.dense_layers.begin(), moe.dense_layers.end(), layer);
}

int64_t ModelSpec::parameters() const { return count(*this, moe.n_experts); }

int64_t ModelSpec::active_parameters() const { return count(*this, moe.top_k); }

}  // namespace pent
