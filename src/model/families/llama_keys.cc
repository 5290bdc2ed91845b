// The keys of config.json and the tensor names that Llama, Qwen2, Qwen3 and their relatives share (spec 10 §11; RoPE's
// rescaling: transformers' modeling_rope_utils).
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "model/families/config.h"
#include "model/families/family.h"
#include "model/rope.h"

namespace pent {
namespace {

void read_llama3(const Json& object, const std::string& where, RopeScaling& scaling) {
  scaling.kind = RopeScaling::Kind::kLlama3;
  for (const char* key : {"low_freq_factor", "high_freq_factor", "original_max_position_embeddings"})
    if (!get_number(object, key, where))
      throw error(ErrorKind::kCorrupt, "{}: the required key '{}' is missing", where, key);
  scaling.low_freq_factor = *get_number(object, "low_freq_factor", where);
  scaling.high_freq_factor = *get_number(object, "high_freq_factor", where);
}

void read_yarn(const Json& object, const std::string& where, ModelSpec& spec) {
  RopeScaling& scaling = spec.rope_scaling;
  scaling.kind = RopeScaling::Kind::kYarn;
  scaling.beta_fast = get_number(object, "beta_fast", where).value_or(32);
  scaling.beta_slow = get_number(object, "beta_slow", where).value_or(1);
  scaling.truncate = get_bool(object, "truncate", where).value_or(true);
  const double computed = yarn_magnitude(scaling.factor, get_number(object, "mscale", where).value_or(0),
                                         get_number(object, "mscale_all_dim", where).value_or(0));
  scaling.magnitude = get_number(object, "attention_factor", where).value_or(computed);
  const double stretched =
      scaling.factor * scaling.original_positions;  // configs often still name the context of training
  if (stretched > spec.max_positions && stretched <= kMaxConfigSize) spec.max_positions = static_cast<int>(stretched);
}

void read_scaling(const Json& object, const std::string& type, const std::string& where, ModelSpec& spec) {
  RopeScaling& scaling = spec.rope_scaling;
  const auto factor = get_number(object, "factor", where);
  if (!factor) throw error(ErrorKind::kCorrupt, "{}: the required key 'factor' is missing", where);
  scaling.factor = *factor;
  const auto original = get_int(object, "original_max_position_embeddings", where).value_or(spec.max_positions);
  scaling.original_positions = checked_size(original, "original_max_position_embeddings", where);
  if (type == "linear")
    scaling.kind = RopeScaling::Kind::kLinear;
  else if (type == "llama3")
    read_llama3(object, where, scaling);
  else if (type == "yarn")
    read_yarn(object, where, spec);
  else
    throw error(ErrorKind::kUnsupported,
                "{}: RoPE scaling \"{}\" is not supported; \"default\", \"linear\", \"llama3\" and \"yarn\" are", where,
                printable(type));
}

// Base and rescaling, from rope_theta and rope_scaling or the newer rope_parameters.
void read_rope(const ConfigReader& config, ModelSpec& spec) {
  spec.rope_theta = config.number("rope_theta", 10000);
  const double partial = config.number("partial_rotary_factor", 1);
  if (!(partial > 0 && partial <= 1))
    throw error(ErrorKind::kCorrupt, "{}: 'partial_rotary_factor' is {}, expected above 0 to 1", config.where(),
                partial);
  if (partial < 1) spec.rope_dim = static_cast<int>(spec.head_dim * partial);
  for (const char* key : {"rope_scaling", "rope_parameters"}) {
    if (!config.has(key)) continue;
    const Json& object = config.config().at(key);
    const std::string where = config.where() + ": " + key;
    if (!object.is_object()) throw error(ErrorKind::kCorrupt, "{} is not an object", where);
    if (const auto theta = get_number(object, "rope_theta", where)) spec.rope_theta = *theta;
    const auto type = get_string(object, "rope_type", where), older = get_string(object, "type", where);
    const std::string kind = type.value_or(older.value_or("default"));
    if (kind != "default") read_scaling(object, kind, where, spec);
  }
}

// Attention over a window only, in all layers or some, would need what this build does not have.
void refuse_sliding_windows(const ConfigReader& config) {
  config.require_flag("use_sliding_window", false);
  if (!config.has("use_sliding_window")) config.require_absent("sliding_window");
  if (!config.has("layer_types")) return;
  for (const Json& type : config.config().at("layer_types"))
    if (type != "full_attention")
      throw error(ErrorKind::kUnsupported, "{}: 'layer_types' has {}; only \"full_attention\" is supported",
                  config.where(), printable(to_json_line(type)));
}

}  // namespace

ModelSpec read_llama_keys(const ModelFiles& files, const char* ffn_key) {
  const ConfigReader config(files);
  config.require_text("hidden_act", "silu");
  config.require_flag("mlp_bias", false);
  config.require_absent("quantization_config");
  refuse_sliding_windows(config);
  ModelSpec spec;
  spec.vocab_size = config.size("vocab_size");
  spec.d_model = config.size("hidden_size");
  spec.n_layers = config.size("num_hidden_layers");
  spec.n_heads = config.size("num_attention_heads");
  spec.n_kv_heads = config.size("num_key_value_heads", spec.n_heads);
  if (spec.d_model % spec.n_heads != 0 && !config.has("head_dim"))
    throw error(ErrorKind::kCorrupt,
                "{}: 'hidden_size' {} is no multiple of 'num_attention_heads' {}, and there is no 'head_dim'",
                config.where(), spec.d_model, spec.n_heads);
  spec.head_dim = config.size("head_dim", std::max(1, spec.d_model / spec.n_heads));
  spec.ffn_dim = config.size(ffn_key);
  spec.max_positions = config.size("max_position_embeddings");
  spec.rms_eps = static_cast<float>(config.number("rms_norm_eps", 1e-6));
  read_rope(config, spec);
  spec.tied_head = config.flag("tie_word_embeddings", false);
  spec.bos_id = config.token("bos_token_id");
  spec.pad_id = config.token("pad_token_id");
  read_stop_ids(files, spec);
  return spec;
}

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
    .q_bias = "model.layers.{}.self_attn.q_proj.bias",
    .k_bias = "model.layers.{}.self_attn.k_proj.bias",
    .v_bias = "model.layers.{}.self_attn.v_proj.bias",
    .attn_out_bias = "model.layers.{}.self_attn.o_proj.bias",
    .q_norm = "model.layers.{}.self_attn.q_norm.weight",
    .k_norm = "model.layers.{}.self_attn.k_norm.weight",
    .experts = {.router = "model.layers.{}.mlp.gate.weight",
                .bias = "model.layers.{}.mlp.gate.expert_bias",
                .gate = "model.layers.{}.mlp.experts.{}.gate_proj.weight",
                .up = "model.layers.{}.mlp.experts.{}.up_proj.weight",
                .down = "model.layers.{}.mlp.experts.{}.down_proj.weight"},
};

}  // namespace pent
