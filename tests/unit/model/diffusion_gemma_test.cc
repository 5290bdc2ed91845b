// DiffusionGemma's config and weights: the published settings, both spellings of layer shapes, what is refused; copies and parts
// that are not read. Its arithmetic is tested against transformers (tests/unit/parity/diffusion_gemma_test.cc).
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <functional>

#include "io/weight_source.h"
#include "model/weights.h"
#include "support/temp_dir.h"
#include "unit/model/family_configs.h"

namespace pent {
namespace {

// google/diffusiongemma-26B-A4B-it's (spec 11 §2), the keys that text has to do with.
constexpr const char* kPublished =
    R"({"architectures": ["DiffusionGemmaForBlockDiffusion"], "model_type": "diffusion_gemma",
  "canvas_length": 256, "boi_token_id": 255999, "eoi_token_id": 258882, "image_token_id": 258880, "eos_token_id": [1, 106],
  "tie_word_embeddings": true, "vision_config": {"model_type": "gemma4_vision"},
  "text_config": {"model_type": "diffusion_gemma_text", "vocab_size": 262144, "hidden_size": 2816, "intermediate_size": 2112,
    "num_hidden_layers": 30, "num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 256, "global_head_dim": 512,
    "num_global_key_value_heads": 2, "num_experts": 128, "top_k_experts": 8, "moe_intermediate_size": 704,
    "hidden_activation": "gelu_pytorch_tanh", "rms_norm_eps": 1e-06, "sliding_window": 1024,
    "rope_parameters": {"sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
      "full_attention": {"rope_type": "proportional", "partial_rotary_factor": 0.25, "rope_theta": 1000000.0}},
    "max_position_embeddings": 262144, "final_logit_softcapping": 30.0, "use_bidirectional_attention": "vision",
    "attention_bias": false, "pad_token_id": 0, "eos_token_id": 1, "bos_token_id": 2, "tie_word_embeddings": true}})";

TEST(DiffusionGemmaConfig, ThePublishedOneBecomesASpec) {
  ModelFiles files = test::with_config(kPublished);
  files.generation_config = parse_json(R"({"eos_token_id": [1, 106, 50]})", "generation_config.json");
  const ModelSpec spec = read_spec(files);
  EXPECT_EQ(spec.family, "diffusion-gemma");
  EXPECT_EQ(spec.block, BlockKind::kGemma);
  EXPECT_EQ(spec.attention, AttentionKind::kCausal);
  EXPECT_EQ(spec.canvas_length, 256);
  EXPECT_EQ(spec.window, 1024);
  EXPECT_EQ(spec.global.layers, (std::vector<int>{5, 11, 17, 23, 29}));
  EXPECT_EQ(spec.heads(4).head_dim, 256);
  EXPECT_EQ(spec.heads(4).n_kv_heads, 8);
  EXPECT_FALSE(spec.heads(4).values_are_keys);
  EXPECT_EQ(spec.heads(5).head_dim, 512);
  EXPECT_EQ(spec.heads(5).n_kv_heads, 2);
  EXPECT_TRUE(spec.heads(5).values_are_keys);
  EXPECT_EQ(spec.rope_theta, 1e4);
  EXPECT_EQ(spec.global.rope_theta, 1e6);
  EXPECT_EQ(spec.global.turning_pairs, 64);
  EXPECT_EQ(spec.logit_cap, 30);
  EXPECT_FLOAT_EQ(spec.embedding_scale, 53.0659966f);
  EXPECT_EQ(spec.moe.n_experts, 128);
  EXPECT_EQ(spec.moe.top_k, 8);
  EXPECT_TRUE(spec.tied_head && spec.qk_norm);
  EXPECT_EQ(spec.stop_ids, (std::vector<int32_t>{1, 106, 50}));
  EXPECT_EQ(spec.bos_id, 2);
  EXPECT_EQ(spec.pad_id, 0);
  EXPECT_EQ(spec.parameters(), 25250986812);  // 25 823 778 864 with the vision tower's, without the streams' 60 scales
  EXPECT_NEAR(spec.active_parameters(), 3.9e9, 0.1e9);
}

// What newer versions of transformers save.
TEST(DiffusionGemmaConfig, TheNewerSpellingSaysTheSame) {
  const ModelSpec spec = read_spec(test::with_config(kPublished));
  ModelFiles files = test::with_config(kPublished);
  Json& text = files.config["text_config"];
  for (const char* key :
       {"global_head_dim", "num_global_key_value_heads", "final_logit_softcapping", "rope_parameters"})
    text.erase(key);
  for (const char* layer : {"05", "11", "17", "23", "29"})
    text["per_layer_config"][layer] = {{"head_dim", 512}, {"num_key_value_heads", 2}};
  const ModelSpec newer = read_spec(files);
  EXPECT_EQ(newer.global, spec.global);
  EXPECT_EQ(newer.logit_cap, spec.logit_cap);
  EXPECT_EQ(newer.parameters(), spec.parameters());
}

std::string refusal(const char* key, const Json& value, ErrorKind kind) {
  ModelFiles files = test::with_config(kPublished);
  files.config["text_config"][key] = value;
  try {
    read_spec(files);
  } catch (const Error& failure) {
    EXPECT_EQ(failure.kind(), kind) << failure.what();
    return failure.what();
  }
  ADD_FAILURE() << "accepted " << key << " = " << value;
  return {};
}

TEST(DiffusionGemmaConfig, WhatItCannotBeIsRefusedByKey) {
  const auto expect = [](const char* key, const Json& value, ErrorKind kind) {
    EXPECT_NE(refusal(key, value, kind).find(key), std::string::npos) << key;
  };
  constexpr auto kUnsupported = ErrorKind::kUnsupported, kCorrupt = ErrorKind::kCorrupt;
  expect("attention_bias", true, kUnsupported);
  expect("hidden_activation", "silu", kUnsupported);
  expect("use_bidirectional_attention", "all", kUnsupported);
  expect("tie_word_embeddings", false, kUnsupported);
  expect("num_experts", nullptr, kCorrupt);
  expect("sliding_window", -1, kCorrupt);
  expect("layer_types", Json::array({"full_attention"}), kCorrupt);
  expect("layer_types", Json(std::vector<std::string>(30, "chunked_attention")), kUnsupported);
  expect("per_layer_config", {{"4", {{"head_dim", 512}}}}, kUnsupported);  // a sliding layer
  expect("per_layer_config", {{"5", {{"head_dim", 512}}}}, kUnsupported);  // one of five
  expect("per_layer_config", {{"five", {{"head_dim", 512}}}}, kCorrupt);
  expect("final_logit_softcapping", 0, kCorrupt);
  refusal("num_global_key_value_heads", 3, kCorrupt);
  refusal("global_head_dim", 511, kCorrupt);
  refusal("num_hidden_layers", 1 << 20, kCorrupt);
  expect("rope_parameters",
         {{"sliding_attention", {{"rope_type", "yarn"}, {"factor", 2}}}, {"full_attention", Json::object()}},
         kUnsupported);
  ModelFiles files = test::with_config(kPublished);
  files.config.erase("text_config");
  EXPECT_THROW(read_spec(files), Error);
}

// The tiny checkpoint, rewritten with other tensors.
class DiffusionGemmaWeights : public ::testing::Test {
 protected:
  using Change = std::function<void(std::vector<TensorToWrite>&)>;
  void load_changed(const Change& change) {
    const std::filesystem::path tiny = std::filesystem::path(PENT_SOURCE_DIR) / "tests/golden/tiny-diffusion-gemma";
    const ModelFiles from = open_model_files(tiny);
    std::vector<TensorToWrite> tensors;
    for (const std::string& name : from.weights->names()) {
      const TensorView& view = *from.weights->find(name);
      tensors.push_back({name, view.dtype, view.shape, view.bytes});
    }
    change(tensors);
    const TempDir dir;
    for (const char* file : {"config.json", "tokenizer.json"}) std::filesystem::copy_file(tiny / file, dir / file);
    write_safetensors(dir.path() / "model.safetensors", tensors, {});
    const ModelFiles files = open_model_files(dir.path());
    ThreadPool pool(1);
    load_weights(files, read_spec(files), kernels::PackedMatrix::Format::kQ8, pool);
  }
  static TensorToWrite& named(std::vector<TensorToWrite>& tensors, const std::string& name) {
    return *std::find_if(tensors.begin(), tensors.end(), [&](const auto& tensor) { return tensor.name == name; });
  }
};

constexpr const char* kOwn = "model.decoder.layers.1.mlp.up_proj.weight";
constexpr const char* kCopy = "model.encoder.language_model.layers.1.mlp.up_proj.weight";

TEST_F(DiffusionGemmaWeights, TheEncodersCopyWillDoAndMayRepeatTheDecodersTensor) {
  EXPECT_NO_THROW(load_changed([](auto& tensors) { named(tensors, kOwn).name = kCopy; }));
  EXPECT_NO_THROW(load_changed([](auto& tensors) {
    TensorToWrite copy = named(tensors, kOwn);
    copy.name = kCopy;
    tensors.push_back(copy);
  }));
}

TEST_F(DiffusionGemmaWeights, ACopyThatDiffersIsRefused) {
  try {
    load_changed([](auto& tensors) {
      TensorToWrite other = named(tensors, "model.decoder.layers.1.mlp.gate_proj.weight");
      other.name = kCopy;
      tensors.push_back(other);
    });
    ADD_FAILURE();
  } catch (const Error& failure) {
    EXPECT_NE(std::string(failure.what()).find("must be the same net"), std::string::npos);
  }
}

TEST_F(DiffusionGemmaWeights, AStrangerIsRefusedButNotTheVisionTower) {
  EXPECT_NO_THROW(load_changed([](auto& tensors) {
    named(tensors, "model.encoder.vision_tower.std_bias").name = "model.encoder.vision_tower.unheard_of";
  }));
  EXPECT_THROW(load_changed([](auto& tensors) { named(tensors, kOwn).name = "model.decoder.unheard_of"; }), Error);
}

}  // namespace
}  // namespace pent
