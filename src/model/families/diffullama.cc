// DiffuLLaMA (spec 10 §5, arXiv:2410.17891): a LlamaForCausalLM to its config, whose tokenizer has a mask token; seen whole, logits
// shifted.
#include "model/families/config.h"
#include "model/families/family.h"

namespace pent {
namespace {

// A Llama whose tokenizer happens to have a mask token is none: the config names it, or it is the one that was added behind Llama 2's
// vocabulary.
bool matches(const ModelFiles& files) {
  constexpr int kLlama2Vocabulary = 32000;
  if (files.gguf || !has_architecture(files, kDiffuLlamaFamily)) return false;
  const ConfigReader config(files);
  if (config.token("mask_token_id") >= 0) return true;
  const int added = config.size("vocab_size") - kLlama2Vocabulary;  // rounded up to an even number, as published
  return (added == 1 || added == 2) && find_mask_id(files) == kLlama2Vocabulary;
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
