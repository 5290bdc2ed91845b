// Llama 1 to 3, SmolLM2 and what else is written as LlamaForCausalLM (spec 10 §11): causal attention, autoregressive.
#include "model/families/config.h"
#include "model/families/family.h"

namespace pent {
namespace {

bool matches(const ModelFiles& files) { return has_architecture(files, kLlamaFamily); }

ModelSpec read_hf_spec(const ModelFiles& files) {
  ModelSpec spec = read_llama_keys(files);
  spec.qkv_bias = spec.attn_out_bias = ConfigReader(files).flag("attention_bias", false);
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

const Family kLlamaFamily = {
    .name = "llama",
    .summary = "Llama 2 and 3, SmolLM2 and autoregressive models trained here: causal attention",
    .architecture = "LlamaForCausalLM",
    .model_type = "llama",
    .gguf = "llama",
    .names = &kLlamaNames,
    .gguf_names = &kGgufInterleavedNames,
    .matches = matches,
    .read_spec = read,
    .proof = "transformers' Llama (tiny-llama, tiny-llama3, tiny-llama-linear), SmolLM2-135M's GGUF",
};

}  // namespace pent
