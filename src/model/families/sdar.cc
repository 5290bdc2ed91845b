// SDAR, dense, and TraDo (spec 10 §7): Qwen3 with block-causal attention, logits not shifted.
#include "base/error.h"
#include "model/families/config.h"
#include "model/families/family.h"

namespace pent {
namespace {

bool matches(const ModelFiles& files) { return has_architecture(files, kSdarFamily); }

ModelSpec read(const ModelFiles& files) {
  const ConfigReader config(files);
  ModelSpec spec = read_llama_keys(files);
  spec.family = kSdarFamily.name;
  spec.attention = AttentionKind::kBlockCausal;
  spec.block_size = config.size("block_size", 4);  // older configs have no such key
  spec.qkv_bias = spec.attn_out_bias = config.flag("attention_bias", false);
  spec.qk_norm = true;
  spec.mask_id = find_mask_id(files, "<|MASK|>");
  if (spec.vocab_size == 151936) {  // Qwen3's ids
    if (spec.mask_id < 0) spec.mask_id = 151669;
    add_stop(spec, 151643);  // <|endoftext|>
    add_stop(spec, 151645);  // <|im_end|>
  }
  spec.default_preset = "sdar";
  require_mask(spec, files);
  check_spec(spec, files.where);
  return spec;
}

}  // namespace

const Family kSdarFamily = {
    .name = "sdar",
    .summary = "SDAR 1.7B, 4B, 8B, TraDo: masked diffusion in blocks, block-causal attention",
    .architecture = "SDARForCausalLM",
    .model_type = "sdar",
    .gguf = nullptr,
    .names = &kLlamaNames,
    .gguf_names = nullptr,
    .matches = matches,
    .read_spec = read,
    .proof = "transformers' Qwen3 with a block-causal 4-D mask (tiny-sdar), decoding too",
};

}  // namespace pent
