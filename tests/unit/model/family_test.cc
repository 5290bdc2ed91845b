#include "model/families/family.h"

#include <gtest/gtest.h>

#include "support/expect_error.h"
#include "unit/model/family_configs.h"

namespace pent {
namespace {

using namespace test;

TEST(Families, LladaConfigBecomesASpec) {
  const ModelSpec spec = read_spec(with_config(kLlada8b));
  EXPECT_EQ(spec.family, "llada");
  EXPECT_EQ(spec.attention, AttentionKind::kFull);
  EXPECT_EQ(spec.head_dim, 128);
  EXPECT_EQ(spec.ffn_dim, 12288);
  EXPECT_EQ(spec.rope_theta, 500000);
  EXPECT_EQ(spec.mask_id, 126336);
  EXPECT_EQ(spec.eos_id, 126081);
  EXPECT_EQ(spec.stop_ids, (std::vector<int32_t>{126081, 126348}));
  EXPECT_EQ(spec.default_preset, "llada");
  EXPECT_NEAR(spec.parameters(), 8.02e9, 0.01e9);
}

TEST(Families, LlamaConfigBecomesASpec) {
  ModelFiles files = with_config(kSmolLm2);
  files.generation_config = parse_json(R"({"eos_token_id": [2, 0]})", "generation_config.json");
  const ModelSpec spec = read_spec(files);
  EXPECT_EQ(spec.family, "llama");
  EXPECT_EQ(spec.attention, AttentionKind::kCausal);
  EXPECT_EQ(spec.head_dim, 64);
  EXPECT_TRUE(spec.tied_head);
  EXPECT_FALSE(spec.is_diffusion());
  EXPECT_EQ(spec.stop_ids, (std::vector<int32_t>{2, 0}));
  EXPECT_NEAR(spec.parameters(), 134.5e6, 0.1e6);
}

TEST(Families, Qwen2AddsBiases) {
  const ModelSpec spec = read_spec(with_config(kQwen25));
  EXPECT_EQ(spec.family, "qwen2");
  EXPECT_TRUE(spec.qkv_bias);
  EXPECT_FALSE(spec.attn_out_bias || spec.qk_norm || spec.is_diffusion());
  EXPECT_EQ(spec.attention, AttentionKind::kCausal);
  EXPECT_EQ(spec.default_preset, "ar");
  EXPECT_NEAR(spec.parameters(), 494.0e6, 0.1e6);
}

TEST(Families, Qwen3NormsItsHeads) {
  const ModelSpec spec = read_spec(with_config(kQwen3));
  EXPECT_EQ(spec.family, "qwen3");
  EXPECT_TRUE(spec.qk_norm);
  EXPECT_FALSE(spec.qkv_bias);
  EXPECT_EQ(spec.head_dim, 128);
  EXPECT_NEAR(spec.parameters(), 596.0e6, 0.1e6);
}

// spec 10 §0.1
TEST(Families, Dream7bHasItsPublishedDefaults) {
  const ModelSpec spec = read_spec(with_config(kDream));
  EXPECT_EQ(spec.family, "dream");
  EXPECT_EQ(spec.attention, AttentionKind::kFull);
  EXPECT_TRUE(spec.shift);
  EXPECT_TRUE(spec.qkv_bias);
  EXPECT_EQ(spec.mask_id, 151666);
  EXPECT_EQ(spec.pad_id, 151643);
  EXPECT_EQ(spec.stop_ids, (std::vector<int32_t>{151643, 151645}));
  EXPECT_EQ(spec.default_preset, "dream");
  EXPECT_NEAR(spec.parameters(), 7.62e9, 0.01e9);
}

// Dream-Coder with a token more, named by the config (the generation config, too), or by the tokenizer.
TEST(Families, DreamOnIsADreamThatExpands) {
  EXPECT_FALSE(read_spec(with_config(kDream)).expands_holes());
  ModelFiles files = with_config(kDream);
  files.config["expand_token_id"] = 151667;
  const ModelSpec spec = read_spec(files);
  EXPECT_EQ(spec.family, "dream");
  EXPECT_EQ(spec.expand_id, 151667);
  EXPECT_EQ(spec.delete_id, 151643);  // the end token
  EXPECT_EQ(spec.default_preset, "dreamon");
  files.config.erase("expand_token_id");
  files.generation_config = {{"expand_token_id", 151667}, {"delete_token_id", 151668}};
  EXPECT_EQ(read_spec(files).delete_id, 151668);
  files.generation_config = nullptr;
  files.tokenizer_config = {{"added_tokens_decoder", {{"151667", {{"content", "<|expand|>"}}}}}};
  EXPECT_EQ(read_spec(files).expand_id, 151667);
  for (const int64_t wrong : {151666, 151643, 152064}) {
    files.config["expand_token_id"] = wrong;
    EXPECT_ERROR(read_spec(files), kCorrupt, "'expand_token_id' is", "expected two tokens");
  }
}

TEST(Families, Sdar1_7bHasItsPublishedDefaults) {
  const ModelSpec spec = read_spec(with_config(kSdar));
  EXPECT_EQ(spec.family, "sdar");
  EXPECT_EQ(spec.attention, AttentionKind::kBlockCausal);
  EXPECT_EQ(spec.block_size, 4);  // the config has neither block size nor mask id
  EXPECT_EQ(spec.mask_id, 151669);
  EXPECT_FALSE(spec.shift);
  EXPECT_TRUE(spec.qk_norm);
  EXPECT_EQ(spec.stop_ids, (std::vector<int32_t>{151643, 151645}));
  ModelFiles larger = with_config(kSdar);
  larger.config["block_size"] = 32;
  EXPECT_EQ(read_spec(larger).block_size, 32);
}

TEST(Families, FastDllmV2HasItsPublishedDefaults) {
  const ModelSpec spec = read_spec(with_config(kFastDllmV2));
  EXPECT_EQ(spec.family, "fast-dllm-v2");
  EXPECT_EQ(spec.attention, AttentionKind::kBlockCausal);
  EXPECT_EQ(spec.block_size, 32);
  EXPECT_EQ(spec.mask_id, 151665);
  EXPECT_TRUE(spec.shift);
  EXPECT_TRUE(spec.qkv_bias);
  EXPECT_EQ(spec.stop_ids, std::vector<int32_t>{151645});
}

TEST(Families, ILladaIsReadAsItsCardSays) {
  ModelFiles files = with_config(kLlada8b);
  files.config.update({{"n_kv_heads", 8},
                       {"mlp_hidden_size", 14336},
                       {"vocab_size", 155136},
                       {"embedding_size", 155136},
                       {"max_sequence_length", 8192},
                       {"weight_tying", true},
                       {"mask_token_id", 5},
                       {"pad_token_id", 1},
                       {"eos_token_id", 2},
                       {"bos_token_id", 0}});
  const ModelSpec spec = read_spec(files);
  EXPECT_EQ(spec.mask_id, 5);
  EXPECT_EQ(spec.stop_ids, std::vector<int32_t>{2});
  EXPECT_NEAR(spec.parameters(), 7.62e9, 0.01e9);
}

TEST(Families, TheMaskMayStandInTheTokenizerOnly) {
  ModelFiles files = with_config(kDream);
  files.config.erase("mask_token_id");
  EXPECT_THROW(read_spec(files), Error);
  files.tokenizer_config =
      parse_json(R"({"added_tokens_decoder": {"7": {"content": "<|mask|>"}}})", "tokenizer_config.json");
  EXPECT_EQ(read_spec(files).mask_id, 7);
  files.tokenizer_config =
      parse_json(R"({"added_tokens_decoder": {"7x": {"content": "<|mask|>"}}})", "tokenizer_config.json");
  EXPECT_THROW(read_spec(files), Error);
}

// One line that names the file and the key.
TEST(Families, AbsurdSizesAreRefusedByKeyInEveryFamily) {
  for (const char* key : {"n_layer", "n_head", "n_embd", "n_positions", "n_inner", "vocab_size"}) {
    for (const Json& value : {Json(int64_t{1000000000000}), Json(-4), Json(0), Json("many")}) {
      const std::string message = refusal(kGpt2, key, value, ErrorKind::kCorrupt);
      EXPECT_NE(message.find(key), std::string::npos) << message;
      EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    }
  }
  for (const char* config : {kLlada8b, kSmolLm2, kQwen25, kQwen3, kDream, kSdar, kFastDllmV2, kDiffuLlama, kA2dQwen3}) {
    const bool llada = config == kLlada8b;
    const auto refused = [&](const char* key, const Json& value) {
      const std::string message = refusal(config, key, value, ErrorKind::kCorrupt);
      EXPECT_NE(message.find(key), std::string::npos) << message;
      EXPECT_NE(message.find("config.json"), std::string::npos) << message;
      EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    };
    for (const char* key : {llada ? "n_layers" : "num_hidden_layers", llada ? "n_heads" : "num_attention_heads",
                            llada ? "n_kv_heads" : "num_key_value_heads", llada ? "embedding_size" : "vocab_size"}) {
      refused(key, int64_t{1000000000000});
      refused(key, -4);
      refused(key, 0);
      refused(key, "many");
    }
  }
}

TEST(Families, RopeScalingIsRead) {
  using Kind = RopeScaling::Kind;
  ModelFiles files = with_config(kSmolLm2);
  files.config["rope_scaling"] = {{"rope_type", "llama3"},
                                  {"factor", 8},
                                  {"low_freq_factor", 1},
                                  {"high_freq_factor", 4},
                                  {"original_max_position_embeddings", 8192}};
  EXPECT_EQ(read_spec(files).rope_scaling,
            (RopeScaling{.kind = Kind::kLlama3, .factor = 8, .original_positions = 8192}));
  files.config["rope_scaling"] = {{"type", "linear"}, {"factor", 2}};
  EXPECT_EQ(read_spec(files).rope_scaling.kind, Kind::kLinear);
  ModelFiles qwen = with_config(kQwen25);
  qwen.config["rope_scaling"] = {{"type", "yarn"}, {"factor", 4.0}, {"original_max_position_embeddings", 32768}};
  const ModelSpec spec = read_spec(qwen);
  EXPECT_EQ(spec.rope_scaling.kind, Kind::kYarn);
  EXPECT_NEAR(spec.rope_scaling.magnitude, 1.1386, 1e-4);
  EXPECT_EQ(spec.max_positions, 131072);  // as Qwen's model cards mean it
  qwen.config["rope_scaling"].erase("factor");
  EXPECT_THROW(read_spec(qwen), Error);
  qwen.config["rope_scaling"]["factor"] = 0;
  EXPECT_THROW(read_spec(qwen), Error);
}

TEST(Families, RopeParametersOfNewerFilesAreRead) {
  ModelFiles files = with_config(kSmolLm2);
  files.config.erase("rope_theta");
  files.config["rope_parameters"] = {{"rope_type", "default"}, {"rope_theta", 5000}};
  EXPECT_EQ(read_spec(files).rope_theta, 5000);
}

TEST(Families, WhatThisBuildCannotDoIsRefusedByKey) {
  const auto unsupported = [](const char* json, const char* key, const Json& value) {
    EXPECT_NE(refusal(json, key, value, ErrorKind::kUnsupported).find(key), std::string::npos);
  };
  unsupported(kLlada8b, "alibi", true);
  unsupported(kLlada8b, "block_type", "sequential");
  unsupported(kLlada8b, "block_group_size", 2);
  unsupported(kLlada8b, "input_emb_norm", true);
  unsupported(kLlada8b, "include_qkv_bias", true);
  unsupported(kLlada8b, "layer_norm_type", "default");
  unsupported(kSmolLm2, "mlp_bias", true);
  unsupported(kSmolLm2, "sliding_window", 4096);
  unsupported(kSmolLm2, "layer_types", {"full_attention", "sliding_attention"});
  unsupported(kQwen3, "use_sliding_window", true);
  unsupported(kSmolLm2, "hidden_act", "gelu");
  unsupported(kSmolLm2, "rope_scaling", {{"rope_type", "dynamic"}, {"factor", 2}});
  unsupported(kSmolLm2, "quantization_config", {{"bits", 4}});
  unsupported(kGpt2, "activation_function", "relu");
  unsupported(kGpt2, "scale_attn_weights", false);
  unsupported(kGpt2, "scale_attn_by_inverse_layer_idx", true);
  unsupported(kGpt2, "add_cross_attention", true);
}

TEST(Families, ContradictionsAreRefused) {
  refusal(kLlada8b, "n_heads", 33, ErrorKind::kCorrupt);
  refusal(kLlada8b, "mask_token_id", 126464, ErrorKind::kCorrupt);
  refusal(kSmolLm2, "num_key_value_heads", 4, ErrorKind::kCorrupt);
  refusal(kSmolLm2, "head_dim", 7, ErrorKind::kCorrupt);
  refusal(kSmolLm2, "hidden_size", 0, ErrorKind::kCorrupt);
  refusal(kSmolLm2, "hidden_size", int64_t{1} << 40, ErrorKind::kCorrupt);
  refusal(kSmolLm2, "num_hidden_layers", 1 << 20, ErrorKind::kCorrupt);
  refusal(kSmolLm2, "intermediate_size", 1 << 22, ErrorKind::kCorrupt);
  refusal(kSmolLm2, "hidden_size", "576", ErrorKind::kCorrupt);
  refusal(kSmolLm2, "rope_theta", 0, ErrorKind::kCorrupt);
  refusal(kSmolLm2, "rms_norm_eps", -1, ErrorKind::kCorrupt);
  refusal(kSmolLm2, "eos_token_id", 49152, ErrorKind::kCorrupt);
  refusal(kGpt2, "n_head", 7, ErrorKind::kCorrupt);
  refusal(kGpt2, "layer_norm_epsilon", -1, ErrorKind::kCorrupt);
  refusal(kGpt2, "eos_token_id", 50257, ErrorKind::kCorrupt);
  refusal(kGpt2, "mask_token_id", 50257, ErrorKind::kCorrupt);
}

TEST(Families, AMissingKeyIsNamed) {
  for (const char* key : {"d_model", "n_layers", "n_heads", "vocab_size", "max_sequence_length", "mask_token_id"}) {
    ModelFiles files = with_config(kLlada8b);
    files.config.erase(key);
    files.config.erase("embedding_size");
    try {
      read_spec(files);
      ADD_FAILURE() << key;
    } catch (const Error& failure) {
      EXPECT_NE(std::string(failure.what()).find(key), std::string::npos) << failure.what();
    }
  }
}

TEST(Families, AnUnknownArchitectureIsNamed) {
  try {
    read_spec(with_config(R"({"architectures": ["MambaForCausalLM"], "model_type": "mamba"})"));
    FAIL();
  } catch (const Error& failure) {
    EXPECT_EQ(failure.kind(), ErrorKind::kUnsupported);
    EXPECT_NE(std::string(failure.what()).find("MambaForCausalLM"), std::string::npos);
  }
  EXPECT_THROW(read_spec(with_config(R"({"architectures": ["LLaDAMoEModelLM"], "model_type": "llada"})")), Error);
}

TEST(Families, ASpecSurvivesBeingWrittenAndRead) {
  for (const char* config :
       {kLlada8b, kSmolLm2, kQwen25, kQwen3, kDream, kSdar, kFastDllmV2, kDiffuLlama, kA2dQwen3, kGpt2}) {
    const ModelSpec spec = read_spec(with_config(config));
    ModelFiles files = with_config("{}");
    files.config = to_config(spec);
    const char* epsilon = spec.layer_norm ? "layer_norm_epsilon" : "rms_norm_eps";
    EXPECT_LE(files.config.at(epsilon).dump().size(), 5u);  // 1e-05, not the float's 9.999999747378752e-06
    const ModelSpec again = read_spec(files);
    EXPECT_EQ(again.family, spec.family);
    EXPECT_EQ(again.parameters(), spec.parameters());
    EXPECT_EQ(again.head_dim, spec.head_dim);
    EXPECT_EQ(again.rms_eps, spec.rms_eps);
    EXPECT_EQ(again.rope_theta, spec.rope_theta);
    EXPECT_EQ(again.mask_id, spec.mask_id);
    EXPECT_EQ(again.stop_ids, spec.stop_ids);
    EXPECT_EQ(again.tied_head, spec.tied_head);
    EXPECT_EQ(again.shift, spec.shift);
    EXPECT_EQ(again.block_size, spec.block_size);
    EXPECT_EQ(again.qkv_bias, spec.qkv_bias);
    EXPECT_EQ(again.qk_norm, spec.qk_norm);
  }
}

}  // namespace
}  // namespace pent
