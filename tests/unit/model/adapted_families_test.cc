// GPT-2, and families made of autoregressive ones whose config says little of it.
#include <gtest/gtest.h>

#include "unit/model/family_configs.h"

namespace pent {
namespace {

using namespace test;

ModelFiles with_mask_token(const char* json, const char* mask_token, const char* tokens) {
  ModelFiles files = with_config(json);
  files.config.erase("mask_token_id");
  files.tokenizer_config = {{"mask_token", parse_json(mask_token, "tokenizer_config.json")},
                            {"added_tokens_decoder", parse_json(tokens, "tokenizer_config.json")}};
  return files;
}

// spec 10 §12
TEST(AdaptedFamilies, Gpt2HasItsPublishedSizes) {
  const ModelSpec spec = read_spec(with_config(kGpt2));
  EXPECT_EQ(spec.family, "gpt2");
  EXPECT_EQ(spec.attention, AttentionKind::kCausal);
  EXPECT_EQ(spec.ffn_dim, 3072);
  EXPECT_EQ(spec.max_positions, 1024);
  EXPECT_TRUE(spec.layer_norm && spec.learned_positions && spec.qkv_bias && spec.attn_out_bias && spec.tied_head);
  EXPECT_EQ(spec.stop_ids, std::vector<int32_t>{50256});
  EXPECT_EQ(spec.bos_id, 50256);
  EXPECT_FALSE(spec.is_diffusion());
  EXPECT_EQ(spec.default_preset, "ar");
  EXPECT_EQ(spec.parameters(), 124439808);  // as transformers counts them
  ModelFiles base = with_config(kGpt2);
  base.config.erase("architectures");
  EXPECT_EQ(read_spec(base).family, "gpt2");
}

// spec 10 §0.1, §5
TEST(AdaptedFamilies, DiffuGptIsAGpt2WithAMaskToken) {
  ModelFiles files = with_mask_token(kGpt2, R"("[MASK]")", R"({"50257": {"content": "[MASK]"}})");
  files.config["vocab_size"] = 50258;
  files.config.erase("architectures");  // as published
  for (const char* mask : {R"("[MASK]")", R"({"content": "[MASK]", "lstrip": false})"}) {
    files.tokenizer_config["mask_token"] = parse_json(mask, "tokenizer_config.json");
    const ModelSpec spec = read_spec(files);
    EXPECT_EQ(spec.family, "diffugpt");
    EXPECT_EQ(spec.attention, AttentionKind::kFull);
    EXPECT_TRUE(spec.shift);
    EXPECT_EQ(spec.mask_id, 50257);
    EXPECT_EQ(spec.eos_id, 50256);
    EXPECT_EQ(spec.bos_id, 50256);
    EXPECT_TRUE(spec.starts_with_bos);
    EXPECT_EQ(spec.default_preset, "diffugpt");
  }
  files.tokenizer_config["mask_token"] = 7;
  EXPECT_EQ(read_spec(files).family, "gpt2");
}

// spec 10 §0.1, §5
TEST(AdaptedFamilies, DiffuLlamaIsALlamaWithAMaskToken) {
  for (const ModelFiles& files :
       {with_config(kDiffuLlama), with_mask_token(kDiffuLlama, R"("<mask>")", R"({"32000": {"content": "<mask>"}})")}) {
    const ModelSpec spec = read_spec(files);
    EXPECT_EQ(spec.family, "diffullama");
    EXPECT_EQ(spec.attention, AttentionKind::kFull);
    EXPECT_TRUE(spec.shift);
    EXPECT_FALSE(spec.qkv_bias);
    EXPECT_EQ(spec.mask_id, 32000);
    EXPECT_EQ(spec.eos_id, 2);
    EXPECT_EQ(spec.bos_id, 1);
    EXPECT_EQ(spec.default_preset, "diffullama");
    EXPECT_NEAR(spec.parameters(), 6.74e9, 0.01e9);
  }
  EXPECT_EQ(read_spec(with_mask_token(kDiffuLlama, "null", "{}")).family, "llama");
  // Another Llama whose tokenizer happens to have one.
  ModelFiles other = with_mask_token(kDiffuLlama, R"("<mask>")", R"({"32000": {"content": "<mask>"}})");
  other.config["vocab_size"] = 32064;
  EXPECT_EQ(read_spec(other).family, "llama");
  EXPECT_EQ(read_spec(with_mask_token(kDiffuLlama, R"("<mask>")", R"({"31990": {"content": "<mask>"}})")).family,
            "llama");
}

// spec 10 §13, 31 §2.9
TEST(AdaptedFamilies, TinyA2dIsSeenWholeOrBlockByBlock) {
  ModelFiles files = with_config(kA2dQwen3);
  files.where = "cache/Qwen3-0.6B-diffusion-mdlm-v0.1";
  const ModelSpec whole = read_spec(files);
  EXPECT_EQ(whole.family, "a2d-qwen3");
  EXPECT_EQ(whole.attention, AttentionKind::kFull);
  EXPECT_FALSE(whole.shift);
  EXPECT_TRUE(whole.qk_norm);
  EXPECT_EQ(whole.mask_id, 151669);
  EXPECT_EQ(whole.stop_ids, (std::vector<int32_t>{151643, 151645}));
  EXPECT_NEAR(whole.parameters(), 596e6, 0.1e6);
  files.where = "cache/Qwen3-0.6B-diffusion-bd3lm-v0.1";
  EXPECT_EQ(read_spec(files).attention, AttentionKind::kBlockCausal);
  EXPECT_EQ(read_spec(files).block_size, 32);
  files.config["block_size"] = 64;
  EXPECT_EQ(read_spec(files).block_size, 64);
  files.config["block_size"] = -1;
  EXPECT_THROW(read_spec(files), Error);
  EXPECT_EQ(read_spec(with_mask_token(kA2dQwen3, "null", R"({"151669": {"content": "<|mask|>"}})")).mask_id, 151669);
  EXPECT_THROW(read_spec(with_mask_token(kA2dQwen3, "null", "{}")), Error);

  ModelFiles qwen2 = with_config(kA2dQwen3);
  qwen2.config["architectures"] = {"A2DQwen2LMHeadModel"};
  EXPECT_TRUE(read_spec(qwen2).qkv_bias);
  EXPECT_FALSE(read_spec(qwen2).attn_out_bias || read_spec(qwen2).qk_norm);
  ModelFiles llama = with_config(kA2dQwen3);
  llama.config["architectures"] = {"A2DLlamaLMHeadModel"};
  EXPECT_FALSE(read_spec(llama).qkv_bias || read_spec(llama).qk_norm);
}

}  // namespace
}  // namespace pent
