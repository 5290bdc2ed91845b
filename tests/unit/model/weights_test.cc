// Loading weights: every tensor has its place and its shape, and what a file has too little or too much is named.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <functional>

#include "base/error.h"
#include "editable_weights.h"

namespace pent {
namespace {

using namespace test;

void expect_refused(const std::string& family, ErrorKind kind, const std::string& words,
                    const std::function<void(EditableWeights&)>& spoil) {
  const Edited edited = editable(family);
  spoil(*edited.weights);
  try {
    logits_of(edited.files);
    ADD_FAILURE() << "accepted: " << words;
  } catch (const Error& failure) {
    EXPECT_EQ(failure.kind(), kind) << failure.what();
    EXPECT_NE(std::string(failure.what()).find(words), std::string::npos) << failure.what();
    EXPECT_NE(std::string(failure.what()).find("edited.file"), std::string::npos) << failure.what();
  }
}

TEST(Weights, AMissingTensorIsNamed) {
  for (const char* name : {"model.transformer.wte.weight", "model.transformer.ff_out.weight",
                           "model.transformer.blocks.1.up_proj.weight"}) {
    expect_refused("llada", ErrorKind::kCorrupt, name, [&](EditableWeights& weights) { weights.remove(name); });
  }
}

TEST(Weights, AWrongShapeIsShownBesideTheRightOne) {
  expect_refused("llama", ErrorKind::kCorrupt,
                 "'model.layers.0.self_attn.k_proj.weight' has shape [32, 16], the config asks for [16, 32]",
                 [](EditableWeights& weights) {
                   auto& tensor = weights.at("model.layers.0.self_attn.k_proj.weight");
                   tensor.shape = {32, 16};
                   EditableWeights::refresh(tensor);
                 });
}

TEST(Weights, AValueThatIsNotFiniteIsFoundAtLoading) {
  for (const char* name : {"model.embed_tokens.weight", "model.layers.1.mlp.down_proj.weight", "model.norm.weight"}) {
    expect_refused("llama", ErrorKind::kCorrupt, name,
                   [&](EditableWeights& weights) { weights.at(name).values.back() = std::nanf(""); });
  }
}

TEST(Weights, ATensorWithoutAPlaceIsRefused) {
  expect_refused("llama", ErrorKind::kUnsupported, "model.layers.0.self_attn.q_proj.bias",
                 [](EditableWeights& weights) {
                   weights.add("model.layers.0.self_attn.q_proj.bias", {32}, std::vector<float>(32));
                 });
  const Edited edited = editable("llama");
  edited.weights->add("model.layers.0.self_attn.rotary_emb.inv_freq", {4}, std::vector<float>(4));
  EXPECT_NO_THROW(logits_of(edited.files));
}

// What the config says of a vocabulary or of heads, and the tensors do not bear out.
TEST(Weights, SizesThatTheTensorsContradictAreRefused) {
  const auto refusal = [](const char* key, const Json& value) {
    ModelFiles files = make_random_model(tiny_spec("llama"), 3);
    files.config[key] = value;
    try {
      logits_of(files);
    } catch (const Error& failure) {
      EXPECT_EQ(failure.kind(), ErrorKind::kCorrupt);
      return std::string(failure.what());
    }
    ADD_FAILURE() << "accepted " << key;
    return std::string();
  };
  EXPECT_NE(refusal("vocab_size", 999).find("vocab_size) is 999, but tensor 'model.embed_tokens.weight' has 50 rows"),
            std::string::npos);
  EXPECT_NE(refusal("head_dim", 12).find("q_proj.weight' has shape [32, 32], the config asks for [48, 32]"),
            std::string::npos);
}

TEST(Weights, AnIntegerTensorIsRefused) {
  expect_refused("llama", ErrorKind::kUnsupported, "I32",
                 [](EditableWeights& weights) { weights.at("model.norm.weight").view.dtype = DType::kI32; });
}

// OpenAI's own files have no prefix, transformers writes one, DiffuGPT's trainer another.
TEST(Weights, Gpt2IsReadUnderEachOfItsNamings) {
  Edited edited = editable("gpt2");
  edited.files.config["vocab_size"] = 50;
  const std::vector<float> prefixed = logits_of(edited.files);
  const auto rename_all = [&](const std::function<std::string(const std::string&)>& to) {
    for (EditableWeights::Tensor& tensor : edited.weights->tensors()) {
      tensor.name = to(tensor.name);
      EditableWeights::refresh(tensor);
    }
  };
  rename_all([](const std::string& name) { return name.starts_with("transformer.") ? name.substr(12) : name; });
  EXPECT_EQ(logits_of(edited.files), prefixed);
  rename_all([](const std::string& name) -> std::string {
    return name == "lm_head.weight" ? name : name == "wte.weight" ? "embed_tokens.weight" : "denoise_model." + name;
  });
  edited.files.config["mask_token_id"] = 49;
  EXPECT_EQ(read_spec(edited.files).family, "diffugpt");
  EXPECT_EQ(logits_of(edited.files), prefixed);  // the plan says what is seen
}

TEST(Weights, AMatrixStoredTheOtherWayRoundIsCheckedAsItIsStored) {
  expect_refused("gpt2", ErrorKind::kCorrupt,
                 "'transformer.h.1.mlp.c_fc.weight' has shape [40, 32], the config asks for [32, 40]",
                 [](EditableWeights& weights) {
                   auto& tensor = weights.at("transformer.h.1.mlp.c_fc.weight");
                   turn(tensor);
                   EditableWeights::refresh(tensor);
                 });
  expect_refused("gpt2", ErrorKind::kCorrupt, "not finite (row 31, column 39)", [](EditableWeights& weights) {
    weights.at("transformer.h.0.mlp.c_fc.weight").values.back() = std::nanf("");
  });
  expect_refused("gpt2", ErrorKind::kCorrupt, "transformer.wpe.weight",
                 [](EditableWeights& weights) { weights.at("transformer.wpe.weight").values[5] = INFINITY; });
  expect_refused("gpt2", ErrorKind::kCorrupt, "'transformer.h.1.ln_2.bias' is missing",
                 [](EditableWeights& weights) { weights.remove("transformer.h.1.ln_2.bias"); });
}

TEST(Weights, ADirectoryGivesBackTheModelWrittenToIt) {
  const auto directory = std::filesystem::path(testing::TempDir()) / fmt::format("pent-synth-{}", ::getpid());
  ModelFiles files = make_random_model(tiny_spec("llada"), 5);
  files.tokenizer_json = "{}";
  write_model_directory(files, directory);
  const ModelFiles again = open_model_files(directory);
  EXPECT_EQ(logits_of(again), logits_of(files));
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace pent
