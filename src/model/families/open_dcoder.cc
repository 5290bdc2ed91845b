// Open-dCoder (spec 10 §13): a Qwen2ForCausalLM to its config, with a [MASK] among its tokens; seen whole, logits shifted.
#include "base/error.h"
#include "model/families/config.h"
#include "model/families/family.h"

namespace pent {
namespace {

bool matches(const ModelFiles& files) {
  return !files.gguf && has_architecture(files, kOpenDcoderFamily) && find_mask_id(files, "[MASK]") >= 0;
}

ModelSpec read(const ModelFiles& files) {
  ModelSpec spec = read_llama_keys(files);
  spec.family = kOpenDcoderFamily.name;
  spec.attention = AttentionKind::kFull;
  spec.qkv_bias = true;
  spec.shift = true;
  spec.mask_id = find_mask_id(files, "[MASK]");
  spec.default_preset = "p2";
  check_spec(spec, files.where);
  return spec;
}

}  // namespace

const Family kOpenDcoderFamily = {
    .name = "open-dcoder",
    .summary = "Open-dCoder 0.5B: masked diffusion, full attention, shifted logits",
    .architecture = "Qwen2ForCausalLM",
    .model_type = "qwen2",
    .gguf = nullptr,
    .names = &kLlamaNames,
    .gguf_names = nullptr,
    .matches = matches,
    .read_spec = read,
    .proof = "transformers' Qwen2 with a full 4-D mask (tiny-open-dcoder)",
};

}  // namespace pent
