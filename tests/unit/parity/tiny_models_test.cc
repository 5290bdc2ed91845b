// Tiny random checkpoints in the published layouts: logits against tests/parity's torch nets, and the ids that our presets
// must decode against samplers written anew in Python from the papers.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "sample/bound.h"
#include "sample/decode.h"
#include "sample/preset.h"
#include "sample/sampler.h"
#include "unit/parity/golden.h"

namespace pent {
namespace {

class TinyModel : public ::testing::TestWithParam<const char*> {
 protected:
  std::unique_ptr<Denoiser> load(bool precise) {
    return load_native(open_model_files(golden_dir() / GetParam()), pool_, {.precise = precise});
  }

  ThreadPool pool_{2};
};

struct Difference {
  double max = 0;     // of |got - want|
  double square = 0;  // sums over all logits
  double spread = 0;
  int same_argmax = 0;
  int rows = 0;
};

Difference compare(Denoiser& denoiser, const GoldenTensors& golden) {
  const std::vector<float> want = golden.floats("logits");
  const auto vocab = static_cast<size_t>(denoiser.spec().vocab_size);
  Difference difference;
  for (const std::vector<int32_t>& text : golden.texts()) {
    const PassResult result = forward_all(denoiser, text);
    for (size_t row = 0; row < text.size(); ++row, ++difference.rows) {
      const float* expected = want.data() + static_cast<size_t>(difference.rows) * vocab;
      for (size_t v = 0; v < vocab; ++v) {
        const double off = result.logits[row * vocab + v] - expected[v];
        difference.max = std::max(difference.max, std::abs(off));
        difference.square += off * off;
        difference.spread += expected[v] * expected[v];
      }
      difference.same_argmax += result.rows[row].argmax == std::max_element(expected, expected + vocab) - expected;
    }
  }
  return difference;
}

TEST_P(TinyModel, PreciseLogitsAgreeWithTheReference) {
  const auto denoiser = load(/*precise=*/true);
  const Difference difference = compare(*denoiser, GoldenTensors(std::string(GetParam()) + ".safetensors"));
  EXPECT_EQ(difference.rows, 32);
  EXPECT_LE(difference.max, 2e-4);
  RecordProperty("max_abs_difference", std::to_string(difference.max));
  EXPECT_EQ(difference.same_argmax, difference.rows);
}

TEST_P(TinyModel, Int8LogitsStayNearTheReference) {
  const auto denoiser = load(/*precise=*/false);
  const Difference difference = compare(*denoiser, GoldenTensors(std::string(GetParam()) + ".safetensors"));
  EXPECT_LE(std::sqrt(difference.square / difference.spread), 0.1);
}

SamplingParams params_of(const Json& item, const ModelSpec& spec) {
  GenerationOptions options;
  options.preset = item.contains("threshold") ? "fast-dllm" : spec.is_diffusion() ? "llada" : "ar";
  options.max_tokens = item["length"];
  options.seed = item["seed"];
  const auto set = [&](const char* key, auto& option) {
    if (item.contains(key)) option = item[key].get<typename std::decay_t<decltype(option)>::value_type>();
  };
  set("block_length", options.block_length);
  set("steps", options.steps);
  set("threshold", options.threshold);
  set("temperature", options.temperature);
  set("top_k", options.top_k);
  set("top_p", options.top_p);
  if (spec.is_diffusion()) options.cache = item.value("cache", "none");
  if (item.value("remasking", "") == "random") options.score = "random";
  return resolve(options, spec, static_cast<int>(item["prompt"].size()));
}

std::unique_ptr<Sampler> sampler_of(const Json& item, const ModelSpec& spec, const SamplingParams& params) {
  const auto prompt = item["prompt"].get<std::vector<int32_t>>();
  const auto stop_ids = item.value("stop_ids", std::vector<int32_t>{});
  if (!spec.is_diffusion()) return make_ar_sampler(prompt, params, stop_ids);
  Canvas canvas(spec.mask_id);
  canvas.append_fixed(prompt);
  canvas.append_masked(params.max_tokens);
  return make_diffusion_sampler(std::move(canvas), params, stop_ids);
}

TEST_P(TinyModel, DecodesTheIdsOfTheReferenceSampler) {
  const auto denoiser = load(/*precise=*/true);
  for (const Json& item : golden_json(std::string(GetParam()) + "-decoding.json")) {
    SCOPED_TRACE(item.dump());
    const SamplingParams params = params_of(item, denoiser->spec());
    std::vector<std::unique_ptr<Sampler>> samplers;
    samplers.push_back(sampler_of(item, denoiser->spec(), params));
    DecodeOptions options;
    options.banned = unwritable_tokens(denoiser->spec(), denoiser->spec().vocab_size);
    const std::vector<DecodeOutcome> outcome = decode(*denoiser, samplers, params, options);

    EXPECT_EQ(samplers[0]->completion(), item["tokens"].get<std::vector<int32_t>>());
    if (!item.contains("nfe")) continue;
    EXPECT_EQ(outcome[0].nfe, item["nfe"]);
    EXPECT_EQ(outcome[0].finish_reason, item["finish"]);
    const auto begin = static_cast<int32_t>(item["prompt"].size());
    for (size_t i = 0; i < item["step_of_cell"].size(); ++i)
      EXPECT_EQ(samplers[0]->canvas()[begin + static_cast<int32_t>(i)].step, item["step_of_cell"][i]) << "cell " << i;
  }
}

TEST_P(TinyModel, LikelihoodsEqualTheReference) {
  const auto denoiser = load(/*precise=*/true);
  for (const Json& item : golden_json(std::string(GetParam()) + "-likelihood.json")) {
    SCOPED_TRACE(item.dump());
    const ScoringItem scored{.context = item["context"], .target = item["target"]};
    LogLikelihood likelihood;
    if (denoiser->spec().is_diffusion()) {
      likelihood =
          diffusion_bound(*denoiser, scored, {.draws = item["draws"], .width = item["width"], .seed = item["seed"]});
      EXPECT_NEAR(likelihood.standard_error, item["standard_error"], 1e-3);
    } else {
      likelihood = ar_log_likelihood(*denoiser, std::span(&scored, 1))[0];
    }
    EXPECT_NEAR(likelihood.log_prob, item["log_prob"], 1e-3);
    EXPECT_EQ(likelihood.tokens, static_cast<int>(scored.target.size()));
  }
}

INSTANTIATE_TEST_SUITE_P(, TinyModel, ::testing::Values("tiny-llada", "tiny-llada-tied", "tiny-llama"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace pent
