// LLaDA-8B Base, Instruct, 1.5, iLLaDA, and our own models (spec 10 §1): a Llama block with full attention under OLMo's
// names, where ff_proj is the gate.
#include <cmath>

#include "base/error.h"
#include "model/families/config.h"
#include "model/families/family.h"

namespace pent {
namespace {

bool matches(const ModelFiles& files) {
  return has_architecture(files, kLladaFamily);  // LLaDA-MoE says model_type llada too, but has its own architecture
}

// What the reference code can do and we cannot (or do not need to).
void check_supported(const ConfigReader& config) {
  config.require_text("block_type", "llama");
  config.require_text("layer_norm_type", "rms");
  config.require_text("activation_type", "silu");
  config.require_flag("rope", true);
  config.require_flag("layer_norm_with_affine", true);
  for (const char* key :
       {"alibi", "input_emb_norm", "attention_layer_norm", "include_bias", "include_qkv_bias", "bias_for_layer_norm"}) {
    config.require_flag(key, false);
  }
  config.require_absent("num_experts");
  config.require_absent("clip_qkv");
  if (config.size("block_group_size", 1) != 1) {
    throw error(ErrorKind::kUnsupported, "{}: 'block_group_size' is not 1", config.where());
  }
}

ModelSpec read_hf_spec(const ModelFiles& files) {
  const ConfigReader config(files);
  check_supported(config);
  ModelSpec spec;
  spec.vocab_size = config.size("embedding_size", config.size("vocab_size"));
  spec.d_model = config.size("d_model");
  spec.n_layers = config.size("n_layers");
  spec.n_heads = config.size("n_heads");
  spec.n_kv_heads = config.flag("multi_query_attention", false) ? 1 : config.size("n_kv_heads", spec.n_heads);
  if (spec.d_model % spec.n_heads != 0) {
    throw error(ErrorKind::kCorrupt, "{}: 'd_model' {} is no multiple of 'n_heads' {}", config.where(), spec.d_model,
                spec.n_heads);
  }
  spec.head_dim = spec.d_model / spec.n_heads;
  const double scaled = config.number("mlp_ratio", 0) * spec.d_model;
  spec.ffn_dim = config.size("mlp_hidden_size", scaled >= 1 && scaled < 1e9 ? static_cast<int>(scaled) : 0);
  spec.max_positions = config.size("max_sequence_length");
  spec.rms_eps = static_cast<float>(config.number("rms_norm_eps", 1e-5));
  spec.rope_theta = config.number("rope_theta", 10000);
  spec.tied_head = config.flag("weight_tying", false);
  if (config.flag("scale_logits", false)) spec.logit_scale = 1.0f / std::sqrt(static_cast<float>(spec.d_model));
  spec.mask_id = config.token("mask_token_id");
  spec.bos_id = config.token("bos_token_id");
  spec.pad_id = config.token("pad_token_id");
  read_stop_ids(files, spec);
  if (spec.vocab_size == 126464) add_stop(spec, 126348);  // <|eot_id|>, which no file of LLaDA-8B lists
  return spec;
}

ModelSpec read(const ModelFiles& files) {
  ModelSpec spec = files.gguf ? read_gguf_spec(files, "llada", AttentionKind::kFull) : read_hf_spec(files);
  if (spec.shift)
    throw error(ErrorKind::kUnsupported, "{}: 'diffusion.shift_logits' is true; LLaDA's logits are not shifted",
                files.where);
  spec.family = kLladaFamily.name;
  spec.attention = AttentionKind::kFull;
  spec.default_preset = "llada";
  if (spec.mask_id < 0) {
    throw error(ErrorKind::kCorrupt, "{}: the required key 'mask_token_id' is missing", files.where);
  }
  check_spec(spec, files.where);
  return spec;
}

}  // namespace

const Family kLladaFamily = {
    .name = "llada",
    .summary = "LLaDA 8B Base, Instruct, 1.5, iLLaDA and models trained here: masked diffusion, full attention",
    .architecture = "LLaDAModelLM",
    .model_type = "llada",
    .gguf = "llada",
    .names = &kLladaNames,
    .gguf_names = &kGgufInterleavedNames,
    .matches = matches,
    .read_spec = read,
    .proof = "a torch net written from the paper (tiny-llada, tiny-llada-tied), decoding too",
};

const TensorNames kLladaNames = {
    .embedding = "model.transformer.wte.weight",
    .final_norm = "model.transformer.ln_f.weight",
    .head = "model.transformer.ff_out.weight",
    .attn_norm = "model.transformer.blocks.{}.attn_norm.weight",
    .q = "model.transformer.blocks.{}.q_proj.weight",
    .k = "model.transformer.blocks.{}.k_proj.weight",
    .v = "model.transformer.blocks.{}.v_proj.weight",
    .attn_out = "model.transformer.blocks.{}.attn_out.weight",
    .ffn_norm = "model.transformer.blocks.{}.ff_norm.weight",
    .gate = "model.transformer.blocks.{}.ff_proj.weight",
    .up = "model.transformer.blocks.{}.up_proj.weight",
    .down = "model.transformer.blocks.{}.ff_out.weight",
    .interleaved_rope = false,
};

}  // namespace pent
