// Qwen2 and Qwen2.5 (spec 10 §11): Llama's block with biases on queries, keys and values.
#include "model/families/config.h"
#include "model/families/family.h"

namespace pent {
namespace {

bool matches(const ModelFiles& files) { return has_architecture(files, kQwen2Family); }

ModelSpec read(const ModelFiles& files) {
  ModelSpec spec = files.gguf ? read_gguf_spec(files, "qwen2", AttentionKind::kCausal) : read_llama_keys(files);
  spec.family = kQwen2Family.name;
  spec.attention = AttentionKind::kCausal;
  spec.qkv_bias = true;
  spec.mask_id = -1;
  spec.default_preset = "ar";
  check_spec(spec, files.where);
  return spec;
}

}  // namespace

const Family kQwen2Family = {
    .name = "qwen2",
    .summary = "Qwen2 and Qwen2.5: causal attention with biases on Q, K and V",
    .architecture = "Qwen2ForCausalLM",
    .model_type = "qwen2",
    .gguf = "qwen2",
    .names = &kLlamaNames,
    .gguf_names = &kGgufNames,
    .matches = matches,
    .read_spec = read,
    .proof = "transformers' Qwen2 (tiny-qwen2, YaRN)",
};

}  // namespace pent
