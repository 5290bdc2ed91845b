// A spec as config.json, in the keys of its family, and as GGUF metadata.
#include "base/decimal.h"
#include "base/error.h"
#include "model/families/config.h"
#include "model/families/family.h"
#include "model/rope.h"

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

// In the form of rope_scaling that transformers reads. kDivisors has one where they are Llama 3's.
Json rope_scaling(const ModelSpec& spec) {
  const std::optional<RopeScaling> llama3 = llama3_scaling_of_divisors(spec);
  const RopeScaling& scaling = llama3 ? *llama3 : spec.rope_scaling;
  switch (scaling.kind) {
    case RopeScaling::Kind::kNone: return nullptr;
    case RopeScaling::Kind::kLinear: return {{"rope_type", "linear"}, {"factor", scaling.factor}};
    case RopeScaling::Kind::kLlama3:
      return {{"rope_type", "llama3"},
              {"factor", scaling.factor},
              {"low_freq_factor", scaling.low_freq_factor},
              {"high_freq_factor", scaling.high_freq_factor},
              {"original_max_position_embeddings", scaling.original_positions}};
    case RopeScaling::Kind::kYarn:
      return {{"rope_type", "yarn"},
              {"factor", scaling.factor},
              {"beta_fast", scaling.beta_fast},
              {"beta_slow", scaling.beta_slow},
              {"truncate", scaling.truncate},
              {"attention_factor", scaling.magnitude},
              {"original_max_position_embeddings", scaling.original_positions}};
    case RopeScaling::Kind::kDivisors: break;
  }
  throw error(ErrorKind::kUnsupported,
              "config.json cannot say RoPE's rescaling by a table of divisors that is not Llama 3's");
}

// Of Llama, Qwen2, Qwen3 and their relatives.
Json llama_config(const ModelSpec& spec) {
  Json config = {{"architectures", {family_of(spec).architecture}},
                 {"model_type", family_of(spec).model_type},
                 {"hidden_size", spec.d_model},
                 {"num_hidden_layers", spec.n_layers},
                 {"num_attention_heads", spec.n_heads},
                 {"num_key_value_heads", spec.n_kv_heads},
                 {"head_dim", spec.head_dim},
                 {"intermediate_size", spec.ffn_dim},
                 {"vocab_size", spec.vocab_size},
                 {"max_position_embeddings", spec.max_positions},
                 {"rope_theta", spec.rope_theta},
                 {"rope_scaling", rope_scaling(spec)},
                 {"rms_norm_eps", shortest_decimal(spec.rms_eps)},
                 {"hidden_act", "silu"},
                 {"attention_bias", spec.attn_out_bias},
                 {"mlp_bias", false},
                 {"tie_word_embeddings", spec.tied_head}};
  if (spec.rope_dim > 0) config["partial_rotary_factor"] = double(spec.rope_dim) / spec.head_dim;
  if (spec.is_masked_diffusion()) config["mask_token_id"] = spec.mask_id;
  if (spec.block_size > 0) config[spec.family == kFastDllmV2Family.name ? "bd_size" : "block_size"] = spec.block_size;
  if (spec.edits_length()) {
    config["delete_token_id"] = spec.delete_id;
    config["split_token_id"] = spec.insert_id;
  }
  if (spec.expands_holes()) {
    config["delete_token_id"] = spec.delete_id;
    config["expand_token_id"] = spec.expand_id;
  }
  write_expert_keys(spec, config);
  return config;
}

Json gpt2_config(const ModelSpec& spec) {
  Json config = {{"architectures", {family_of(spec).architecture}},
                 {"model_type", family_of(spec).model_type},
                 {"vocab_size", spec.vocab_size},
                 {"n_embd", spec.d_model},
                 {"n_layer", spec.n_layers},
                 {"n_head", spec.n_heads},
                 {"n_inner", spec.ffn_dim},
                 {"n_positions", spec.max_positions},
                 {"layer_norm_epsilon", shortest_decimal(spec.rms_eps)},
                 {"activation_function", "gelu_new"},
                 {"tie_word_embeddings", spec.tied_head}};
  if (spec.is_masked_diffusion()) config["mask_token_id"] = spec.mask_id;
  return config;
}

}  // namespace

Json to_config(const ModelSpec& spec) {
  if (spec.block == BlockKind::kGemma)
    throw error(ErrorKind::kUnsupported, "family {}: writing config.json is not supported", spec.family);
  Json config = spec.family == kLladaFamily.name ? llada_config(spec)
                : spec.learned_positions         ? gpt2_config(spec)
                                                 : llama_config(spec);
  if (spec.bos_id >= 0) config["bos_token_id"] = spec.bos_id;
  if (spec.pad_id >= 0) config["pad_token_id"] = spec.pad_id;
  if (spec.stop_ids.size() > 1)
    config["eos_token_id"] = spec.stop_ids;
  else if (spec.eos_id >= 0)
    config["eos_token_id"] = spec.eos_id;
  return config;
}

GgufPairs to_gguf_metadata(const ModelSpec& spec) {
  gguf_names(spec);  // refuses a family without
  const std::string arch = family_of(spec).gguf;
  GgufPairs pairs = {{"general.architecture", arch}};
  const auto size = [&](const char* key, int value) {
    pairs.emplace_back(arch + "." + key, static_cast<uint32_t>(value));
  };
  size("block_count", spec.n_layers);
  size("context_length", spec.max_positions);
  size("embedding_length", spec.d_model);
  size("feed_forward_length", spec.ffn_dim);
  size("attention.head_count", spec.n_heads);
  size("attention.head_count_kv", spec.n_kv_heads);
  size("attention.key_length", spec.head_dim);
  size("attention.value_length", spec.head_dim);
  size("vocab_size", spec.vocab_size);
  if (!spec.learned_positions) {
    size("rope.dimension_count", spec.rotated_dim());
    pairs.emplace_back(arch + ".rope.freq_base", static_cast<float>(spec.rope_theta));
  }
  pairs.emplace_back(arch + (spec.layer_norm ? ".attention.layer_norm_epsilon" : ".attention.layer_norm_rms_epsilon"),
                     spec.rms_eps);
  write_gguf_experts(spec, arch, pairs);
  const RopeScaling& scaling = spec.rope_scaling;
  if (scaling.kind == RopeScaling::Kind::kLinear || scaling.kind == RopeScaling::Kind::kYarn) {
    const bool yarn = scaling.kind == RopeScaling::Kind::kYarn;
    pairs.emplace_back(arch + ".rope.scaling.type", std::string(yarn ? "yarn" : "linear"));
    pairs.emplace_back(arch + ".rope.scaling.factor", static_cast<float>(scaling.factor));
    if (yarn) {
      size("rope.scaling.original_context_length", scaling.original_positions);
      pairs.emplace_back(arch + ".rope.scaling.yarn_beta_fast", static_cast<float>(scaling.beta_fast));
      pairs.emplace_back(arch + ".rope.scaling.yarn_beta_slow", static_cast<float>(scaling.beta_slow));
      pairs.emplace_back(arch + ".rope.scaling.attn_factor",
                         static_cast<float>(scaling.magnitude / yarn_magnitude(scaling.factor, 0, 0)));
    }
  }  // Llama 3's is a tensor of divisors, not metadata
  if (spec.is_diffusion()) {
    pairs.emplace_back(arch + ".attention.causal", false);
    pairs.emplace_back("diffusion.shift_logits", spec.shift);
    if (spec.block_size > 0) pairs.emplace_back("diffusion.block_length", static_cast<uint32_t>(spec.block_size));
  }
  const auto token = [&](const char* key, int32_t id) {
    if (id >= 0) pairs.emplace_back(std::string("tokenizer.ggml.") + key, static_cast<uint32_t>(id));
  };
  token("bos_token_id", spec.bos_id);
  token("eos_token_id", spec.eos_id);
  token("padding_token_id", spec.pad_id);
  token("mask_token_id", spec.mask_id);
  // Two more tokens that end an answer: of a turn, of a message.
  const char* kMoreStops[] = {"eot_token_id", "eom_token_id"};
  size_t more = 0;
  for (const int32_t stop : spec.stop_ids) {
    if (stop != spec.eos_id && more < std::size(kMoreStops)) token(kMoreStops[more++], stop);
  }
  return pairs;
}

}  // namespace pent
