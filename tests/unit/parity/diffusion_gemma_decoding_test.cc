// DiffusionGemma's decoding: what every forward shows, accepts and ends with, against tests/parity/gemma_reference.py on the tiny
// checkpoint, and the settings that its files give unasked.
#include <gtest/gtest.h>

#include "engine/generate.h"
#include "engine/model.h"
#include "sample/decode.h"
#include "support/expect_error.h"
#include "unit/parity/golden.h"

namespace pent {
namespace {

std::filesystem::path tiny_dir() { return golden_dir() / "tiny-diffusion-gemma"; }

SamplingParams params_of(const Json& item, const ModelSpec& spec) {
  GenerationOptions options;
  const auto set = [&](const char* key, auto& option) {
    if (item.contains(key)) option = item[key].get<typename std::decay_t<decltype(option)>::value_type>();
  };
  options.seed = item["seed"];
  set("max_tokens", options.max_tokens);
  set("block_length", options.block_length);
  set("steps_per_block", options.steps_per_block);
  set("select", options.select);
  set("settle", options.settle);
  set("temperature", options.temperature);
  set("final_temperature", options.final_temperature);
  SamplingParams params = resolve(options, spec, static_cast<int>(item["prompt"].size()));
  params.padding = (params.block_length - params.max_tokens % params.block_length) % params.block_length;
  return params;
}

// The canvas that a forward leaves, and which of its cells are accepted; none are where it is finished.
struct Step {
  std::vector<int32_t> shown, accepted;
  bool operator==(const Step&) const = default;
};
void PrintTo(const Step& step, std::ostream* out) {
  *out << ::testing::PrintToString(step.shown) << " accepted " << ::testing::PrintToString(step.accepted);
}

Step step_of(const TraceEvent& event) {
  const bool finished = event.changes.front().state == CellState::kCommitted;
  Step step;
  for (const CellChange& change : event.changes) {
    if (finished != (change.state == CellState::kCommitted)) break;  // the next canvas
    if (!finished && change.confidence > 0) step.accepted.push_back(static_cast<int32_t>(step.shown.size()));
    step.shown.push_back(change.token);
  }
  return step;
}

TEST(DiffusionGemmaDecoding, EveryForwardDecidesWhatTheReferenceDecides) {
  ThreadPool pool(1);
  const auto denoiser = load_native(open_model_files(tiny_dir()), pool, {.precise = true});
  const ModelSpec& spec = denoiser->spec();
  int cases = 0;
  for (const Json& item : golden_json("tiny-diffusion-gemma-decoding.json")) {
    for (const char* cache : {"block", "none"}) {
      SCOPED_TRACE(item.dump());
      SamplingParams params = params_of(item, spec);
      params.cache = *parse_cache(cache);
      std::vector<std::unique_ptr<Sampler>> samplers;
      samplers.push_back(make_renoise_sampler(item["prompt"], params, spec.vocab_size, item["stops"]));
      std::vector<Step> steps, expected;
      DecodeOptions options;
      options.trace = [&](const TraceEvent& event) {
        if (event.kind == TraceEvent::Kind::kStep) steps.push_back(step_of(event));
      };
      const std::vector<DecodeOutcome> outcome = decode(*denoiser, samplers, params, options);
      for (const Json& step : item["log"])
        expected.push_back(step.contains("final") ? Step{step["final"], {}} : Step{step["shown"], step["accepted"]});
      EXPECT_EQ(steps, expected);
      EXPECT_EQ(samplers[0]->completion(), item["answer"].get<std::vector<int32_t>>());
      EXPECT_EQ(outcome[0].nfe, item["nfe"]);
      ++cases;
    }
  }
  EXPECT_EQ(cases, 14);
}

class DiffusionGemmaModel : public ::testing::Test {
 protected:
  ThreadPool pool_{1};
  Model model_ = load_model(tiny_dir().string(), {}, pool_);
};

// spec 11 §5
TEST_F(DiffusionGemmaModel, DecodesAsPublishedUnasked) {
  const SamplingParams params = resolved_params(model_, {}, 10);
  EXPECT_EQ(params.preset, "diffusion-gemma");
  EXPECT_TRUE(params.diffusion);
  EXPECT_EQ(params.remask.kind, RemaskKind::kRenoise);
  EXPECT_EQ(params.select, (SelectRule{SelectKind::kEntropyBound, 0.1}));
  EXPECT_EQ(params.steps_per_block, 48);
  EXPECT_EQ(params.block_length, 8);
  EXPECT_EQ(params.renoise, (RenoiseRule{0.8, 0.4, {1, 0.005}}));
  EXPECT_EQ(params.temperature, 1);  // of the draw, after the division
  EXPECT_EQ(params.cache, CacheKind::kBlock);
  EXPECT_EQ(params.max_tokens, 246) << "what the context leaves: max_new_tokens is one canvas, no limit";
  EXPECT_FLOAT_EQ(params.renoise.temperature(0, 48), 0.8f);
  EXPECT_FLOAT_EQ(params.renoise.temperature(47, 48), 0.4f + 0.4f / 48);
}

TEST_F(DiffusionGemmaModel, TheCheckpointsSettingsGoOverThePresetsAndTheCallersOverBoth) {
  Json& config = model_.files.generation_config;
  config["t_max"] = 1.5;
  config["t_min"] = 0.5;
  config["max_denoising_steps"] = 7;
  config["sampler_config"]["entropy_bound"] = 0.3;
  config["stability_threshold"] = 2;
  config["confidence_threshold"] = 0.25;
  config["top_k"] = 3;  // transformers' class refuses it
  const SamplingParams params = resolved_params(model_, {}, 10);
  EXPECT_EQ(params.renoise, (RenoiseRule{1.5, 0.5, {2, 0.25}}));
  EXPECT_EQ(params.select, (SelectRule{SelectKind::kEntropyBound, 0.3}));
  EXPECT_EQ(params.steps_per_block, 7);
  EXPECT_EQ(params.top_k, 0);
  const SamplingParams own = resolved_params(model_,
                                             {.max_tokens = 20,
                                              .steps = 9,
                                              .select = "factor:2",
                                              .temperature = 0.0,
                                              .final_temperature = 0.7,
                                              .settle = "none"},
                                             10);
  EXPECT_EQ(own.renoise, (RenoiseRule{0.8, 0.7, {}}));
  EXPECT_EQ(own.temperature, 0);
  EXPECT_EQ(own.select, (SelectRule{SelectKind::kFactor, 2}));
  EXPECT_EQ(own.steps, 9);
  EXPECT_EQ(own.steps_per_block, 0);
  EXPECT_EQ(resolved_params(model_, {.preset = "diffusion-gemma"}, 10).renoise, (RenoiseRule{0.8, 0.4, {1, 0.005}}))
      << "a preset named is the preset";
  config["stability_threshold"] = nullptr;
  EXPECT_EQ(resolved_params(model_, {}, 10).renoise.settle, SettleRule{});
  config["sampler_config"]["_cls_name"] = "OtherConfig";
  EXPECT_ERROR(resolved_params(model_, {}, 10), kUnsupported, "sampler_config is 'OtherConfig'");
  config["sampler_config"] = 3;
  EXPECT_ERROR(resolved_params(model_, {}, 10), kCorrupt, "sampler_config is no object");
}

TEST_F(DiffusionGemmaModel, AnAnswerIsTheSameAloneAndInABatch) {
  const GenerationOptions options{.max_tokens = 13, .steps_per_block = 4};
  std::vector<BatchItem> items;
  for (uint32_t i = 0; i < 5; ++i)
    items.push_back({std::vector<int32_t>(1 + 3 * i, static_cast<int32_t>(40 + i)), i, i % 2});
  const std::vector<Generation> batch = generate_batch(model_, items, options, 3);
  for (size_t i = 0; i < items.size(); ++i) {
    GenerationOptions alone = options;
    alone.seed = items[i].seed;
    alone.n_index = items[i].n_index;
    const Generation one = generate(model_, items[i].prompt, alone);
    EXPECT_EQ(batch[i].token_ids, one.token_ids);
    EXPECT_EQ(batch[i].nfe, one.nfe);
    EXPECT_EQ(one.preset, "diffusion-gemma");
    EXPECT_EQ(one.mode, Mode::kDiffusion);
    EXPECT_EQ(one.written.size(), one.token_ids.size());
    EXPECT_LE(one.canvas_cells, 13);
  }
}

TEST_F(DiffusionGemmaModel, WhatItCannotDoIsRefusedInOneLine) {
  EXPECT_ERROR(generate(model_, {1}, {.regex = "a+"}), kInvalidArgument, "a constraint is not for this model");
  EXPECT_ERROR(fill(model_, "a [[2]] b", {}), kInvalidArgument, "does not see the text behind a hole");
  EXPECT_ERROR(generate(model_, {1}, {.cfg_scale = 1}), kInvalidArgument, "--cfg-scale is not defined for this model");
}

}  // namespace
}  // namespace pent
