#include "engine/best_of.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "fake_model.h"
#include "support/expect_error.h"

namespace pent {
namespace {

TEST(BestOf, LikelihoodIsTheMeanOverWhatWasWritten) {
  Canvas canvas(15);
  canvas.append_fixed(std::vector<int32_t>{1, 2});
  canvas.append_masked(4);
  EXPECT_EQ(mean_log_probability(canvas, 4), -std::numeric_limits<double>::infinity());
  canvas.commit(3, 1, 0.25f, 0);
  canvas.commit(2, 1, 0.5f, 1);
  canvas.commit(5, 1, 1e-9f, 1);
  EXPECT_NEAR(mean_log_probability(canvas, 2), std::log(0.125) / 2, 1e-6);  // not the cell behind the end
  EXPECT_NEAR(mean_log_probability(canvas, 1), std::log(0.5), 1e-6);
}

std::vector<Generation> candidates_of(Model& model, GenerationOptions options, int count) {
  options.best_of = 1;
  std::vector<BatchItem> items;
  for (int i = 0; i < count; ++i) items.push_back({{1}, options.seed, options.n_index * 5 + static_cast<uint32_t>(i)});
  return generate_batch(model, items, options, 1);
}

TEST(BestOf, KeepsTheLikeliestOfTheCandidates) {
  for (const ModelSpec& spec : {fake_diffusion_spec(), fake_ar_spec()}) {
    // A token's logit is its id: the sum of the ids written orders the candidates.
    Model model = fake_model(spec, [](const std::vector<int32_t>&, int32_t) {
      std::vector<float> logits(16, -20);
      for (size_t id = 1; id < 8; ++id) logits[id] = static_cast<float>(id) / 4;
      return logits;
    });
    for (const uint32_t n_index : {0u, 2u}) {
      const GenerationOptions options{.max_tokens = 6, .temperature = 1.0, .seed = 3, .n_index = n_index, .best_of = 5};
      int64_t most = 0, forwards = 0;
      for (const Generation& each : candidates_of(model, options, 5)) {
        int64_t sum = 0;
        for (const TokenId id : each.token_ids) sum += id;
        most = std::max(most, sum);
        forwards += each.nfe;
      }
      const Generation best = generate(model, {1}, options);
      int64_t sum = 0;
      for (const TokenId id : best.token_ids) sum += id;
      EXPECT_EQ(sum, most);
      EXPECT_EQ(best.nfe, forwards) << "every candidate's forwards count";
      EXPECT_EQ(best.n_index, n_index);
      const auto batch = generate_batch(model, {{{1}, 7, 1}, {{1}, options.seed, n_index}}, options, 3);
      EXPECT_EQ(batch[1].token_ids, best.token_ids);
    }
  }
}

TEST(BestOf, HoldsForFillingsToo) {
  Model model = fake_model(fake_diffusion_spec());
  const GenerationOptions plain{.temperature = 1.0, .seed = 4};
  double best = -1e9;
  std::string text;
  for (uint32_t candidate = 0; candidate < 4; ++candidate) {
    GenerationOptions options = plain;
    options.n_index = candidate;
    double sum = 0;
    const TraceSink sink = [&](const TraceEvent& event) {
      if (event.kind != TraceEvent::Kind::kStep) return;
      for (const CellChange& change : event.changes) sum += std::log(change.confidence);
    };
    const Filling filling = fill(model, "a[[3]]b[[2]]", options, {}, sink);
    if (sum <= best) continue;
    best = sum;
    text = filling.generation.text;
  }
  GenerationOptions options = plain;
  options.best_of = 4;
  EXPECT_EQ(fill(model, "a[[3]]b[[2]]", options).generation.text, text);
}

TEST(BestOf, AFinishedCandidateBeatsOneThatWasCut) {
  Model model = fake_model(fake_ar_spec(), writes(std::vector<int32_t>(40, 1)));
  CancelToken cancel;
  auto& denoiser = static_cast<FakeDenoiser&>(*model.denoiser);
  denoiser.on_forward = [&] {
    if (denoiser.forwards == 13) cancel.cancel();
  };
  const Generation best = generate(model, {1}, {.max_tokens = 10, .temperature = 0.01, .best_of = 3}, {}, &cancel);
  EXPECT_EQ(best.completion_tokens, 10);
  EXPECT_EQ(best.finish_reason, "cancelled");
}

TEST(BestOf, RefusesWhatMakesNoSense) {
  Model model = fake_model(fake_diffusion_spec());
  EXPECT_ERROR(generate(model, {1}, {.max_tokens = 2, .best_of = 2}), kInvalidArgument, "--best-of 2", "temperature");
  EXPECT_ERROR(generate(model, {1}, {.max_tokens = 2, .temperature = 1.0, .best_of = 0}), kInvalidArgument,
               "--best-of");
}

}  // namespace
}  // namespace pent
