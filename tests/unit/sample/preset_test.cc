#include "sample/preset.h"

#include <gtest/gtest.h>

#include <tuple>

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
  EXPECT_EQ(refusal({.preset = "dreams"}, fake_ar_spec()),
            "no preset 'dreams'; there are llada, fast-dllm, dream, rnd1, eb, llada2, llada2.1, llada2.2, daedal, "
            "dreamon, mdlm, "
            "diffugpt, diffullama, remdm, p2, "
            "wino, sdar, fast-dllm-v2, diffusion-gemma, ar");
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
  EXPECT_EQ(refusal({.seed = (uint64_t{1} << 53) + 1}, diffusion),
            "--seed is 9007199254740993; expected 0 to 9007199254740992");
  EXPECT_EQ(refusal({.stop = {""}}, diffusion), "--stop is empty; expected a text to stop at");
}

TEST(Preset, WordsThatAreNoneOfAnOptionsAreRefusedInOneLine) {
  const ModelSpec diffusion = fake_diffusion_spec();
  EXPECT_EQ(refusal({.select = "threshold:1.1"}, diffusion),
            "--select is 'threshold:1.1'; expected threshold:VALUE with a value from 0 to 1");
  EXPECT_EQ(refusal({.select = "cosine:2"}, diffusion), "--select is 'cosine:2'; cosine takes no value");
  EXPECT_EQ(refusal({.select = "best"}, diffusion),
            "--select is 'best'; expected linear, cosine, timestep, threshold, factor, entropy, dynamic or ancestral, "
            "some with :VALUE");
  EXPECT_EQ(refusal({.select = "factor:nan"}, diffusion),
            "--select is 'factor:nan'; expected factor:VALUE with a value from 0 to 1000");
  EXPECT_EQ(refusal({.remask = "edit:x"}, diffusion),
            "--remask is 'edit:x'; expected edit:VALUE with a value from 0 to 1");
  EXPECT_EQ(refusal({.threshold = 0.5, .select = "linear"}, diffusion),
            "--select and --threshold were both given; use --select threshold:VALUE");
  EXPECT_EQ(refusal({.steps = 4, .select = "entropy:0.1"}, diffusion),
            "--steps cannot be combined with --select entropy:0.1: it decides by itself how many forwards are needed");
  EXPECT_EQ(refusal({.select = "entropy", .score = "margin"}, diffusion),
            "--score margin cannot be combined with a bound on entropies; leave it out or use entropy");
  EXPECT_EQ(refusal({.select = "threshold", .remask = "remdm-cap"}, diffusion),
            "--remask remdm-cap:0.008 decides when cells are written; leave out --select");
  EXPECT_EQ(
      refusal({.preset = "mdlm", .block_length = 8}, diffusion),
      "--block-length cannot be combined with ancestral selection, which looks at the whole canvas in every step");
  EXPECT_EQ(refusal({.preset = "p2", .cache = "dual"}, diffusion),
            "--cache cannot be combined with --remask p2, which looks at the whole canvas in every step");
  EXPECT_EQ(refusal({.preset = "llada2.1", .cache = "delayed"}, diffusion),
            "--cache delayed keeps decided cells; it cannot be combined with --remask edit");
  EXPECT_EQ(refusal({.order_temperature = -1}, diffusion), "--order-temperature is -1; expected 0 to 100");
  EXPECT_EQ(refusal({.preset = "eb", .order_temperature = 1}, diffusion),
            "--order-temperature needs --select linear, cosine or timestep, not entropy");
  EXPECT_EQ(refusal({.logit_bias = {"3"}}, diffusion),
            "--logit-bias is '3'; expected TOKEN:BIAS with a bias from -1000 to 1000");
  EXPECT_EQ(refusal({.logit_bias = {"16:1"}}, diffusion), "--logit-bias 16:1: token 16 is not in the vocabulary of 16");
  EXPECT_EQ(refusal({.select = "linear"}, fake_ar_spec()),
            "--select is for diffusion presets; an autoregressive model writes one token per forward, in order");
}

TEST(Preset, GuidanceWinoAndWhatIsScoredAreCheckedLikeTheRest) {
  const ModelSpec diffusion = fake_diffusion_spec();
  EXPECT_EQ(refusal({.cfg_scale = -1}, diffusion), "--cfg-scale is -1; expected 0 to 100");
  EXPECT_EQ(refusal({.cfg_scale = NAN}, diffusion), "--cfg-scale is nan; expected 0 to 100");
  EXPECT_NE(refusal({.cfg_scale = 1}, fake_ar_spec()).find("--cfg-scale is for diffusion presets"), std::string::npos);
  EXPECT_EQ(refusal({.score_of = "draw"}, diffusion), "--score-of is 'draw'; expected model or draws");
  EXPECT_EQ(resolve({.preset = "dream"}, diffusion).score_of, ScoreOf::kDraws);
  EXPECT_EQ(resolve({.preset = "dream", .temperature = 0}, diffusion).score_of, ScoreOf::kModel);
  EXPECT_EQ(resolve({.preset = "dream", .score_of = "model"}, diffusion).score_of, ScoreOf::kModel);
  const SamplingParams wino = resolve({.remask = "wino"}, diffusion);
  EXPECT_EQ(wino.select, (SelectRule{SelectKind::kThreshold, 0.6}));
  EXPECT_EQ(wino.remask, (RemaskRule{RemaskKind::kWino, 0.9}));
  EXPECT_EQ(refusal({.remask = "wino:1.1"}, diffusion),
            "--remask is 'wino:1.1'; expected wino:VALUE with a value from 0 to 1");
  EXPECT_EQ(refusal({.select = "cosine", .remask = "wino"}, diffusion),
            "--remask wino cannot be combined with --select cosine; use threshold:P");
  EXPECT_EQ(refusal({.preset = "wino", .cache = "dual"}, diffusion),
            "--remask wino cannot be combined with --cache: it computes the whole canvas every time");
  ModelSpec shifted = diffusion;
  shifted.shift = true;
  EXPECT_NE(refusal({.preset = "wino"}, shifted).find("logits that are not shifted"), std::string::npos);
}

TEST(Preset, LengthsAreCanvasesOrRanges) {
  const ModelSpec diffusion = fake_diffusion_spec();
  EXPECT_EQ(resolve({.length = "40"}, diffusion).max_tokens, 40);
  EXPECT_EQ(resolve({.length = "40"}, diffusion).length.kind, LengthKind::kFixed);
  const SamplingParams grows = resolve({.length = "16..200"}, diffusion);
  EXPECT_EQ(grows.max_tokens, 200);
  EXPECT_EQ(grows.length, (LengthRule{LengthKind::kDaedal, 16, 200}));
  EXPECT_EQ(resolve({.max_tokens = 20, .length = "auto"}, diffusion).length, (LengthRule{LengthKind::kDaedal, 20, 20}));
  EXPECT_EQ(resolve({.preset = "daedal"}, diffusion, 12).length, (LengthRule{LengthKind::kDaedal, 64, 500}));
  EXPECT_EQ(resolve({.preset = "daedal", .length = "32"}, diffusion).length.kind, LengthKind::kFixed);
}

TEST(Preset, TheThresholdsOfACanvasThatGrowsAreOptions) {
  const ModelSpec diffusion = fake_diffusion_spec();
  const LengthRule usual = resolve({.preset = "daedal"}, diffusion).length;
  EXPECT_EQ(std::tuple(usual.tau_eos, usual.tau_expand, usual.tau_low), std::tuple(0.5, 0.9, 0.1));
  const LengthRule own =
      resolve({.length = "8..40", .tau_eos = 0.25, .tau_expand = 1.0, .tau_low = 0.0}, diffusion).length;
  EXPECT_EQ(std::tuple(own.tau_eos, own.tau_expand, own.tau_low), std::tuple(0.25, 1.0, 0.0));
  const std::string why =
      "--tau-eos, --tau-expand and --tau-low are for a canvas that grows; use --length auto or MIN..MAX";
  EXPECT_EQ(refusal({.tau_low = 0.2}, diffusion), why);
  EXPECT_EQ(refusal({.preset = "daedal", .length = "32", .tau_eos = 0.2}, diffusion), why);
  EXPECT_EQ(refusal({.tau_expand = 0.2}, fake_canvas_spec()), why);
  EXPECT_EQ(refusal({.tau_eos = 0.2}, fake_ar_spec()),
            "--tau-eos is for diffusion presets; an autoregressive model writes one token per forward, in order");
  EXPECT_EQ(refusal({.preset = "daedal", .tau_low = 1.5}, diffusion), "--tau-low is 1.5; expected 0 to 1");
}

TEST(Preset, LengthsThatMakeNoSenseAreRefused) {
  const ModelSpec diffusion = fake_diffusion_spec();
  for (const char* length : {"", "0", "-3", "8..", "..8", "9..8", "8..x", "1e3", "8...9", "99999999", "Auto"})
    EXPECT_EQ(refusal({.length = length}, diffusion),
              fmt::format("--length is '{}'; expected auto, N or MIN..MAX with 1 <= MIN <= MAX <= 16777216", length));
  EXPECT_EQ(refusal({.max_tokens = 8, .length = "8"}, diffusion),
            "--length 8 and --max-tokens were both given; keep one");
  EXPECT_EQ(refusal({.length = "8..600"}, diffusion),
            "the prompt has 10 tokens and 600 are to be written, but the model's context is 512; shorten the prompt or "
            "use --max-tokens 502");
  EXPECT_EQ(
      refusal({.preset = "mdlm", .length = "8..20"}, diffusion),
      "a canvas that grows (8..20) cannot be combined with ancestral selection, which goes over a canvas of fixed "
      "length; use --length N");
  EXPECT_EQ(refusal({.preset = "llada2.1", .length = "auto"}, diffusion),
            "a canvas that grows (64..502) cannot be combined with --remask edit:0.5, which changes cells again; use "
            "--length N");
  EXPECT_EQ(refusal({.preset = "dream", .length = "8..20"}, diffusion),
            "a canvas that grows (8..20) cannot be combined with --select timestep, whose schedule needs to know the "
            "length; use --length N");
  EXPECT_EQ(refusal({.preset = "p2", .trim_tail = true}, diffusion),
            "--trim-tail cannot be combined with --remask p2, which changes cells again; leave it out");
  EXPECT_EQ(refusal({.length = "8"}, fake_ar_spec()),
            "--length is for diffusion presets; an autoregressive model writes one token per forward, in order");
  ModelSpec endless = diffusion;
  endless.stop_ids.clear();
  EXPECT_NE(refusal({.preset = "daedal"}, endless).find("which has no end token"), std::string::npos);
  ModelSpec in_blocks = diffusion;
  in_blocks.attention = AttentionKind::kBlockCausal;
  in_blocks.block_size = 8;
  EXPECT_NE(refusal({.length = "auto"}, in_blocks).find("writes block after block"), std::string::npos);
}

TEST(Preset, ABlockLongerThanTheCanvasIsTheCanvasAndAThresholdOfZeroTakesEveryCell) {
  EXPECT_EQ(resolve({.max_tokens = 8, .block_length = 64}, fake_diffusion_spec()).block_length, 8);
  EXPECT_EQ(resolve({.threshold = 0.0}, fake_diffusion_spec()).threshold, 0.0);
  EXPECT_EQ(refusal({.threshold = 1.1}, fake_diffusion_spec()), "--threshold is 1.1; expected 0 to 1");
}

TEST(Preset, DreamHasAStepForEachCellOfOneBlock) {
  const SamplingParams params = resolve({.preset = "dream", .max_tokens = 40}, fake_diffusion_spec());
  EXPECT_EQ(params.steps, 40);
  EXPECT_EQ(params.block_length, 40);
  EXPECT_EQ(params.score, ScoreKind::kEntropy);
  EXPECT_EQ(resolve({.preset = "dream", .threshold = 0.8}, fake_diffusion_spec()).score, ScoreKind::kProbability);
}

TEST(Preset, InsertingAndDeletingNeedsTokensForIt) {
  EXPECT_EQ(resolve({}, fake_editing_spec()).preset, "llada2.2");
  EXPECT_EQ(resolve({.remask = "none"}, fake_editing_spec()).remask.kind, RemaskKind::kNone);
  EXPECT_NE(refusal({.remask = "levenshtein"}, fake_diffusion_spec()).find("no tokens that delete and insert"),
            std::string::npos);
  EXPECT_NE(refusal({.preset = "llada2.2"}, fake_diffusion_spec()).find("is for models that delete and insert"),
            std::string::npos);
  EXPECT_EQ(refusal({.select = "linear"}, fake_editing_spec()),
            "--remask levenshtein cannot be combined with --select linear; use threshold:P");
  EXPECT_EQ(refusal({.cache = "delayed"}, fake_editing_spec()),
            "--remask levenshtein cannot be combined with --cache delayed: cells of the block move");
  EXPECT_EQ(refusal({.remask = "levenshtein:1.5"}, fake_editing_spec()),
            "--remask is 'levenshtein:1.5'; expected levenshtein:VALUE with a value from 0 to 1");
}

TEST(Preset, EveryPresetResolvesForItsKindOfModel) {
  for (const Preset& preset : presets()) {
    int models = 0;
    for (const ModelSpec& spec :
         {fake_diffusion_spec(), fake_editing_spec(), fake_dreamon_spec(), fake_canvas_spec(), fake_ar_spec()}) {
      if (!fits(preset, spec)) continue;
      ++models;
      const SamplingParams params = resolve({.preset = std::string(preset.name)}, spec);
      EXPECT_EQ(params.diffusion, preset.diffusion);
      EXPECT_GE(params.max_tokens, 1);
    }
    EXPECT_GE(models, 1) << preset.name;
  }
}

}  // namespace
}  // namespace pent
