#include "model/spec.h"

#include <algorithm>

namespace pent {
namespace {

// Of a layer's attention with what norms it has.
int64_t count_attention(const ModelSpec& spec, int layer) {
  const HeadShape shape = spec.heads(layer);
  const int64_t d = spec.d_model, heads = int64_t{spec.n_heads} * shape.head_dim,
                kv = int64_t{shape.n_kv_heads} * shape.head_dim;
  const int64_t biases = (spec.qkv_bias ? heads + 2 * kv : 0) + (spec.attn_out_bias ? d : 0);
  return d * heads * 2 + d * kv * (shape.values_are_keys ? 1 : 2) + biases + (spec.qk_norm ? 2 * shape.head_dim : 0);
}

// With `experts` of each layer's.
int64_t count(const ModelSpec& spec, int64_t experts) {
  const int64_t d = spec.d_model;
  const int64_t norm = spec.layer_norm ? 2 * d : d;
  const MoeSpec& moe = spec.moe;
  const int64_t dense = spec.ffn == FfnKind::kGelu ? (2 * d + 1) * spec.ffn_dim + d : int64_t{3} * d * spec.ffn_dim;
  const int64_t mixture =
      moe.n_experts * (d + (moe.expert_bias ? 1 : 0)) + int64_t{3} * d * (experts * moe.expert_dim + moe.shared_dim);
  int64_t total = int64_t{spec.vocab_size} * d * (spec.tied_head ? 1 : 2) + norm +
                  (spec.learned_positions ? int64_t{spec.max_positions} * d : 0);
  for (int layer = 0; layer < spec.n_layers; ++layer) {
    total += count_attention(spec, layer) + 2 * norm;
    if (spec.block == BlockKind::kGemma)  // both, five norms more, scales of the router, its experts and the stream
      total += dense + mixture + 6 * d + moe.n_experts + (spec.canvas_length > 0 ? 2 : 1);
    else
      total += spec.has_experts(layer) ? mixture : dense;
  }
  return total + (spec.canvas_length > 0 ? d + dense : 0);  // self-conditioning
}

}  // namespace

bool ModelSpec::has_experts(int layer) const {
  return moe.n_experts > 0 && !std::binary_search(moe.dense_layers.begin(), moe.dense_layers.end(), layer);
}

bool ModelSpec::is_global(int layer) const {
  return std::binary_search(global.layers.begin(), global.layers.end(), layer);
}

HeadShape ModelSpec::heads(int layer) const {
  if (!is_global(layer)) return {.n_kv_heads = n_kv_heads, .head_dim = head_dim, .values_are_keys = false};
  return {.n_kv_heads = global.n_kv_heads, .head_dim = global.head_dim, .values_are_keys = true};
}

int64_t ModelSpec::parameters() const { return count(*this, moe.n_experts); }

int64_t ModelSpec::active_parameters() const { return count(*this, moe.top_k); }

}  // namespace pent
