// Llama and SmolLM2 (spec 10 §11): the same block with causal attention, autoregressive.
#include <cmath>

#include "base/error.h"
#include "model/families/config.h"
#include "model/families/family.h"

namespace pent {
namespace {

bool matches(const ModelFiles& files) {
  if (files.gguf) return files.gguf->get_string("general.architecture") == "llama";
  const std::string architecture = ConfigReader::architecture(files);
  return architecture == "LlamaForCausalLM" || (architecture.empty() && ConfigReader::model_type(files) == "llama");
}

// RoPE's base, from rope_theta or the newer rope_parameters. Rescaled RoPE is refused.
double read_rope_theta(const ConfigReader& config) {
  for (const char* key : {"rope_scaling", "rope_parameters"}) {
    const auto found = config.config().find(key);
    if (found == config.config().end() || found->is_null()) continue;
    const std::string where = config.where() + ": " + key;
    if (!found->is_object()) throw error(ErrorKind::kCorrupt, "{} is not an object", where);
    for (const char* type_key : {"rope_type", "type"}) {
      const auto type = get_string(*found, type_key, where);
      if (type && *type != "default") {
        throw error(ErrorKind::kUnsupported, "{}: '{}' is \"{}\"; only \"default\" is supported", where, type_key,
                    *type);
      }
    }
    if (const auto theta = get_number(*found, "rope_theta", where)) return *theta;
  }
  return config.number("rope_theta", 10000);
}

ModelSpec read_hf_spec(const ModelFiles& files) {
  const ConfigReader config(files);
  config.require_text("hidden_act", "silu");
  config.require_flag("attention_bias", false);
  config.require_flag("mlp_bias", false);
  config.require_absent("quantization_config");
  ModelSpec spec;
  spec.vocab_size = config.size("vocab_size");
  spec.d_model = config.size("hidden_size");
  spec.n_layers = config.size("num_hidden_layers");
  spec.n_heads = config.size("num_attention_heads");
  spec.n_kv_heads = config.size("num_key_value_heads", spec.n_heads);
  const bool divides = spec.d_model % spec.n_heads == 0;
  spec.head_dim = config.size("head_dim", divides ? spec.d_model / spec.n_heads : 0);
  spec.ffn_dim = config.size("intermediate_size");
  spec.max_positions = config.size("max_position_embeddings");
  spec.rms_eps = static_cast<float>(config.number("rms_norm_eps", 1e-6));
  spec.rope_theta = read_rope_theta(config);
  spec.tied_head = config.flag("tie_word_embeddings", false);
  spec.bos_id = config.token("bos_token_id");
  spec.pad_id = config.token("pad_token_id");
  read_stop_ids(files, spec);
  return spec;
}

ModelSpec read(const ModelFiles& files) {
  ModelSpec spec = files.gguf ? read_gguf_spec(files, "llama", AttentionKind::kCausal) : read_hf_spec(files);
  spec.family = kLlamaFamily.name;
  spec.attention = AttentionKind::kCausal;
  spec.mask_id = -1;
  spec.default_preset = "ar";
  check_spec(spec, files.where);
  return spec;
}

}  // namespace

const Family kLlamaFamily = {"llama", "Llama 2, SmolLM2 and autoregressive models trained here: causal attention",
                             matches, read};

const TensorNames kLlamaNames = {
    .embedding = "model.embed_tokens.weight",
    .final_norm = "model.norm.weight",
    .head = "lm_head.weight",
    .attn_norm = "model.layers.{}.input_layernorm.weight",
    .q = "model.layers.{}.self_attn.q_proj.weight",
    .k = "model.layers.{}.self_attn.k_proj.weight",
    .v = "model.layers.{}.self_attn.v_proj.weight",
    .attn_out = "model.layers.{}.self_attn.o_proj.weight",
    .ffn_norm = "model.layers.{}.post_attention_layernorm.weight",
    .gate = "model.layers.{}.mlp.gate_proj.weight",
    .up = "model.layers.{}.mlp.up_proj.weight",
    .down = "model.layers.{}.mlp.down_proj.weight",
    .interleaved_rope = false,
};

}  // namespace pent
