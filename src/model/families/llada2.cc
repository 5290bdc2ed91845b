// LLaDA2.0 and 2.1, mini and flash (spec 10 §3): Ling 2.0's block seen block by block. One matrix for Q, K and V, normed heads of
// which half the channels turn, sigmoid scores limited to the best groups of experts, a shared expert, a dense first layer.
// LLaDA2.2 has a pool of experts for each block in place of the groups (spec 23 §3.1).
#include <algorithm>

#include "base/error.h"
#include "model/families/config.h"
#include "model/families/family.h"

namespace pent {
namespace {

constexpr int kLingVocabulary = 157184;

bool matches(const ModelFiles& files) { return has_architecture(files, kLlada2Family); }

void check_editing(const ModelSpec& spec, const std::string& where) {
  const int32_t deletes = spec.delete_id, inserts = spec.insert_id;
  if (deletes < 0 && inserts < 0) return;
  if (deletes < 0 || inserts < 0 || deletes == inserts || std::max(deletes, inserts) >= spec.vocab_size ||
      deletes == spec.mask_id || inserts == spec.mask_id)
    throw error(ErrorKind::kCorrupt,
                "{}: 'delete_token_id' is {} and 'split_token_id' {}; expected two tokens of the {}, neither the mask",
                where, deletes, inserts, spec.vocab_size);
}

ModelSpec read(const ModelFiles& files) {
  ModelSpec spec;
  if (files.gguf) {
    spec = read_gguf_spec(files, kLlada2Family.gguf, AttentionKind::kBlockCausal, /*experts=*/true);
    spec.block_size =
        checked_size(files.gguf->get_int("diffusion.block_length").value_or(32), "diffusion.block_length", files.where);
  } else {
    const ConfigReader config(files);
    spec = read_llama_keys(files);
    spec.qk_norm = config.flag("use_qk_norm", true);
    spec.qkv_bias = config.flag("use_qkv_bias", false);
    read_llada2_keys(files, spec);
    spec.block_size = config.size("block_size", 32);
    spec.mask_id = config.token("mask_token_id");
    spec.delete_id = config.token("delete_token_id");
    spec.insert_id = config.token("split_token_id");
  }
  if (spec.vocab_size == kLingVocabulary) {
    if (spec.moe.block_pool > 0 && !spec.edits_length()) spec.delete_id = 156930, spec.insert_id = 156931;  // 2.2
    if (spec.mask_id < 0) spec.mask_id = 156895;
    add_stop(spec, 156900);  // <|role_end|>, which no config lists
  }
  spec.family = kLlada2Family.name;
  spec.attention = AttentionKind::kBlockCausal;
  check_editing(spec, files.where);
  spec.default_preset = spec.edits_length() ? "llada2.2" : "llada2";
  require_mask(spec, files);
  check_spec(spec, files.where);
  return spec;
}

constexpr TensorNames hugging_face() {
  return {
      .embedding = "model.word_embeddings.weight",
      .final_norm = "model.norm.weight",
      .head = "lm_head.weight",
      .attn_norm = "model.layers.{}.input_layernorm.weight",
      .q = nullptr,
      .k = nullptr,
      .v = nullptr,
      .attn_out = "model.layers.{}.attention.dense.weight",
      .ffn_norm = "model.layers.{}.post_attention_layernorm.weight",
      .gate = "model.layers.{}.mlp.gate_proj.weight",
      .up = "model.layers.{}.mlp.up_proj.weight",
      .down = "model.layers.{}.mlp.down_proj.weight",
      .interleaved_rope = false,
      .q_norm = "model.layers.{}.attention.query_layernorm.weight",
      .k_norm = "model.layers.{}.attention.key_layernorm.weight",
      .qkv = "model.layers.{}.attention.query_key_value.weight",
      .qkv_bias = "model.layers.{}.attention.query_key_value.bias",
      .experts = {.router = "model.layers.{}.mlp.gate.weight",
                  .bias = "model.layers.{}.mlp.gate.expert_bias",
                  .gate = "model.layers.{}.mlp.experts.{}.gate_proj.weight",
                  .up = "model.layers.{}.mlp.experts.{}.up_proj.weight",
                  .down = "model.layers.{}.mlp.experts.{}.down_proj.weight",
                  .shared_gate = "model.layers.{}.mlp.shared_experts.gate_proj.weight",
                  .shared_up = "model.layers.{}.mlp.shared_experts.up_proj.weight",
                  .shared_down = "model.layers.{}.mlp.shared_experts.down_proj.weight"},
  };
}

const TensorNames kNames = hugging_face();

}  // namespace

const Family kLlada2Family = {
    .name = "llada2",
    .summary = "LLaDA2.0, 2.1, 2.2, mini and flash: block diffusion with a mixture of experts",
    .architecture = "LLaDA2MoeModelLM",
    .model_type = "llada2_moe",
    .gguf = "llada2",
    .names = &kNames,
    .gguf_names = &kGgufFusedNames,  // as third parties' converters write; llama.cpp has no such architecture yet
    .matches = matches,
    .read_spec = read,
    .proof = "a torch net written from the spec (tiny-llada2, tiny-llada22)",
};

}  // namespace pent
