// LLaDA-MoE 7B-A1B (spec 10 §2): OLMoE's block with full attention. Its weights are not divided by their sum.
#include "base/error.h"
#include "model/families/config.h"
#include "model/families/family.h"

namespace pent {
namespace {

constexpr int kLingVocabulary = 157184;

bool matches(const ModelFiles& files) {
  if (files.gguf) return has_architecture(files, kLladaMoeFamily);
  const std::string architecture = ConfigReader::architecture(files);
  return architecture == kLladaMoeFamily.architecture || architecture == "LLaDAMoEModel";
}

ModelSpec read(const ModelFiles& files) {
  ModelSpec spec;
  if (files.gguf) {
    spec = read_gguf_spec(files, kLladaMoeFamily.gguf, AttentionKind::kFull, /*experts=*/true);
    spec.moe.normalize = false;
    spec.moe.bias_in_weights = spec.moe.expert_bias;
  } else {
    const ConfigReader config(files);
    config.require_absent("clip_qkv");
    spec = read_llama_keys(files, "dense_intermediate_size");
    spec.qkv_bias = spec.attn_out_bias = config.flag("attention_bias", false);
    spec.qk_norm = config.flag("qk_layernorm", false);
    read_llada_moe_keys(files, spec);
    spec.mask_id = config.token("mask_token_id");
    if (spec.mask_id < 0 && spec.vocab_size == kLingVocabulary) spec.mask_id = 156895;
  }
  if (spec.vocab_size == kLingVocabulary) add_stop(spec, 156900);  // <|role_end|>, which no config lists
  spec.family = kLladaMoeFamily.name;
  spec.attention = AttentionKind::kFull;
  spec.default_preset = "llada";
  require_mask(spec, files);
  check_spec(spec, files.where);
  return spec;
}

}  // namespace

const Family kLladaMoeFamily = {
    .name = "llada-moe",
    .summary = "LLaDA-MoE 7B-A1B: masked diffusion with a mixture of experts, full attention",
    .architecture = "LLaDAMoEModelLM",
    .model_type = "llada",
    .gguf = "llada-moe",
    .names = &kLlamaNames,
    .gguf_names = &kGgufNames,
    .matches = matches,
    .read_spec = read,
    .proof = "a torch net written from the spec (tiny-llada-moe)",
};

}  // namespace pent
