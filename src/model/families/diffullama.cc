// DiffuLLaMA (spec 10 §5, arXiv:2410.17891): a LlamaForCausalLM to its config, whose tokenizer has a mask token; seen whole, logits
// shifted.
#include "model/families/config.h"
#include "model/families/family.h"

namespace pent {
namespace {

bool matches(const ModelFiles& files) {
  return !files.gguf && has_architecture(files, kDiffuLlamaFamily) && find_mask_id(files) >= 0;
}

ModelSpec read(const ModelFiles& files) {
  ModelSpec spec = read_llama_keys(files);
  spec.family = kDiffuLlamaFamily.name;
  spec.attention = AttentionKind::kFull;
  spec.qkv_bias = spec.attn_out_bias = ConfigReader(files).flag("attention_bias", false);
  spec.shift = true;
  spec.mask_id = find_mask_id(files);
  spec.default_preset = "diffullama";
  check_spec(spec, files.where);
  return spec;
}

}  // namespace

const Family kDiffuLlamaFamily = {
    .name = "diffullama",
    .summary = "DiffuLLaMA 7B: masked diffusion made of Llama 2, full attention, shifted logits",
    .architecture = "LlamaForCausalLM",
    .model_type = "llama",
    .gguf = nullptr,
    .names = &kLlamaNames,
    .gguf_names = nullptr,
    .matches = matches,
    .read_spec = read,
    .proof = "transformers' Llama with a full 4-D mask (tiny-diffullama)",
};

}  // namespace pent
