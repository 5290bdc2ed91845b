// GPT-2 (spec 10 §12) and what HKU NLP made of it, DiffuGPT (§5, arXiv:2410.17891): the same block seen whole, its logits shifted.
// Positions are learned, norms have biases, one matrix gives Q, K and V, and the blocks' matrices are stored [in, out].
#include <algorithm>

#include "base/error.h"
#include "model/families/config.h"
#include "model/families/family.h"

namespace pent {
namespace {

// `embedding` and, before all other names, `prefix`.
#define PENT_GPT2_NAMES(embedding_name, prefix)        \
  {                                                    \
      .embedding = embedding_name,                     \
      .final_norm = prefix "ln_f.weight",              \
      .head = "lm_head.weight",                        \
      .attn_norm = prefix "h.{}.ln_1.weight",          \
      .q = nullptr,                                    \
      .k = nullptr,                                    \
      .v = nullptr,                                    \
      .attn_out = prefix "h.{}.attn.c_proj.weight",    \
      .ffn_norm = prefix "h.{}.ln_2.weight",           \
      .gate = nullptr,                                 \
      .up = prefix "h.{}.mlp.c_fc.weight",             \
      .down = prefix "h.{}.mlp.c_proj.weight",         \
      .interleaved_rope = false,                       \
      .attn_out_bias = prefix "h.{}.attn.c_proj.bias", \
      .qkv = prefix "h.{}.attn.c_attn.weight",         \
      .qkv_bias = prefix "h.{}.attn.c_attn.bias",      \
      .positions = prefix "wpe.weight",                \
      .final_norm_bias = prefix "ln_f.bias",           \
      .attn_norm_bias = prefix "h.{}.ln_1.bias",       \
      .ffn_norm_bias = prefix "h.{}.ln_2.bias",        \
      .up_bias = prefix "h.{}.mlp.c_fc.bias",          \
      .down_bias = prefix "h.{}.mlp.c_proj.bias",      \
      .transposed = true,                              \
  }
const TensorNames kNames = PENT_GPT2_NAMES("transformer.wte.weight", "transformer.");
const TensorNames kBareNames = PENT_GPT2_NAMES("wte.weight", "");  // of openai-community's own files
const TensorNames kDiffuGptNames = PENT_GPT2_NAMES("embed_tokens.weight", "denoise_model.");
#undef PENT_GPT2_NAMES

const TensorNames& names_in(const ModelFiles& files) {
  for (const TensorNames* names : {&kDiffuGptNames, &kBareNames})
    if (files.weights->find(names->positions) != nullptr) return *names;
  return kNames;
}

void read_gpt2_keys(const ModelFiles& files, ModelSpec& spec) {
  const ConfigReader config(files);
  config.require_text("activation_function", "gelu_new");
  config.require_flag("scale_attn_weights", true);
  config.require_flag("scale_attn_by_inverse_layer_idx", false);
  config.require_flag("add_cross_attention", false);
  config.require_absent("quantization_config");
  spec.vocab_size = config.size("vocab_size");
  spec.d_model = config.size("n_embd");
  spec.n_layers = config.size("n_layer");
  spec.n_heads = spec.n_kv_heads = config.size("n_head");
  if (spec.d_model % spec.n_heads != 0)
    throw error(ErrorKind::kCorrupt, "{}: 'n_embd' {} is no multiple of 'n_head' {}", config.where(), spec.d_model,
                spec.n_heads);
  spec.head_dim = spec.d_model / spec.n_heads;
  spec.ffn_dim = config.has("n_inner") ? config.size("n_inner") : 4 * spec.d_model;
  spec.max_positions = config.size("n_positions");
  spec.rms_eps = static_cast<float>(config.number("layer_norm_epsilon", 1e-5));
  spec.tied_head = config.flag("tie_word_embeddings", true);
  spec.bos_id = config.token("bos_token_id");
  spec.pad_id = config.token("pad_token_id");
  read_stop_ids(files, spec);
}

// What config.json does not say.
void add_gpt2_block(ModelSpec& spec) {
  spec.layer_norm = spec.learned_positions = spec.qkv_bias = spec.attn_out_bias = true;
  spec.ffn = FfnKind::kGelu;
}

bool matches(const ModelFiles& files) { return has_architecture(files, kGpt2Family); }

ModelSpec read(const ModelFiles& files) {
  ModelSpec spec;
  if (files.gguf)
    spec = read_gguf_spec(files, kGpt2Family.gguf, AttentionKind::kCausal);
  else
    read_gpt2_keys(files, spec);
  add_gpt2_block(spec);
  spec.family = kGpt2Family.name;
  spec.attention = AttentionKind::kCausal;
  spec.mask_id = -1;
  spec.default_preset = "ar";
  check_spec(spec, files.where);
  return spec;
}

// Published without `architectures`, in the wrapper that DiffuGPT's trainer saves; as GPT2LMHeadModel with a mask token too.
bool matches_diffugpt(const ModelFiles& files) {
  return !files.gguf && matches(files) && (&names_in(files) == &kDiffuGptNames || find_mask_id(files) >= 0);
}

ModelSpec read_diffugpt(const ModelFiles& files) {
  ModelSpec spec;
  read_gpt2_keys(files, spec);
  add_gpt2_block(spec);
  // The trainer adds tokens to the embedding and leaves the config as GPT-2's.
  if (const TensorView* table = files.weights->find(kDiffuGptNames.embedding);
      table != nullptr && table->shape.size() == 2)
    spec.vocab_size = std::max(spec.vocab_size, checked_size(table->rows(), kDiffuGptNames.embedding, files.where));
  spec.mask_id = find_mask_id(files);
  if (spec.mask_id < 0 && spec.vocab_size == 50258) spec.mask_id = 50257;  // the one token that GPT-2 does not have
  spec.family = kDiffuGptFamily.name;
  spec.attention = AttentionKind::kFull;
  spec.shift = true;
  spec.starts_with_bos = spec.bos_id >= 0;
  spec.default_preset = "diffugpt";
  require_mask(spec, files);
  check_spec(spec, files.where);
  return spec;
}

}  // namespace

const Family kGpt2Family = {
    .name = "gpt2",
    .summary = "GPT-2, small to XL: causal attention, learned positions",
    .architecture = "GPT2LMHeadModel",
    .model_type = "gpt2",
    .gguf = "gpt2",
    .names = &kNames,
    .gguf_names = &kGgufFusedNames,
    .matches = matches,
    .read_spec = read,
    .proof = "transformers' GPT-2 (tiny-gpt2)",
    .names_in = names_in,
};

const Family kDiffuGptFamily = {
    .name = "diffugpt",
    .summary = "DiffuGPT small, medium: masked diffusion made of GPT-2, full attention, shifted logits",
    .architecture = "GPT2LMHeadModel",
    .model_type = "gpt2",
    .gguf = nullptr,
    .names = &kDiffuGptNames,
    .gguf_names = nullptr,
    .matches = matches_diffugpt,
    .read_spec = read_diffugpt,
    .proof = "transformers' GPT-2 with a full 4-D mask (tiny-diffugpt)",
    .names_in = names_in,
};

}  // namespace pent
