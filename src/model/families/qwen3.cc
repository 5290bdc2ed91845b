// Qwen3, dense (spec 10 §11): Llama's block with RMSNorm on each query and key head; a head need not be hidden_size / heads wide.
#include "model/families/config.h"
#include "model/families/family.h"

namespace pent {
namespace {

bool matches(const ModelFiles& files) { return has_architecture(files, kQwen3Family); }

ModelSpec read(const ModelFiles& files) {
  ModelSpec spec = files.gguf ? read_gguf_spec(files, "qwen3", AttentionKind::kCausal) : read_llama_keys(files);
  spec.family = kQwen3Family.name;
  spec.attention = AttentionKind::kCausal;
  if (!files.gguf) spec.qkv_bias = spec.attn_out_bias = ConfigReader(files).flag("attention_bias", false);
  spec.qk_norm = true;
  spec.mask_id = -1;
  spec.default_preset = "ar";
  check_spec(spec, files.where);
  return spec;
}

}  // namespace

const Family kQwen3Family = {
    .name = "qwen3",
    .summary = "Qwen3: causal attention with normed queries and keys",
    .architecture = "Qwen3ForCausalLM",
    .model_type = "qwen3",
    .gguf = "qwen3",
    .names = &kLlamaNames,
    .gguf_names = &kGgufNames,
    .matches = matches,
    .read_spec = read,
    .proof = "transformers' Qwen3 (tiny-qwen3)",
};

}  // namespace pent
