#include "sample/preset.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "support/fake_denoiser.h"

namespace pent {
namespace {

std::string refusal(const GenerationOptions& options, const ModelSpec& spec, int prompt_tokens = 10) {
  try {
    resolve(options, spec, prompt_tokens);
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

TEST(Preset, LladaHasItsPapersDefaults) {
  const SamplingParams params = resolve({}, fake_diffusion_spec(), 10);
  EXPECT_EQ(params.preset, "llada");
  EXPECT_TRUE(params.diffusion);
  EXPECT_EQ(params.max_tokens, 128);
  EXPECT_EQ(params.block_length, 128);
  EXPECT_EQ(params.steps, 128);
  EXPECT_FALSE(params.threshold);
  EXPECT_EQ(params.score, ScoreKind::kProbability);
  EXPECT_EQ(params.temperature, 0);
}

TEST(Preset, FastDllmCommitsByThresholdInBlocksOf32) {
  const SamplingParams params = resolve({.preset = "fast-dllm"}, fake_diffusion_spec(), 10);
  EXPECT_EQ(params.block_length, 32);
  EXPECT_EQ(params.threshold, 0.9);
  EXPECT_EQ(params.steps, 0);
  EXPECT_EQ(params.cache, CacheKind::kPrefix);
  EXPECT_EQ(resolve({.preset = "fast-dllm", .cache = "dual"}, fake_diffusion_spec()).cache, CacheKind::kDual);
  EXPECT_NE(refusal({.cache = "all"}, fake_diffusion_spec()).find("delayed, block or sub-block"), std::string::npos);
  EXPECT_NE(refusal({.cache = "block"}, fake_diffusion_spec()).find("is for block-causal attention"),
            std::string::npos);
  EXPECT_NE(refusal({.cache = "none"}, fake_ar_spec()).find("--cache is for diffusion presets"), std::string::npos);
}

TEST(Preset, OptionsGoOverThePreset) {
  const SamplingParams params =
      resolve({.max_tokens = 40, .block_length = 64, .steps_per_block = 3, .temperature = 0.5, .score = "random"},
              fake_diffusion_spec(), 10);
  EXPECT_EQ(params.max_tokens, 40);
  EXPECT_EQ(params.block_length, 40);  // never longer than the canvas
  EXPECT_EQ(params.steps_per_block, 3);
  EXPECT_EQ(params.score, ScoreKind::kRandom);
  EXPECT_EQ(params.temperature, 0.5f);
}

TEST(Preset, LladaWithAThresholdIsAComposition) {
  const SamplingParams params = resolve({.threshold = 0.7}, fake_diffusion_spec(), 10);
  EXPECT_EQ(params.preset, "llada");
  EXPECT_EQ(params.threshold, 0.7);
  EXPECT_EQ(params.steps, 0);
}

TEST(Preset, DefaultLengthIsWhatTheContextLeaves) {
  EXPECT_EQ(resolve({}, fake_diffusion_spec(), 500).max_tokens, 12);
  EXPECT_EQ(resolve({}, fake_ar_spec(), 100).max_tokens, 412);
}

TEST(Preset, PromptAndCanvasBeyondTheContextAreRefused) {
  EXPECT_EQ(
      refusal({.max_tokens = 13}, fake_diffusion_spec(), 500),
      "the prompt has 500 tokens and 13 are to be written, but the model's context is 512; shorten the prompt or use "
      "--max-tokens 12");
  EXPECT_EQ(refusal({}, fake_diffusion_spec(), 512),
            "the prompt has 512 tokens and 1 are to be written, but the model's context is 512; shorten the prompt");
}

TEST(Preset, PresetMustFitTheModel) {
  EXPECT_EQ(refusal({.preset = "llada"}, fake_ar_spec()),
            "preset 'llada' is for masked diffusion models, but this one (llama) is autoregressive; use --preset ar");
  EXPECT_EQ(
      refusal({.preset = "ar"}, fake_diffusion_spec()),
      "preset 'ar' is for autoregressive models, but this one (llada) is a masked diffusion model; use --preset llada");
  EXPECT_EQ(refusal({.preset = "dreams"}, fake_ar_spec()), "no preset 'dreams'; there are llada, fast-dllm, sdar, fast-dllm-v2, ar");
}

TEST(Preset, ContradictionsAreRefusedWithTheReason) {
  const ModelSpec diffusion = fake_diffusion_spec();
  EXPECT_EQ(refusal({.steps = 8, .steps_per_block = 4}, diffusion),
            "--steps (a total) and --steps-per-block were both given; keep one");
  EXPECT_EQ(refusal({.steps = 8, .threshold = 0.9}, diffusion),
            "--steps cannot be combined with --threshold: a threshold decides by itself how many forwards are needed");
  EXPECT_EQ(refusal({.preset = "fast-dllm", .steps_per_block = 8}, diffusion),
            "--steps-per-block cannot be combined with preset 'fast-dllm', which commits by threshold: a threshold "
            "decides by "
            "itself how many forwards are needed");
  EXPECT_EQ(
      refusal({.threshold = 0.9, .score = "random"}, diffusion),
      "--score random cannot be combined with a threshold, which is compared with probabilities; use prob or margin");
  EXPECT_EQ(refusal({.block_length = 8}, fake_ar_spec()),
            "--block-length is for diffusion presets; an autoregressive model writes one token per forward, in order");
}

TEST(Preset, ValuesOutOfRangeAreNamed) {
  const ModelSpec diffusion = fake_diffusion_spec();
  EXPECT_EQ(refusal({.steps = 0}, diffusion), "--steps is 0; expected 1 to 16777216");
  EXPECT_EQ(refusal({.max_tokens = -4}, diffusion), "--max-tokens is -4; expected 1 to 16777216");
  EXPECT_EQ(refusal({.threshold = 1.5}, diffusion), "--threshold is 1.5; expected 0 to 1");
  EXPECT_EQ(refusal({.temperature = NAN}, diffusion), "--temperature is nan; expected 0 to 100");
  EXPECT_EQ(refusal({.top_p = 0.0}, diffusion), "--top-p is 0; expected more than 0 and at most 1");
  EXPECT_EQ(refusal({.min_p = 1.5}, diffusion), "--min-p is 1.5; expected 0 to 1");
  EXPECT_EQ(refusal({.repetition_penalty = 0}, diffusion), "--repetition-penalty is 0; expected 0.1 to 10");
  EXPECT_EQ(refusal({.repetition_window = 0}, diffusion), "--repetition-window is 0; expected 1 to 16777216");
  EXPECT_EQ(refusal({.score = "best"}, diffusion), "--score is 'best'; expected prob, entropy, margin or random");
  EXPECT_EQ(refusal({.seed = (uint64_t{1} << 53) + 1}, diffusion), "--seed is 9007199254740993; expected at most 2^53");
  EXPECT_EQ(refusal({.stop = {""}}, diffusion), "--stop is empty; expected a text to stop at");
}

TEST(Preset, EveryPresetResolvesForItsKindOfModel) {
  for (const Preset& preset : presets()) {
    const SamplingParams params =
        resolve({.preset = std::string(preset.name)}, preset.diffusion ? fake_diffusion_spec() : fake_ar_spec());
    EXPECT_EQ(params.diffusion, preset.diffusion);
    EXPECT_GE(params.max_tokens, 1);
  }
}

}  // namespace
}  // namespace pent
