// A spec as config.json, in the keys of its family, and as GGUF metadata.
#include "base/decimal.h"
#include "model/families/config.h"
#include "model/families/family.h"

namespace pent {
namespace {

Json llada_config(const ModelSpec& spec) {
  return {{"architectures", {"LLaDAModelLM"}},
          {"model_type", "llada"},
          {"d_model", spec.d_model},
          {"n_layers", spec.n_layers},
          {"n_heads", spec.n_heads},
          {"n_kv_heads", spec.n_kv_heads},
          {"mlp_hidden_size", spec.ffn_dim},
          {"vocab_size", spec.vocab_size},
          {"embedding_size", spec.vocab_size},
          {"max_sequence_length", spec.max_positions},
          {"rope", true},
          {"rope_full_precision", true},
          {"rope_theta", spec.rope_theta},
          {"rms_norm_eps", shortest_decimal(spec.rms_eps)},
          {"layer_norm_type", "rms"},
          {"layer_norm_with_affine", true},
          {"bias_for_layer_norm", false},
          {"include_bias", false},
          {"include_qkv_bias", false},
          {"activation_type", "silu"},
          {"block_type", "llama"},
          {"block_group_size", 1},
          {"alibi", false},
          {"attention_layer_norm", false},
          {"input_emb_norm", false},
          {"scale_logits", spec.logit_scale != 1},
          {"weight_tying", spec.tied_head},
          {"mask_token_id", spec.mask_id}};
}

Json llama_config(const ModelSpec& spec) {
  return {{"architectures", {"LlamaForCausalLM"}},
          {"model_type", "llama"},
          {"hidden_size", spec.d_model},
          {"num_hidden_layers", spec.n_layers},
          {"num_attention_heads", spec.n_heads},
          {"num_key_value_heads", spec.n_kv_heads},
          {"head_dim", spec.head_dim},
          {"intermediate_size", spec.ffn_dim},
          {"vocab_size", spec.vocab_size},
          {"max_position_embeddings", spec.max_positions},
          {"rope_theta", spec.rope_theta},
          {"rms_norm_eps", shortest_decimal(spec.rms_eps)},
          {"hidden_act", "silu"},
          {"attention_bias", false},
          {"mlp_bias", false},
          {"tie_word_embeddings", spec.tied_head}};
}

}  // namespace

Json to_config(const ModelSpec& spec) {
  Json config = spec.family == kLladaFamily.name ? llada_config(spec) : llama_config(spec);
  if (spec.bos_id >= 0) config["bos_token_id"] = spec.bos_id;
  if (spec.pad_id >= 0) config["pad_token_id"] = spec.pad_id;
  if (spec.stop_ids.size() > 1)
    config["eos_token_id"] = spec.stop_ids;
  else if (spec.eos_id >= 0)
    config["eos_token_id"] = spec.eos_id;
  return config;
}

GgufPairs to_gguf_metadata(const ModelSpec& spec) {
  GgufPairs pairs = {{"general.architecture", spec.family}};
  const auto size = [&](const char* key, int value) {
    pairs.emplace_back(spec.family + "." + key, static_cast<uint32_t>(value));
  };
  size("block_count", spec.n_layers);
  size("context_length", spec.max_positions);
  size("embedding_length", spec.d_model);
  size("feed_forward_length", spec.ffn_dim);
  size("attention.head_count", spec.n_heads);
  size("attention.head_count_kv", spec.n_kv_heads);
  size("attention.key_length", spec.head_dim);
  size("attention.value_length", spec.head_dim);
  size("rope.dimension_count", spec.head_dim);
  size("vocab_size", spec.vocab_size);
  pairs.emplace_back(spec.family + ".rope.freq_base", static_cast<float>(spec.rope_theta));
  pairs.emplace_back(spec.family + ".attention.layer_norm_rms_epsilon", spec.rms_eps);
  if (spec.is_diffusion()) {
    pairs.emplace_back(spec.family + ".attention.causal", false);
    pairs.emplace_back("diffusion.shift_logits", false);
  }
  const auto token = [&](const char* key, int32_t id) {
    if (id >= 0) pairs.emplace_back(std::string("tokenizer.ggml.") + key, static_cast<uint32_t>(id));
  };
  token("bos_token_id", spec.bos_id);
  token("eos_token_id", spec.eos_id);
  token("padding_token_id", spec.pad_id);
  token("mask_token_id", spec.mask_id);
  return pairs;
}

}  // namespace pent
