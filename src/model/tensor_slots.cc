#include "model/tensor_slots.h"

#include "base/error.h"

namespace pent {
namespace {

using Role = TensorSlot::Role;

class SlotList {
 public:
  SlotList(const ModelSpec& spec, const TensorNames& names) : spec_(spec), names_(names) {}

  std::vector<TensorSlot> take() {
    const int64_t d = spec_.d_model;
    add(Role::kEmbedding, names_.embedding, {spec_.vocab_size, d});
    if (spec_.learned_positions) add(Role::kPositions, names_.positions, {spec_.max_positions, d});
    for (layer_ = 0; layer_ < spec_.n_layers; ++layer_) {
      add_norm(names_.attn_norm, names_.attn_norm_bias);
      add_attention();
      add_norm(names_.ffn_norm, names_.ffn_norm_bias);
      if (spec_.has_experts(layer_))
        add_experts();
      else if (spec_.ffn == FfnKind::kGelu)
        add_gelu_net();
      else
        add_feed_forward(names_.gate, names_.up, names_.down, spec_.ffn_dim);
    }
    layer_ = -1;
    add_norm(names_.final_norm, names_.final_norm_bias);
    if (!spec_.tied_head) add(Role::kHead, names_.head, {spec_.vocab_size, d});
    return std::move(slots_);
  }

 private:
  void add(Role role, const char* pattern, std::vector<int64_t> shape, int experts = 0, bool rope_rows = false) {
    PENT_CHECK(pattern != nullptr, "family {} has no name for a tensor of its spec", spec_.family);
    slots_.push_back(
        {role, layer_, pattern, std::move(shape), experts, rope_rows, names_.transposed && role == Role::kMatrix});
  }

  void add_norm(const char* weight, const char* bias) {
    add(Role::kNorm, weight, {spec_.d_model});
    if (spec_.layer_norm) add(Role::kBias, bias, {spec_.d_model});
  }

  void add_gelu_net() {
    add(Role::kMatrix, names_.up, {spec_.ffn_dim, spec_.d_model});
    add(Role::kMatrix, names_.down, {spec_.d_model, spec_.ffn_dim});
    add(Role::kBias, names_.up_bias, {spec_.ffn_dim});
    add(Role::kBias, names_.down_bias, {spec_.d_model});
  }

  void add_attention() {
    const int64_t d = spec_.d_model, q = int64_t{spec_.n_heads} * spec_.head_dim;
    const int64_t kv = int64_t{spec_.n_kv_heads} * spec_.head_dim;
    if (names_.qkv != nullptr) {
      add(Role::kMatrix, names_.qkv, {q + 2 * kv, d});
      if (spec_.qkv_bias) add(Role::kBias, names_.qkv_bias, {q + 2 * kv});
    } else {
      add(Role::kMatrix, names_.q, {q, d}, 0, true);
      add(Role::kMatrix, names_.k, {kv, d}, 0, true);
      add(Role::kMatrix, names_.v, {kv, d});
      if (spec_.qkv_bias) {
        add(Role::kBias, names_.q_bias, {q}, 0, true);
        add(Role::kBias, names_.k_bias, {kv}, 0, true);
        add(Role::kBias, names_.v_bias, {kv});
      }
    }
    if (spec_.qk_norm) {
      add(Role::kNorm, names_.q_norm, {spec_.head_dim});
      add(Role::kNorm, names_.k_norm, {spec_.head_dim});
    }
    add(Role::kMatrix, names_.attn_out, {d, q});
    if (spec_.attn_out_bias) add(Role::kBias, names_.attn_out_bias, {d});
  }

  void add_feed_forward(const char* gate, const char* up, const char* down, int64_t width, int experts = 0) {
    add(Role::kMatrix, gate, {width, spec_.d_model}, experts);
    add(Role::kMatrix, up, {width, spec_.d_model}, experts);
    add(Role::kMatrix, down, {spec_.d_model, width}, experts);
  }

  void add_experts() {
    const MoeSpec& moe = spec_.moe;
    const ExpertNames& experts = names_.experts;
    add(Role::kRouter, experts.router, {moe.n_experts, spec_.d_model});
    if (moe.expert_bias) add(Role::kExpertBias, experts.bias, {moe.n_experts});
    add_feed_forward(experts.gate, experts.up, experts.down, moe.expert_dim, moe.n_experts);
    if (moe.shared_dim > 0)
      add_feed_forward(experts.shared_gate, experts.shared_up, experts.shared_down, moe.shared_dim);
  }

  const ModelSpec& spec_;
  const TensorNames& names_;
  int layer_ = -1;
  std::vector<TensorSlot> slots_;
};

}  // namespace

std::string TensorSlot::name(int expert) const { return fmt::format(fmt::runtime(pattern), layer, expert); }

std::vector<int64_t> TensorSlot::stored_shape() const {
  if (!transposed) return shape;
  return {shape.rbegin(), shape.rend()};
}

std::vector<TensorSlot> tensor_slots(const ModelSpec& spec, const TensorNames& names) {
  return SlotList(spec, names).take();
}

bool is_redundant_tensor(std::string_view name, const ModelSpec& spec, const TensorNames& names) {
  return name.ends_with("rotary_emb.inv_freq") || name.ends_with("attn.bias") || name.ends_with("attn.masked_bias") ||
         name == "rope_freqs.weight" ||  // part of the spec (families/gguf_spec.cc)
         (spec.tied_head && name == names.head);
}

}  // namespace pent
