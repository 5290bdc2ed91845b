// Configs that ask for what no file can back: every tiny checkpoint, each number in turn. One line, before anything is allocated.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "unit/parity/golden.h"

namespace pent {
namespace {

std::vector<std::string> tiny_checkpoints() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(golden_dir())) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("tiny-")) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

class ConfigSanity : public ::testing::TestWithParam<std::string> {
 protected:
  // The message of loading the checkpoint with the first of `keys` that its config has set to `value`.
  std::string refusal(const std::vector<const char*>& keys, const Json& value) {
    ModelFiles files = open_model_files(golden_dir() / GetParam());
    Json& config = files.config.contains("text_config") ? files.config["text_config"] : files.config;
    const auto key = std::find_if(keys.begin(), keys.end(), [&](const char* each) { return config.contains(each); });
    if (key == keys.end()) {
      ADD_FAILURE() << "no such key as " << keys[0];
      return {};
    }
    config[*key] = value;
    try {
      load_native(files, pool_, {.precise = true});
    } catch (const Error& refusal) {
      EXPECT_EQ(std::string(refusal.what()).find('\n'), std::string::npos) << refusal.what();
      return refusal.what();
    }
    ADD_FAILURE() << "accepted " << *key << " " << value;
    return {};
  }

  ThreadPool pool_{1};
};
INSTANTIATE_TEST_SUITE_P(Checkpoints, ConfigSanity, testing::ValuesIn(tiny_checkpoints()), [](const auto& info) {
  std::string name = info.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

const std::vector<const char*> kLayers = {"num_hidden_layers", "n_layers", "n_layer"};
const std::vector<const char*> kHeads = {"num_attention_heads", "n_heads", "n_head"};
const std::vector<const char*> kWidth = {"hidden_size", "d_model", "n_embd"};
const std::vector<const char*> kContext = {"max_position_embeddings", "max_sequence_length", "n_positions"};
const std::vector<const char*> kVocabulary = {"embedding_size", "vocab_size"};

TEST_P(ConfigSanity, ATrillionLayersAreRefused) {
  for (const int64_t layers : {int64_t{1'000'000'000'000}, int64_t{1} << 31, int64_t{5000}, int64_t{0}, int64_t{-1}})
    EXPECT_NE(refusal(kLayers, layers).find("layer"), std::string::npos) << layers;
  EXPECT_NE(refusal(kLayers, 3.5).find(GetParam()), std::string::npos);
  EXPECT_NE(refusal(kLayers, "two").find(GetParam()), std::string::npos);
}

TEST_P(ConfigSanity, ANegativeNumberOfHeadsIsRefused) {
  for (const int64_t heads : {int64_t{-4}, int64_t{0}, int64_t{1} << 40})
    EXPECT_NE(refusal(kHeads, heads).find("head"), std::string::npos) << heads;
  refusal(kWidth, -32);
  refusal(kWidth, int64_t{1} << 50);
  refusal(kContext, -1);
}

TEST_P(ConfigSanity, AVocabularyLargerThanTheEmbeddingIsRefused) {
  for (const int64_t tokens : {int64_t{289}, int64_t{1} << 20, int64_t{1} << 40, int64_t{-288}})
    EXPECT_NE(refusal(kVocabulary, tokens).find(GetParam()), std::string::npos) << tokens;
}

TEST_P(ConfigSanity, MoreLayersThanTheFileHasAreRefusedByWhatIsMissing) {
  const std::string message = refusal(kLayers, 7);
  const bool named = message.find("tensor") != message.npos || message.find("layers") != message.npos;
  EXPECT_TRUE(named) << message;
}

}  // namespace
}  // namespace pent
