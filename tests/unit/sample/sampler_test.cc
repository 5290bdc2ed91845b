// Decoding on hand-made logits, with the trace worked out by hand.
#include "sample/sampler.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "sample/decode.h"
#include "support/fake_denoiser.h"

namespace pent {
namespace {

using Ids = std::vector<int32_t>;

// A table model: at each position one token with probability p, the rest of the mass on token 1.
FakeDenoiser table_model(std::vector<std::pair<int32_t, double>> table, ModelSpec spec = fake_diffusion_spec(8)) {
  return FakeDenoiser(spec, [table = std::move(table), vocab = spec.vocab_size](const Ids&, int32_t position) {
    std::vector<float> logits(static_cast<size_t>(vocab), -100.0f);
    const auto [token, p] = table.at(static_cast<size_t>(position));
    logits[1] = static_cast<float>(std::log(1 - p));
    logits[static_cast<size_t>(token)] = static_cast<float>(std::log(p));
    return logits;
  });
}

struct Painted {
  std::vector<std::vector<int32_t>> committed;  // cells per step
  std::vector<Block> blocks;                    // active after each step
  DecodeOutcome outcome;
  Ids completion;
};

Painted run(Denoiser& denoiser, std::unique_ptr<Sampler> sampler, const SamplingParams& params,
            DecodeOptions options = {}) {
  Painted run;
  options.trace = [&](const TraceEvent& event) {
    if (event.kind != TraceEvent::Kind::kStep) return;
    run.committed.emplace_back();
    run.blocks.push_back({event.block_begin, event.block_end});
    for (const CellChange& change : event.changes) run.committed.back().push_back(change.cell);
  };
  if (options.banned.empty()) options.banned = unwritable_tokens(denoiser.spec(), denoiser.spec().vocab_size);
  std::vector<std::unique_ptr<Sampler>> samplers;
  samplers.push_back(std::move(sampler));
  run.outcome = decode(denoiser, samplers, params, options)[0];
  run.completion = samplers[0]->completion();
  return run;
}

Painted run_diffusion(Denoiser& denoiser, const Ids& prompt, const GenerationOptions& options,
                      DecodeOptions decode_options = {}) {
  const SamplingParams params = resolve(options, denoiser.spec(), static_cast<int>(prompt.size()));
  Canvas canvas(denoiser.spec().mask_id);
  canvas.append_fixed(prompt);
  canvas.append_masked(params.max_tokens);
  return run(denoiser, make_diffusion_sampler(canvas, params, denoiser.spec().stop_ids), params,
             std::move(decode_options));
}

using Steps = std::vector<std::vector<int32_t>>;

TEST(DiffusionSampler, ACacheComputesWhatItDoesNotKeep) {
  const std::vector<std::pair<int32_t, double>> table = {{2, 0.9}, {3, 0.6}, {4, 0.8}, {5, 0.7},
                                                         {3, 0.9}, {4, 0.6}, {6, 0.7}};
  const GenerationOptions options{.max_tokens = 6, .block_length = 3, .steps = 6};
  FakeDenoiser exact = table_model(table);
  const Painted without = run_diffusion(exact, {2}, options);
  EXPECT_EQ(exact.rows_computed, 6 * 7);
  for (const auto& [cache, rows] :
       {std::pair{"none", 6 * 7},
        {"prefix", (7 + 6 + 6) + (7 + 3 + 3)},
        {"dual", 2 * (7 + 3 + 3)},
        {"delayed", 7 + 6 + 5 + 4 + 3 + 2}}) {  // the masks that are left, and the cell decided last
    SCOPED_TRACE(cache);
    GenerationOptions cached = options;
    cached.cache = cache;
    // Whatever is kept, every row sees a whole canvas with the tokens that are decided by now.
    int forwards = 0;
    FakeDenoiser model(exact.spec(), [&](const Ids& seen, int32_t position) {
      EXPECT_EQ(seen.size(), 7u);
      EXPECT_EQ(std::count(seen.begin(), seen.end(), exact.spec().mask_id), 6 - forwards);
      std::vector<float> logits(8, -100.0f);
      const auto [token, p] = table.at(static_cast<size_t>(position));
      logits[1] = static_cast<float>(std::log(1 - p));
      logits[static_cast<size_t>(token)] = static_cast<float>(std::log(p));
      return logits;
    });
    model.on_forward = [&] { forwards = model.forwards - 1; };
    const Painted result = run_diffusion(model, {2}, cached);
    EXPECT_EQ(model.rows_computed, rows);
    EXPECT_EQ(result.committed, without.committed);
    EXPECT_EQ(result.completion, without.completion);
  }
}

TEST(DiffusionSampler, TheDelayedCacheComputesTheWholeCanvasEveryEighthForward) {
  std::vector<std::pair<int32_t, double>> table(19, {2, 0.9});
  FakeDenoiser model = table_model(table);
  std::vector<int> rows;
  model.on_forward = [&] { rows.push_back(model.rows_computed); };
  run_diffusion(model, {3}, {.max_tokens = 18, .block_length = 6, .steps = 9, .cache = "delayed"});
  for (size_t i = rows.size(); i-- > 1;) rows[i] -= rows[i - 1];
  EXPECT_EQ(rows, (std::vector<int>{19, 18, 16, 14, 12, 10, 8, 6, 19}));  // two cells a forward
}

TEST(DiffusionSampler, CommitsTheMostConfidentFirst) {
  auto model = table_model({{2, .9}, {3, .6}, {4, .95}, {5, .7}, {6, .8}, {2, .99}});
  const Painted result = run_diffusion(model, {3}, {.max_tokens = 5, .steps = 3});
  EXPECT_EQ(result.committed, (Steps{{2, 5}, {3, 4}, {1}}));
  EXPECT_EQ(result.completion, (Ids{3, 4, 5, 6, 2}));
  EXPECT_EQ(result.outcome.finish_reason, "length");
  EXPECT_EQ(result.outcome.nfe, 3);
  EXPECT_EQ(model.open_sequences(), 0u);
}

TEST(DiffusionSampler, BlocksAreDecodedInOrderAndTheLastIsShorter) {
  auto model = table_model({{2, .6}, {3, .7}, {4, .8}, {5, .9}, {6, .95}});
  const Painted result = run_diffusion(model, {}, {.max_tokens = 5, .block_length = 2, .steps = 4});
  EXPECT_EQ(result.committed, (Steps{{1}, {0}, {2, 3}, {4}}));  // steps 2, 1, 1
}

TEST(DiffusionSampler, MoreStepsThanTokensCostNoForward) {
  auto model = table_model({{2, .6}, {3, .7}, {4, .8}});
  const Painted result = run_diffusion(model, {}, {.max_tokens = 3, .steps = 50});
  EXPECT_EQ(result.outcome.nfe, 3);
  EXPECT_EQ(model.forwards, 3);
}

TEST(DiffusionSampler, FewerStepsThanBlocksGiveEachBlockOne) {
  auto model = table_model({{2, .6}, {3, .7}, {4, .8}, {5, .9}});
  const Painted result = run_diffusion(model, {}, {.max_tokens = 4, .block_length = 1, .steps = 2});
  EXPECT_EQ(result.outcome.nfe, 4);
}

TEST(DiffusionSampler, ThresholdCommitsAllAboveAndAlwaysTheBest) {
  auto model = table_model({{2, .95}, {3, .6}, {4, .97}, {5, .7}});
  const Painted result = run_diffusion(model, {}, {.preset = "fast-dllm", .max_tokens = 4});
  EXPECT_EQ(result.committed, (Steps{{0, 2}, {3}, {1}}));
}

TEST(DiffusionSampler, MaskIsNeverWritten) {
  auto model = table_model({{7, .9}, {7, .8}});  // 7 is the mask
  const Painted result = run_diffusion(model, {}, {.max_tokens = 2});
  EXPECT_EQ(result.completion, (Ids{1, 1}));
}

TEST(DiffusionSampler, PaddingRowsOfTheVocabularyAreNeverWritten) {
  auto model = table_model({{6, .9}, {5, .8}});
  const Painted result = run_diffusion(model, {}, {.max_tokens = 2}, {.banned = unwritable_tokens(model.spec(), 6)});
  EXPECT_EQ(result.completion, (Ids{1, 5}));
  EXPECT_EQ(unwritable_tokens(model.spec(), 6), (Ids{7, 6}));
}

TEST(DiffusionSampler, StopTokenEndsTheAnswerOnceEverythingBeforeItIsCommitted) {
  // The stop token (0) is written first, at cell 2, but is final only when cells 0 and 1 are.
  auto model = table_model({{2, .8}, {3, .7}, {0, .9}, {5, .6}, {6, .5}});
  const Painted result = run_diffusion(model, {}, {.max_tokens = 5});
  EXPECT_EQ(result.committed, (Steps{{2}, {0}, {1}}));
  EXPECT_EQ(result.completion, (Ids{2, 3}));
  EXPECT_EQ(result.outcome.finish_reason, "stop");
}

TEST(DiffusionSampler, BlocksBehindAFinalStopTokenAreDropped) {
  auto model = table_model({{2, .8}, {0, .7}, {4, .9}, {5, .6}});
  const Painted result = run_diffusion(model, {}, {.max_tokens = 4, .block_length = 2});
  EXPECT_EQ(result.outcome.nfe, 2);
  EXPECT_EQ(result.completion, Ids{2});
  EXPECT_EQ(result.outcome.finish_reason, "stop");
}

TEST(DiffusionSampler, StopTokenInThePromptEndsNothing) {
  auto model = table_model({{2, .9}, {3, .9}, {4, .9}, {5, .9}});
  const Painted result = run_diffusion(model, {0, 0}, {.max_tokens = 2});
  EXPECT_EQ(result.completion, (Ids{4, 5}));
  EXPECT_EQ(result.outcome.finish_reason, "length");
}

TEST(DiffusionSampler, MaskTokenInThePromptIsLeftAlone) {
  auto model = table_model({{2, .9}, {3, .9}, {4, .9}});
  const Painted result = run_diffusion(model, {7, 7}, {.max_tokens = 1});
  EXPECT_EQ(result.committed, Steps{{2}});
  EXPECT_EQ(result.completion, Ids{4});
}

TEST(DiffusionSampler, RandomRemaskingFollowsTheOrderDraws) {
  auto model = table_model({{2, .9}, {3, .9}, {4, .9}, {5, .9}});
  const Painted result = run_diffusion(model, {}, {.max_tokens = 4, .score = "random", .seed = 5});
  std::vector<bool> open(4, true);
  for (uint32_t step = 0; step < 4; ++step) {
    int32_t best = -1;
    double best_draw = -1;
    for (uint32_t cell = 0; cell < 4; ++cell) {
      const double draw = draw_uniform({.seed = 5, .step = step, .cell = cell, .purpose = DrawPurpose::kOrder});
      if (open[cell] && draw > best_draw) best_draw = draw, best = static_cast<int32_t>(cell);
    }
    open[static_cast<size_t>(best)] = false;
    EXPECT_EQ(result.committed.at(step), Ids{best});
  }
}

TEST(DiffusionSampler, DrawsAreKeyedByStepAndCanvasCell) {
  auto model = table_model({{2, .5}, {3, .5}, {4, .5}});
  const Painted result =
      run_diffusion(model, {3}, {.max_tokens = 2, .steps = 1, .temperature = 1.0, .seed = 11, .n_index = 2});
  for (uint32_t cell = 1; cell < 3; ++cell) {
    const double u = draw_uniform({.seed = 11, .n_index = 2, .step = 0, .cell = cell});
    EXPECT_EQ(result.completion.at(cell - 1), u < 0.5 ? 1 : static_cast<int32_t>(cell) + 2);  // token 1 comes first
  }
}

TEST(ArSampler, WritesUntilTheStopTokenAndKeepsItsCache) {
  auto model = table_model({{9, .9}, {3, .9}, {4, .9}, {0, .9}, {5, .9}}, fake_ar_spec(10));
  const SamplingParams params = resolve({}, model.spec(), 2);
  const Painted result = run(model, make_ar_sampler({5, 6}, params, {0}), params);
  EXPECT_EQ(result.completion, (Ids{3, 4}));
  EXPECT_EQ(result.outcome.finish_reason, "stop");
  EXPECT_EQ(result.outcome.nfe, 3);
  EXPECT_EQ(model.rows_computed, 2 + 1 + 1);
}

TEST(ArSampler, SeesEverythingBeforeIt) {
  std::vector<Ids> seen_by_step;
  FakeDenoiser model(fake_ar_spec(10), [&](const Ids& seen, int32_t position) {
    seen_by_step.push_back(seen);
    std::vector<float> logits(10);
    logits[static_cast<size_t>(position + 1)] = 1;
    return logits;
  });
  const SamplingParams params = resolve({.max_tokens = 3}, model.spec(), 2);
  const Painted result = run(model, make_ar_sampler({5, 6}, params, {0}), params);
  EXPECT_EQ(seen_by_step, (std::vector<Ids>{{5, 6}, {5, 6, 2}, {5, 6, 2, 3}}));
  EXPECT_EQ(result.completion, (Ids{2, 3, 4}));
  EXPECT_EQ(result.outcome.finish_reason, "length");
}

// At every position token 0 with `stop` and 1, 2, 3, 4 with less and less, all positive.
FakeDenoiser monotonous_model(ModelSpec spec, float stop = -100) {
  return FakeDenoiser(spec, [stop, vocab = spec.vocab_size](const Ids&, int32_t) {
    std::vector<float> logits(static_cast<size_t>(vocab), -100.0f);
    logits[0] = stop;
    for (size_t token = 1; token < 5; ++token) logits[token] = 4 - 0.1f * static_cast<float>(token);
    return logits;
  });
}

TEST(RepetitionPenalty, CountsTheTokensOfTheWindowPromptIncluded) {
  auto model = monotonous_model(fake_ar_spec(10));
  const auto written = [&](const GenerationOptions& options) {
    const SamplingParams params = resolve(options, model.spec(), 1);
    return run(model, make_ar_sampler({1}, params, {0}), params).completion;
  };
  EXPECT_EQ(written({.max_tokens = 4}), (Ids{1, 1, 1, 1}));
  EXPECT_EQ(written({.max_tokens = 6, .repetition_penalty = 2, .repetition_window = 2}), (Ids{2, 3, 1, 2, 3, 1}));
  EXPECT_EQ(written({.max_tokens = 5, .repetition_penalty = 2}), (Ids{2, 3, 4, 1, 1}));  // when all are, the likeliest
  EXPECT_EQ(written({.max_tokens = 2, .repetition_penalty = 0.5}), (Ids{1, 1}));
}

TEST(RepetitionPenalty, StopTokensAreNotCounted) {
  auto model = monotonous_model(fake_ar_spec(10), /*stop=*/5);
  const SamplingParams params = resolve({.max_tokens = 4, .repetition_penalty = 3}, model.spec(), 2);
  EXPECT_EQ(run(model, make_ar_sampler({0, 1}, params, {0}), params).outcome.finish_reason, "stop");
}

TEST(RepetitionPenalty, LooksBothWaysOnACanvas) {
  auto model = monotonous_model(fake_diffusion_spec(8));
  EXPECT_EQ(run_diffusion(model, {2}, {.max_tokens = 6}).completion, (Ids{1, 1, 1, 1, 1, 1}));
  for (const char* order : {"prob", "random"}) {
    const Ids text =
        run_diffusion(model, {2}, {.max_tokens = 6, .repetition_penalty = 3, .repetition_window = 1, .score = order})
            .completion;
    for (size_t i = 0; i < text.size(); ++i) EXPECT_NE(text[i], i == 0 ? 2 : text[i - 1]) << order;
  }
}

TEST(Decode, CancellationLeavesWhatIsFinal) {
  auto model = table_model({{2, .9}, {3, .8}, {4, .7}, {5, .95}});
  CancelToken cancel;
  model.on_forward = [&] {
    if (model.forwards == 3) cancel.cancel();
  };
  const Painted result = run_diffusion(model, {}, {.max_tokens = 4}, {.cancel = &cancel});
  EXPECT_EQ(result.committed, (Steps{{3}, {0}, {1}}));
  EXPECT_EQ(result.outcome.finish_reason, "cancelled");
  EXPECT_EQ(result.completion, (Ids{2, 3}));  // cell 3 stands behind a gap
}

TEST(Decode, CancelledBeforeTheFirstForwardDoesNoWork) {
  auto model = table_model({{2, .9}});
  CancelToken cancel;
  cancel.cancel();
  const Painted result = run_diffusion(model, {}, {.max_tokens = 1}, {.cancel = &cancel});
  EXPECT_EQ(model.forwards, 0);
  EXPECT_EQ(result.outcome.finish_reason, "cancelled");
}

TEST(Decode, ForwardBudgetAndDeadlineEndIt) {
  auto model = table_model({{2, .9}, {3, .8}, {4, .7}});
  EXPECT_EQ(run_diffusion(model, {}, {.max_tokens = 3, .max_nfe = 2}).outcome.finish_reason, "deadline");
  EXPECT_EQ(model.forwards, 2);
  EXPECT_EQ(run_diffusion(model, {}, {.max_tokens = 3, .max_nfe = 3}).outcome.finish_reason, "length");
  const Painted late = run_diffusion(model, {}, {.max_tokens = 3, .deadline_ms = 0});
  EXPECT_EQ(late.outcome.finish_reason, "deadline");
  EXPECT_EQ(late.outcome.nfe, 1);
  EXPECT_EQ(late.outcome.hurried, 3);
}

TEST(Decode, StopTextIsLookedForAfterEveryStep) {
  auto model = table_model({{2, .9}, {3, .8}, {4, .7}});
  const Painted result =
      run_diffusion(model, {}, {.max_tokens = 3},
                    {.is_stopped = [](std::span<const int32_t> completion) { return completion.size() >= 2; }});
  EXPECT_EQ(result.outcome.nfe, 2);
  EXPECT_EQ(result.outcome.finish_reason, "stop");
}

TEST(Decode, FailingForwardClosesItsSequences) {
  FakeDenoiser model(fake_diffusion_spec(8), [](const Ids&, int32_t) -> std::vector<float> {
    throw error(ErrorKind::kCorrupt, "logits are not finite");
  });
  EXPECT_THROW(run_diffusion(model, {}, {.max_tokens = 3}), Error);
  EXPECT_EQ(model.open_sequences(), 0u);
}

}  // namespace
}  // namespace pent
