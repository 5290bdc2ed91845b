// Tiny-A2D and other models that dLLM (arXiv:2602.22661) converts (spec 10 §13, 31 §2.9): Llama, Qwen2 or Qwen3 under its tensors'
// own names, not shifted. Trained as MDLM they are seen whole, as BD3-LM block by block.
#include "base/error.h"
#include "model/families/config.h"
#include "model/families/family.h"

namespace pent {
namespace {

constexpr int kPublishedBlock = 32;

// The published configs of both kinds are alike: the model's name is what tells them apart.
int block_size(const ModelFiles& files) {
  const ConfigReader config(files);
  if (config.has("block_size")) return config.size("block_size");
  return files.where.find("bd3lm") == std::string::npos ? 0 : kPublishedBlock;
}

ModelSpec read(const ModelFiles& files, const Family& family) {
  ModelSpec spec = read_llama_keys(files);
  spec.family = family.name;
  spec.block_size = block_size(files);
  spec.attention = spec.block_size > 0 ? AttentionKind::kBlockCausal : AttentionKind::kFull;
  spec.attn_out_bias = ConfigReader(files).flag("attention_bias", false);
  spec.qkv_bias = &family == &kA2dQwen2Family || spec.attn_out_bias;
  spec.qk_norm = &family == &kA2dQwen3Family;
  spec.mask_id = find_mask_id(files, "<|mask|>");
  if (spec.vocab_size == 151936) add_stop(spec, 151645);  // <|im_end|>, which ends a turn
  spec.default_preset = "llada";                          // dLLM's own sampler, by default
  require_mask(spec, files);
  check_spec(spec, files.where);
  return spec;
}

bool matches(const ModelFiles& files, const Family& family) { return !files.gguf && has_architecture(files, family); }

}  // namespace

const Family kA2dLlamaFamily = {
    .name = "a2d-llama",
    .summary = "Llama converted by dLLM: masked diffusion, full or block-causal attention",
    .architecture = "A2DLlamaLMHeadModel",
    .model_type = "a2d-llama",
    .gguf = nullptr,
    .names = &kLlamaNames,
    .gguf_names = nullptr,
    .matches = [](const ModelFiles& files) { return matches(files, kA2dLlamaFamily); },
    .read_spec = [](const ModelFiles& files) { return read(files, kA2dLlamaFamily); },
    .proof = "transformers' Llama with a block-causal 4-D mask (tiny-a2d-llama)",
};

const Family kA2dQwen2Family = {
    .name = "a2d-qwen2",
    .summary = "Tiny-A2D 0.5B, of Qwen2.5: masked diffusion, full or block-causal attention",
    .architecture = "A2DQwen2LMHeadModel",
    .model_type = "a2d-qwen2",
    .gguf = nullptr,
    .names = &kLlamaNames,
    .gguf_names = nullptr,
    .matches = [](const ModelFiles& files) { return matches(files, kA2dQwen2Family); },
    .read_spec = [](const ModelFiles& files) { return read(files, kA2dQwen2Family); },
    .proof = "transformers' Qwen2 with a full 4-D mask (tiny-a2d-qwen2)",
};

const Family kA2dQwen3Family = {
    .name = "a2d-qwen3",
    .summary = "Tiny-A2D 0.6B, of Qwen3: masked diffusion, full or block-causal attention",
    .architecture = "A2DQwen3LMHeadModel",
    .model_type = "a2d-qwen3",
    .gguf = nullptr,
    .names = &kLlamaNames,
    .gguf_names = nullptr,
    .matches = [](const ModelFiles& files) { return matches(files, kA2dQwen3Family); },
    .read_spec = [](const ModelFiles& files) { return read(files, kA2dQwen3Family); },
    .proof = "transformers' Qwen3 with a full 4-D mask (tiny-a2d-qwen3)",
};

}  // namespace pent
