// SmolLM2-135M-Instruct (Q4_1) against transformers in float32, by the goldens of tests/parity/smollm2.py.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "sample/decode.h"
#include "sample/preset.h"
#include "sample/sampler.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"
#include "unit/parity/golden.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define PENT_SLOW_BUILD 1
#else
#define PENT_SLOW_BUILD 0
#endif

namespace pent {
namespace {

std::filesystem::path smollm2_path() {
  const auto variable = [](const char* name) -> std::filesystem::path {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
  };
  std::filesystem::path home = variable("PENT_HOME");
  if (home.empty()) {
    const std::filesystem::path cache = variable("XDG_CACHE_HOME");
    home = (cache.empty() ? variable("HOME") / ".cache" : cache) / "pent";
  }
  return home / "models" / "smollm2-135m-instruct.gguf";
}

class SmolLM2 : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(smollm2_path()))
      GTEST_SKIP() << smollm2_path().string() << " is not there; fetch it with script/fetch-smollm2";
  }
  std::unique_ptr<Denoiser> load(bool precise) {
    return load_native(open_model_files(smollm2_path()), pool_, {.precise = precise});
  }

  ThreadPool pool_;
};

class SmolLM2Forward : public SmolLM2 {
 protected:
  void SetUp() override {
    if (PENT_SLOW_BUILD) GTEST_SKIP() << "too slow under a sanitizer; TinyModel tests run the same code";
    SmolLM2::SetUp();
  }
};

TEST_F(SmolLM2Forward, PreciseLogitsAgreeWithTransformers) {
  constexpr float kTolerance = 2e-3f;
  const GoldenTensors golden("smollm2-logits.safetensors");
  const auto denoiser = load(/*precise=*/true);
  const auto vocab = static_cast<size_t>(denoiser->spec().vocab_size);
  const auto top_ids = golden.ints("top_ids"), probe_ids = golden.ints("probe_ids");
  const auto top_logits = golden.floats("top_logits"), probe_logits = golden.floats("probe_logits");
  const auto log_sum_exp = golden.floats("log_sum_exp");
  const size_t tops = top_ids.size() / log_sum_exp.size(), probes = probe_ids.size();

  float worst = 0;
  size_t at = 0;
  for (const std::vector<int32_t>& text : golden.texts()) {
    const PassResult result = forward_all(*denoiser, text);
    for (size_t row = 0; row < text.size(); ++row, ++at) {
      const float* z = result.logits.data() + row * vocab;
      EXPECT_EQ(result.rows[row].argmax, top_ids[at * tops]) << "row " << at;
      for (size_t i = 0; i < tops; ++i)
        worst = std::max(worst, std::abs(z[top_ids[at * tops + i]] - top_logits[at * tops + i]));
      for (size_t i = 0; i < probes; ++i)
        worst = std::max(worst, std::abs(z[probe_ids[i]] - probe_logits[at * probes + i]));
      EXPECT_NEAR(result.rows[row].log_sum_exp, log_sum_exp[at], kTolerance) << "row " << at;
    }
  }
  EXPECT_EQ(at, log_sum_exp.size());
  EXPECT_LE(worst, kTolerance);
  RecordProperty("max_abs_difference", std::to_string(worst));
}

TEST_F(SmolLM2Forward, Int8TopTokenMostlyAgreesWithTransformers) {
  const GoldenTensors golden("smollm2-logits.safetensors");
  const auto denoiser = load(/*precise=*/false);
  const auto top_ids = golden.ints("top_ids");
  const size_t rows = golden.floats("log_sum_exp").size(), tops = top_ids.size() / rows;
  size_t at = 0, same = 0;
  for (const std::vector<int32_t>& text : golden.texts())
    for (const RowStats& row : forward_all(*denoiser, text).rows) same += row.argmax == top_ids[at++ * tops];
  EXPECT_EQ(at, rows);
  EXPECT_GE(same, rows * 85 / 100);
  RecordProperty("same_argmax", std::to_string(same) + " of " + std::to_string(rows));
}

TEST_F(SmolLM2Forward, GreedyContinuationEqualsTransformers) {
  const auto denoiser = load(/*precise=*/true);
  const Json cases = golden_json("smollm2-greedy.json");
  GenerationOptions options;
  options.max_tokens = static_cast<int>(cases[0]["tokens"].size());
  options.temperature = 0;
  const SamplingParams params = resolve(options, denoiser->spec());
  std::vector<std::unique_ptr<Sampler>> samplers;
  for (const Json& item : cases)
    samplers.push_back(make_ar_sampler(item["prompt"].get<std::vector<int32_t>>(), params, {}));
  decode(*denoiser, samplers, params,
         {.banned = {}, .width = static_cast<int>(samplers.size()), .trace = {}, .is_stopped = {}});
  for (size_t i = 0; i < samplers.size(); ++i)
    EXPECT_EQ(samplers[i]->completion(), cases[i]["tokens"].get<std::vector<int32_t>>()) << cases[i]["user"];
}

std::vector<ChatMessage> messages_of(const Json& item) {
  std::vector<ChatMessage> messages;
  for (const Json& message : item["messages"])
    messages.push_back({.role = message["role"], .content = message["content"]});
  return messages;
}

TEST(SmolLM2Template, RendersAsTransformers) {  // needs no weights
  const Json golden = golden_json("smollm2-chat.json");
  const ChatTemplate chat = ChatTemplate::parse(golden["template"].get<std::string>(), "smollm2-chat.json");
  for (const Json& item : golden["cases"])
    EXPECT_EQ(chat.apply(messages_of(item), item["add_generation_prompt"]), item["text"].get<std::string>());
}

TEST_F(SmolLM2, ConversationsBecomeTheIdsOfTransformers) {
  const ModelFiles files = open_model_files(smollm2_path());
  const Json golden = golden_json("smollm2-chat.json");
  EXPECT_EQ(files.chat_template, golden["template"].get<std::string>());
  const auto tokenizer = make_tokenizer(files);
  for (const Json& item : golden["cases"])
    EXPECT_EQ(tokenizer->encode(item["text"].get<std::string>()), item["ids"].get<std::vector<int32_t>>());
}

}  // namespace
}  // namespace pent
