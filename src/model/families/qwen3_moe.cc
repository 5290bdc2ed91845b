// Qwen3-MoE and what was made of it (spec 10 §6, §7, §11): RND1, which sees everything and predicts the next cell's token, and
// SDAR's 30B-A3B, which sees blocks.
#include "base/error.h"
#include "model/families/config.h"
#include "model/families/family.h"

namespace pent {
namespace {

constexpr int kQwen3Vocabulary = 151936;
constexpr int32_t kFirstFreeRow = 151669;  // of Qwen3's embedding: the mask of RND1 and SDAR

ModelSpec read_common(const ModelFiles& files, const Family& family, AttentionKind attention) {
  ModelSpec spec;
  if (files.gguf) {
    spec = read_gguf_spec(files, family.gguf, attention, /*experts=*/true);
  } else {
    spec = read_llama_keys(files);
    spec.qkv_bias = spec.attn_out_bias = ConfigReader(files).flag("attention_bias", false);
    read_qwen3_moe_keys(files, spec);
  }
  spec.family = family.name;
  spec.attention = attention;
  spec.qk_norm = true;
  return spec;
}

// Newer configs or the tokenizer name the mask; in the first ones it is the embedding's first free row.
void find_mask(const ModelFiles& files, ModelSpec& spec) {
  if (!files.gguf) spec.mask_id = find_mask_id(files, "<|MASK|>");
  if (spec.mask_id < 0 && spec.vocab_size == kQwen3Vocabulary) spec.mask_id = kFirstFreeRow;
  require_mask(spec, files);
}

bool matches_qwen3_moe(const ModelFiles& files) { return has_architecture(files, kQwen3MoeFamily); }

ModelSpec read_qwen3_moe(const ModelFiles& files) {
  ModelSpec spec = read_common(files, kQwen3MoeFamily, AttentionKind::kCausal);
  spec.mask_id = -1;
  spec.default_preset = "ar";
  check_spec(spec, files.where);
  return spec;
}

bool matches_rnd1(const ModelFiles& files) {
  return has_architecture(files, kRnd1Family) || ConfigReader::architecture(files) == "RND1";
}

// The published code normalises the weights whatever the config says; GGUF files have no key for either.
ModelSpec read_rnd1(const ModelFiles& files) {
  ModelSpec spec = read_common(files, kRnd1Family, AttentionKind::kFull);
  spec.moe.normalize = true;
  spec.shift = files.gguf ? files.gguf->get_bool("diffusion.shift_logits").value_or(true) : true;
  find_mask(files, spec);
  spec.default_preset = "rnd1";
  check_spec(spec, files.where);
  return spec;
}

bool matches_sdar_moe(const ModelFiles& files) { return has_architecture(files, kSdarMoeFamily); }

ModelSpec read_sdar_moe(const ModelFiles& files) {
  if (files.gguf) throw error(ErrorKind::kUnsupported, "{}: SDAR has no GGUF form", files.where);
  ModelSpec spec = read_common(files, kSdarMoeFamily, AttentionKind::kBlockCausal);
  spec.block_size = ConfigReader(files).size("block_size", 4);
  find_mask(files, spec);
  spec.default_preset = "sdar";
  check_spec(spec, files.where);
  return spec;
}

}  // namespace

const Family kQwen3MoeFamily = {
    .name = "qwen3moe",
    .summary = "Qwen3-MoE: Qwen3 with a mixture of experts",
    .architecture = "Qwen3MoeForCausalLM",
    .model_type = "qwen3_moe",
    .gguf = "qwen3moe",
    .names = &kLlamaNames,
    .gguf_names = &kGgufNames,
    .matches = matches_qwen3_moe,
    .read_spec = read_qwen3_moe,
    .proof = "transformers' Qwen3-MoE (tiny-qwen3-moe)",
};

const Family kRnd1Family = {
    .name = "rnd1",
    .summary = "RND1 30B-A3B: masked diffusion made of Qwen3-MoE, full attention, shifted",
    .architecture = "RND1LM",
    .model_type = "rnd1",
    .gguf = "rnd1",
    .names = &kLlamaNames,
    .gguf_names = &kGgufNames,
    .matches = matches_rnd1,
    .read_spec = read_rnd1,
    .proof = "transformers' Qwen3-MoE with a full 4-D mask (tiny-rnd1)",
};

const Family kSdarMoeFamily = {
    .name = "sdar-moe",
    .summary = "SDAR 30B-A3B: block diffusion made of Qwen3-MoE",
    .architecture = "SDARMoeForCausalLM",
    .model_type = "sdar_moe",
    .gguf = nullptr,
    .names = &kLlamaNames,
    .gguf_names = nullptr,
    .matches = matches_sdar_moe,
    .read_spec = read_sdar_moe,
    .proof = "transformers' Qwen3-MoE with a block-causal 4-D mask (tiny-sdar-moe)",
};

}  // namespace pent
