// DiffusionGemma 26B-A4B (spec 11): Gemma 4's decoder run in two modes with the same weights: it encodes text causally and denoises a
// canvas behind it. Of the published multimodal checkpoint the text part is read.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/error.h"
#include "model/families/config.h"
#include "model/families/family.h"

namespace pent {
namespace {

constexpr const char* kSliding = "sliding_attention";
constexpr const char* kFull = "full_attention";

bool matches(const ModelFiles& files) { return has_architecture(files, kDiffusionGemmaFamily); }

[[noreturn]] void refuse(const ConfigReader& config, const std::string& what) {
  throw error(ErrorKind::kUnsupported, "{}: {}", config.where(), what);
}

// Which layers see everything: as listed, else every sixth; the last one in any case.
std::vector<int> full_layers(const ConfigReader& config, int n_layers) {
  std::vector<int> layers;
  const Json* types = config.has("layer_types") ? &config.config().at("layer_types") : nullptr;
  if (types != nullptr && (!types->is_array() || types->size() != static_cast<size_t>(n_layers)))
    throw error(ErrorKind::kCorrupt, "{}: 'layer_types' is no list of {} layers", config.where(), n_layers);
  for (int layer = 0; layer < n_layers; ++layer) {
    bool full = (layer + 1) % 6 == 0;
    if (types != nullptr) {
      const Json& type = (*types)[static_cast<size_t>(layer)];
      const std::string name = type.is_string() ? type.get<std::string>() : "";
      if (name != kSliding && name != kFull)
        refuse(config, fmt::format("'layer_types' has {}; \"{}\" and \"{}\" are supported",
                                   printable(to_json_line(type)), kSliding, kFull));
      full = name == kFull;
    }
    if (full || layer == n_layers - 1) layers.push_back(layer);
  }
  return layers;
}

// One layer's entry of per_layer_config, the newer spelling: {"05": {"head_dim": 512, "num_key_value_heads": 2}, …}.
void read_layer_override(const ConfigReader& config, const std::string& key, const Json& entry, ModelSpec& spec) {
  GlobalLayers& global = spec.global;
  int layer = -1;
  const auto [end, problem] = std::from_chars(key.data(), key.data() + key.size(), layer);
  const std::string where = fmt::format("{}: per_layer_config '{}'", config.where(), printable(key));
  if (problem != std::errc() || end != key.data() + key.size() || !entry.is_object())
    throw error(ErrorKind::kCorrupt, "{} is not a layer with its settings", where);
  if (!spec.is_global(layer)) refuse(config, fmt::format("per_layer_config '{}' is no layer of full attention", key));
  const int head_dim = checked_size(get_int(entry, "head_dim", where).value_or(spec.head_dim), "head_dim", where);
  const int kv_heads = checked_size(get_int(entry, "num_key_value_heads", where).value_or(spec.n_kv_heads),
                                    "num_key_value_heads", where);
  if (global.head_dim != 0 && (global.head_dim != head_dim || global.n_kv_heads != kv_heads))
    refuse(config, fmt::format("per_layer_config '{}' differs from the other layers of full attention", key));
  global.head_dim = head_dim;
  global.n_kv_heads = kv_heads;
}

void read_global_shape(const ConfigReader& config, ModelSpec& spec) {
  GlobalLayers& global = spec.global;
  if (!config.has("per_layer_config")) {
    global.head_dim = config.size("global_head_dim", 512);
    global.n_kv_heads = config.size("num_global_key_value_heads", spec.n_kv_heads);
    return;
  }
  const Json& overrides = config.config().at("per_layer_config");
  if (!overrides.is_object()) throw error(ErrorKind::kCorrupt, "{}: 'per_layer_config' is no object", config.where());
  for (const auto& [key, entry] : overrides.items()) read_layer_override(config, key, entry, spec);
  if (overrides.size() != global.layers.size())
    refuse(config, fmt::format("per_layer_config has {} layers; {} have full attention", overrides.size(),
                               global.layers.size()));
}

// rope_parameters: {"sliding_attention": {…}, "full_attention": {…}}; absent, the published values.
void read_rope(const ConfigReader& config, ModelSpec& spec) {
  GlobalLayers& global = spec.global;
  double turning = 0.25;
  spec.rope_theta = 10000;
  global.rope_theta = 1e6;
  if (config.has("rope_parameters")) {
    const Json& parameters = config.config().at("rope_parameters");
    for (const char* kind : {kSliding, kFull}) {
      const std::string where = fmt::format("{}: rope_parameters {}", config.where(), kind);
      if (!parameters.is_object() || !parameters.contains(kind) || !parameters.at(kind).is_object())
        throw error(ErrorKind::kCorrupt, "{} is missing, or no object", where);
      const Json& object = parameters.at(kind);
      const bool full = kind == kFull;
      const std::string type = get_string(object, "rope_type", where).value_or("default");
      if (type != (full ? "proportional" : "default"))
        throw error(ErrorKind::kUnsupported, "{}: 'rope_type' is \"{}\"; only \"{}\" is supported here", where,
                    printable(type), full ? "proportional" : "default");
      if (get_number(object, "factor", where).value_or(1) != 1)
        throw error(ErrorKind::kUnsupported, "{}: 'factor' is not 1", where);
      const double partial = get_number(object, "partial_rotary_factor", where).value_or(1);
      if (full) turning = partial;
      if (!full && partial != 1) throw error(ErrorKind::kUnsupported, "{}: 'partial_rotary_factor' is not 1", where);
      (full ? global.rope_theta : spec.rope_theta) =
          get_number(object, "rope_theta", where).value_or(full ? 1e6 : 10000);
    }
  }
  if (!(turning > 0 && turning <= 1))
    throw error(ErrorKind::kCorrupt, "{}: 'partial_rotary_factor' is {}, expected above 0 to 1", config.where(),
                turning);
  global.turning_pairs = static_cast<int>(turning * global.head_dim / 2);
}

void read_text_keys(const ConfigReader& config, ModelSpec& spec) {
  config.require_text("hidden_activation", "gelu_pytorch_tanh");
  config.require_flag("attention_bias", false);
  config.require_flag("tie_word_embeddings", true);
  config.require_text("use_bidirectional_attention", "vision");  // which says nothing of text
  spec.vocab_size = config.size("vocab_size");
  spec.d_model = config.size("hidden_size");
  spec.n_layers = config.size("num_hidden_layers");
  if (spec.n_layers > 4096) throw error(ErrorKind::kCorrupt, "{}: {} layers", config.where(), spec.n_layers);
  spec.n_heads = config.size("num_attention_heads");
  spec.n_kv_heads = config.size("num_key_value_heads");
  spec.head_dim = config.size("head_dim");
  spec.ffn_dim = config.size("intermediate_size");
  spec.max_positions = config.size("max_position_embeddings");
  spec.rms_eps = static_cast<float>(config.number("rms_norm_eps", 1e-6));
  spec.window = config.size("sliding_window");
  spec.logit_cap = static_cast<float>(config.number("final_logit_softcapping", 30));  // newer writers leave it out
  if (!(spec.logit_cap > 0 && spec.logit_cap <= 1e6f))
    throw error(ErrorKind::kCorrupt, "{}: 'final_logit_softcapping' is {}", config.where(), spec.logit_cap);
  spec.moe = {.n_experts = config.size("num_experts"),
              .top_k = config.size("top_k_experts"),
              .expert_dim = config.size("moe_intermediate_size"),
              .dense_layers = {}};
  spec.bos_id = config.token("bos_token_id");
  spec.pad_id = config.token("pad_token_id");
}

ModelSpec read(const ModelFiles& files) {
  const ConfigReader config(files), text(files, "text_config");
  config.require_absent("quantization_config");
  config.require_flag("tie_word_embeddings", true);  // false unties the encoder from the decoder
  ModelSpec spec;
  spec.family = kDiffusionGemmaFamily.name;
  spec.block = BlockKind::kGemma;
  spec.attention = AttentionKind::kCausal;
  spec.ffn = FfnKind::kGeGlu;
  spec.qk_norm = spec.tied_head = true;
  spec.canvas_length = config.size("canvas_length", 256);
  read_text_keys(text, spec);
  spec.embedding_scale = std::sqrt(static_cast<float>(spec.d_model));
  spec.global.layers = full_layers(text, spec.n_layers);
  read_global_shape(text, spec);
  read_rope(text, spec);
  read_stop_ids(files, spec);
  spec.default_preset = "diffusion-gemma";
  check_spec(spec, files.where);
  return spec;
}

constexpr TensorNames kNames = {
    .embedding = "model.decoder.embed_tokens.weight",
    .final_norm = "model.decoder.norm.weight",
    .head = "lm_head.weight",
    .attn_norm = "model.decoder.layers.{}.input_layernorm.weight",
    .q = "model.decoder.layers.{}.self_attn.q_proj.weight",
    .k = "model.decoder.layers.{}.self_attn.k_proj.weight",
    .v = "model.decoder.layers.{}.self_attn.v_proj.weight",
    .attn_out = "model.decoder.layers.{}.self_attn.o_proj.weight",
    .ffn_norm = "model.decoder.layers.{}.pre_feedforward_layernorm.weight",
    .gate = "model.decoder.layers.{}.mlp.gate_proj.weight",
    .up = "model.decoder.layers.{}.mlp.up_proj.weight",
    .down = "model.decoder.layers.{}.mlp.down_proj.weight",
    .interleaved_rope = false,
    .q_norm = "model.decoder.layers.{}.self_attn.q_norm.weight",
    .k_norm = "model.decoder.layers.{}.self_attn.k_norm.weight",
    .experts = {.router = "model.decoder.layers.{}.router.proj.weight",
                .down = "model.decoder.layers.{}.experts.down_proj",
                .stacked = true,
                .gate_up = "model.decoder.layers.{}.experts.gate_up_proj",
                .scales = "model.decoder.layers.{}.router.per_expert_scale"},
    .gemma = {.attn_post_norm = "model.decoder.layers.{}.post_attention_layernorm.weight",
              .ffn_post_norm = "model.decoder.layers.{}.post_feedforward_layernorm_1.weight",
              .experts_norm = "model.decoder.layers.{}.pre_feedforward_layernorm_2.weight",
              .experts_post_norm = "model.decoder.layers.{}.post_feedforward_layernorm_2.weight",
              .post_norm = "model.decoder.layers.{}.post_feedforward_layernorm.weight",
              .router_scale = "model.decoder.layers.{}.router.scale",
              .encode_scale = "model.encoder.language_model.layers.{}.layer_scalar",
              .denoise_scale = "model.decoder.layers.{}.layer_scalar",
              .condition_norm = "model.decoder.self_conditioning.pre_norm.weight",
              .condition_gate = "model.decoder.self_conditioning.gate_proj.weight",
              .condition_up = "model.decoder.self_conditioning.up_proj.weight",
              .condition_down = "model.decoder.self_conditioning.down_proj.weight"},
    .decoder_prefix = "model.decoder.",
    .encoder_prefix = "model.encoder.language_model.",
};

constexpr const char* kVision[] = {"model.encoder.vision_tower.", "model.encoder.embed_vision."};

}  // namespace

const Family kDiffusionGemmaFamily = {
    .name = "diffusion-gemma",
    .summary = "DiffusionGemma 26B-A4B, text: a canvas of random tokens denoised behind causally encoded text",
    .architecture = "DiffusionGemmaForBlockDiffusion",
    .model_type = "diffusion_gemma",
    .gguf = nullptr,
    .names = &kNames,
    .gguf_names = nullptr,
    .matches = matches,
    .read_spec = read,
    .proof = "transformers' DiffusionGemma (tiny-diffusion-gemma), encoding, denoising and self-conditioning",
    .other_parts = kVision,
};

}  // namespace pent
