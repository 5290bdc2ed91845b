// Fast-dLLM v2 (spec 10 §8; arXiv:2509.26328): Qwen2.5 with block-causal attention, its logits shifted by one.
#include "base/error.h"
#include "model/families/config.h"
#include "model/families/family.h"

namespace pent {
namespace {

bool matches(const ModelFiles& files) { return has_architecture(files, kFastDllmV2Family); }

ModelSpec read(const ModelFiles& files) {
  ModelSpec spec = read_llama_keys(files);
  spec.family = kFastDllmV2Family.name;
  spec.attention = AttentionKind::kBlockCausal;
  spec.block_size = ConfigReader(files).size("bd_size", 32);
  spec.qkv_bias = true;
  spec.shift = true;
  spec.mask_id = find_mask_id(files, "|<MASK>|");
  if (spec.vocab_size == 151936 || spec.vocab_size == 152064) {  // Qwen2.5's ids
    if (spec.mask_id < 0) spec.mask_id = 151665;
    add_stop(spec, 151645);  // <|im_end|>
  }
  spec.default_preset = "fast-dllm-v2";
  require_mask(spec, files);
  check_spec(spec, files.where);
  return spec;
}

}  // namespace

const Family kFastDllmV2Family = {
    .name = "fast-dllm-v2",
    .summary = "Fast-dLLM v2 1.5B, 7B: masked diffusion in blocks, block-causal attention, shifted logits",
    .architecture = "Fast_dLLM_QwenForCausalLM",
    .model_type = "Fast_dLLM_Qwen",
    .gguf = nullptr,
    .names = &kLlamaNames,
    .gguf_names = nullptr,
    .matches = matches,
    .read_spec = read,
    .proof = "transformers' Qwen2 with a block-causal 4-D mask (tiny-fast-dllm-v2), decoding too",
};

}  // namespace pent
