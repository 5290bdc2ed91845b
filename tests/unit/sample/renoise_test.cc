// The renoise sampler on hand-made logits: its schedule, what ends a canvas, what a forward is shown, and what always holds.
#include "sample/renoise.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "base/error.h"
#include "sample/decode.h"
#include "sample/penalty.h"
#include "support/fake_denoiser.h"

namespace pent {
namespace {

using Ids = std::vector<int32_t>;

struct Decoded {
  Ids tokens;
  DecodeOutcome outcome;
  std::vector<TraceEvent> events;
};

Decoded run(FakeDenoiser& denoiser, SamplingParams params, const Ids& prompt = {1, 2}) {
  const int behind = (params.block_length - params.max_tokens % params.block_length) % params.block_length;
  params.padding =
      std::min(behind, denoiser.spec().max_positions - static_cast<int>(prompt.size()) - params.max_tokens);
  std::vector<std::unique_ptr<Sampler>> samplers;
  samplers.push_back(make_renoise_sampler(prompt, params, denoiser.spec().vocab_size, denoiser.spec().stop_ids));
  Decoded decoded;
  DecodeOptions options;
  options.trace = [&](const TraceEvent& event) { decoded.events.push_back(event); };
  decoded.outcome = decode(denoiser, samplers, params, options)[0];
  decoded.tokens = samplers[0]->completion();
  return decoded;
}

// Every cell is sure of `token`, as far as `strength` goes.
FakeDenoiser::Logits sure_of(int32_t token, float strength) {
  return [=](const Ids&, int32_t) {
    std::vector<float> logits(16);
    logits[static_cast<size_t>(token)] = strength;
    return logits;
  };
}

std::string refusal(const GenerationOptions& options, const ModelSpec& spec) {
  try {
    resolve(options, spec, 10);
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

TEST(Renoise, TemperatureFallsFromTheFirstAndNeverReachesTheLast) {
  const RenoiseRule rule{.first_temperature = 0.8, .final_temperature = 0.4};
  EXPECT_FLOAT_EQ(rule.temperature(0, 4), 0.8f);
  EXPECT_FLOAT_EQ(rule.temperature(1, 4), 0.7f);
  EXPECT_FLOAT_EQ(rule.temperature(3, 4), 0.5f);
  EXPECT_FLOAT_EQ(rule.temperature(0, 1), 0.8f);
}

TEST(Renoise, SettleIsReadOrRefused) {
  EXPECT_EQ(parse_settle("none"), SettleRule{});
  EXPECT_EQ(parse_settle("2:0.5"), (SettleRule{2, 0.5}));
  EXPECT_EQ(to_string(parse_settle("1:0.005")), "1:0.005");
  EXPECT_EQ(to_string(SettleRule{}), "none");
  for (const char* text : {"", "1", "1:", ":1", "-1:1", "1:0", "1:-2", "1:nan", "1:101", "1001:1", "1:1:1", "all"})
    EXPECT_EQ(refusal({.settle = text}, fake_canvas_spec()),
              fmt::format("--settle is '{}'; expected none or STEPS:NATS with 0 to 1000 steps and nats above 0 and at "
                          "most 100",
                          text));
}

TEST(Renoise, ACanvasEndsWhenItsBestTokensStayAndItIsSure) {
  FakeDenoiser denoiser(fake_canvas_spec(), sure_of(5, 40));
  const auto nfe = [&](const char* settle) {
    return run(denoiser, resolve({.max_tokens = 8, .settle = settle}, denoiser.spec())).outcome.nfe;
  };
  EXPECT_EQ(nfe("0:0.005"), 1);
  EXPECT_EQ(nfe("1:0.005"), 2) << "there must be a step before to agree with";
  EXPECT_EQ(nfe("3:0.005"), 4);
  EXPECT_EQ(nfe("none"), 48);
  FakeDenoiser unsure(fake_canvas_spec(), sure_of(5, 1));
  EXPECT_EQ(run(unsure, resolve({.max_tokens = 8}, unsure.spec())).outcome.nfe, 48);
}

TEST(Renoise, AnAnswerGoesOverCanvasesAndEndsAtItsLength) {
  FakeDenoiser denoiser(fake_canvas_spec(), sure_of(5, 40));
  const Decoded decoded = run(denoiser, resolve({.max_tokens = 19}, denoiser.spec()));
  EXPECT_EQ(decoded.tokens, Ids(19, 5));
  EXPECT_EQ(decoded.outcome.finish_reason, "length");
  EXPECT_EQ(decoded.outcome.nfe, 6);
  EXPECT_EQ(decoded.outcome.cells, 2 + 24) << "canvases are denoised whole";
  // The prompt is encoded with the first canvas, and each canvas with the next: rows 2 + 8, 8, 8 + 8, 8, 8 + 8, 8.
  EXPECT_EQ(decoded.outcome.rows, 66);
  const SamplingParams uncached = resolve({.max_tokens = 19, .cache = "none"}, denoiser.spec());
  EXPECT_EQ(run(denoiser, uncached).outcome.rows, 2 * (10 + 18 + 26));
}

TEST(Renoise, AnEndTokenInTheMiddleOfACanvasEndsTheAnswer) {
  FakeDenoiser denoiser(fake_canvas_spec(), [](const Ids&, int32_t position) {
    std::vector<float> logits(16);
    logits[position == 13 ? 0 : 7] = 40;
    return logits;
  });
  const Decoded decoded = run(denoiser, resolve({.max_tokens = 40}, denoiser.spec()));
  EXPECT_EQ(decoded.tokens, Ids(11, 7));
  EXPECT_EQ(decoded.outcome.finish_reason, "stop");
  EXPECT_EQ(decoded.outcome.nfe, 4);
}

TEST(Renoise, TheLastCanvasIsCutAtTheContextsEnd) {
  ModelSpec spec = fake_canvas_spec();
  spec.max_positions = 15;
  FakeDenoiser denoiser(spec, sure_of(5, 40));
  const Decoded decoded = run(denoiser, resolve({}, spec, 2));
  EXPECT_EQ(decoded.tokens, Ids(13, 5));
  EXPECT_EQ(decoded.outcome.cells, 15);
}

TEST(Renoise, CellsThatAreNotAcceptedAreRandomAgain) {
  // Cell 4 is sure, the others know nothing: the bound accepts it, and one more, for the sum before that is 0.
  FakeDenoiser denoiser(fake_canvas_spec(), [](const Ids&, int32_t position) {
    std::vector<float> logits(16);
    if (position == 4) logits[9] = 60;
    return logits;
  });
  const Decoded decoded = run(denoiser, resolve({.max_tokens = 8, .settle = "none", .seed = 3}, denoiser.spec()));
  ASSERT_EQ(decoded.events.size(), 50u);
  std::vector<int> changed(8);
  for (size_t step = 1; step + 2 < decoded.events.size(); ++step) {
    const auto& changes = decoded.events[step].changes;
    int accepted = 0;
    for (size_t i = 0; i < 8; ++i) {
      EXPECT_EQ(changes[i].state, CellState::kNoisy) << "nothing is final before the canvas is";
      accepted += changes[i].confidence > 0;
      if (step > 1) changed[i] += changes[i].token != decoded.events[step - 1].changes[i].token;
    }
    EXPECT_EQ(accepted, 2);
    EXPECT_EQ(changes[2].token, 9);
  }
  EXPECT_EQ(changed[2], 0);
  for (const size_t i : {3, 4, 5, 6, 7}) EXPECT_GE(changed[i], 30);
}

TEST(Renoise, AStepTotalIsSharedOverCanvases) {
  FakeDenoiser denoiser(fake_canvas_spec(), sure_of(5, 1));
  EXPECT_EQ(run(denoiser, resolve({.max_tokens = 24, .steps = 7}, denoiser.spec())).outcome.nfe, 7);
  EXPECT_EQ(run(denoiser, resolve({.max_tokens = 24, .steps_per_block = 3}, denoiser.spec())).outcome.nfe, 9);
}

TEST(Renoise, ABudgetsLastForwardKeepsTheBestOfTheCanvasItIsIn) {
  FakeDenoiser denoiser(fake_canvas_spec(), sure_of(5, 40));
  const auto within = [&](GenerationOptions options) {
    options.max_tokens = 24;
    return run(denoiser, resolve(options, denoiser.spec()));
  };
  for (const int forwards : {1, 3, 5}) {  // a canvas takes two
    const Decoded decoded = within({.max_nfe = forwards});
    EXPECT_EQ(decoded.outcome.nfe, forwards);
    EXPECT_EQ(decoded.tokens, Ids(static_cast<size_t>(8 * (forwards + 1) / 2), 5)) << forwards;
    EXPECT_EQ(decoded.outcome.finish_reason, "deadline");
    EXPECT_EQ(decoded.outcome.hurried, 8) << "the cells of one canvas, for the others were finished in time";
  }
  const Decoded late = within({.deadline_ms = 0});
  EXPECT_EQ(late.outcome.nfe, 1);
  EXPECT_EQ(late.tokens, Ids(8, 5));
  EXPECT_EQ(late.outcome.finish_reason, "deadline");
  const Decoded in_time = within({.steps_per_block = 2, .settle = "none", .max_nfe = 6});
  EXPECT_EQ(in_time.outcome.finish_reason, "length") << "as many as all canvases take";
  EXPECT_EQ(in_time.outcome.hurried, 0);
}

TEST(Renoise, WhatABudgetLeavesEndsAtAnEndToken) {
  FakeDenoiser denoiser(fake_canvas_spec(), [](const Ids&, int32_t position) {
    std::vector<float> logits(16);
    logits[position == 5 ? 0 : 7] = 4;
    return logits;
  });
  const Decoded decoded = run(denoiser, resolve({.max_tokens = 40, .max_nfe = 2}, denoiser.spec()));
  EXPECT_EQ(decoded.tokens, Ids(3, 7));
  EXPECT_EQ(decoded.outcome.finish_reason, "deadline");
}

TEST(Renoise, RandomTokensAreNotCountedAsRepeatedAndACellDoesNotRepeatItself) {
  Canvas canvas(-1);
  canvas.append_fixed(Ids{3, 4});
  canvas.append_noisy(5);
  canvas.append_noisy(6);
  const SamplingParams params{.repetition_penalty = 2, .repetition_window = 8};
  HeadRequest request;
  request_penalty(params, canvas, 2, {}, request);
  EXPECT_EQ(request.recent.back(), (Ids{3, 4}));
  canvas.commit(2, 7, 1, 0);
  request_penalty(params, canvas, 2, {}, request);
  EXPECT_EQ(request.recent.back(), (Ids{3, 4}));
  request_penalty(params, canvas, 3, {}, request);
  EXPECT_EQ(request.recent.back(), (Ids{3, 4, 7}));
}

TEST(Renoise, WhatDoesNotGoWithItIsRefusedInOneLine) {
  const ModelSpec spec = fake_canvas_spec();
  const std::string model = " is not for this model (diffusion-gemma), which denoises canvases of random tokens; ";
  EXPECT_EQ(refusal({.remask = "edit"}, spec), "--remask edit:0.9" + model + "leave it out");
  EXPECT_EQ(refusal({.select = "linear"}, spec),
            "--select linear" + model + "use entropy:NATS, threshold:P or factor:F");
  EXPECT_EQ(refusal({.cache = "dual"}, spec), "--cache dual" + model + "use --cache block, which is exact");
  EXPECT_EQ(refusal({.block_length = 9}, spec), "--block-length is 9; this model's canvases have 8 cells at most");
  EXPECT_EQ(refusal({.temperature = 1e-4}, spec), "--temperature is 0.0001; expected 0 or 0.001 to 100 for this model");
  EXPECT_EQ(refusal({.final_temperature = 0}, spec), "--final-temperature is 0; expected 0.001 to 100");
  EXPECT_EQ(refusal({.final_temperature = NAN}, spec), "--final-temperature is nan; expected 0.001 to 100");
  EXPECT_EQ(refusal({.cfg_scale = 1}, spec),
            "--cfg-scale is not defined for this model (diffusion-gemma): it has no masks to hide the given text "
            "behind; leave it out");
  EXPECT_EQ(refusal({.length = "8..20"}, spec),
            "a canvas that grows (8..20) cannot be combined with this model (diffusion-gemma), which writes canvas "
            "after canvas until its end token; use --length N");
  EXPECT_EQ(refusal({.order_temperature = 1}, spec),
            "--order-temperature needs --select linear, cosine or timestep, not entropy");
  EXPECT_EQ(
      refusal({.preset = "llada"}, spec),
      "preset 'llada' is for masked diffusion models, but this one (diffusion-gemma) is one of random tokens; use "
      "--preset diffusion-gemma");
  const std::string others = " is for models that denoise canvases of random tokens (DiffusionGemma), and this one is ";
  EXPECT_EQ(refusal({.settle = "none"}, fake_diffusion_spec()), "--settle" + others + "llada; leave it out");
  EXPECT_EQ(refusal({.final_temperature = 1}, fake_diffusion_spec()),
            "--final-temperature" + others + "llada; leave it out");
  EXPECT_EQ(refusal({.remask = "renoise"}, fake_diffusion_spec()), "--remask renoise" + others + "llada; leave it out");
  EXPECT_NE(refusal({.settle = "none"}, fake_ar_spec()).find("--settle is for diffusion presets"), std::string::npos);
  ModelSpec capped = fake_diffusion_spec();
  capped.logit_cap = 30;
  EXPECT_EQ(refusal({.cfg_scale = 1}, capped),
            "--cfg-scale is not defined for this model (llada): its logits are capped; leave it out");
  EXPECT_EQ(refusal({.cfg_scale = 0}, capped), "accepted");
}

RC_GTEST_PROP(RenoiseProperty, WhateverTheLogitsTheAnswerFitsAndIsTheSameAgain, ()) {
  FakeDenoiser denoiser(fake_canvas_spec(), scrambled_logits(16, *rc::gen::inRange(0, 12)));
  const int max_tokens = *rc::gen::inRange(1, 40), steps = *rc::gen::inRange(1, 9);
  GenerationOptions options{.max_tokens = max_tokens,
                            .block_length = *rc::gen::inRange(1, 9),
                            .steps_per_block = steps,
                            .select = fmt::format("entropy:{}", *rc::gen::inRange(0, 12)),
                            .settle = *rc::gen::element("none", "0:1", "1:2"),
                            .seed = *rc::gen::inRange<uint64_t>(0, 1000)};
  const SamplingParams params = resolve(options, denoiser.spec(), 2);
  const Decoded decoded = run(denoiser, params);
  RC_ASSERT(static_cast<int>(decoded.tokens.size()) <= max_tokens);
  RC_ASSERT(std::count(decoded.tokens.begin(), decoded.tokens.end(), 0) == 0);
  RC_ASSERT((decoded.outcome.finish_reason == "length") == (static_cast<int>(decoded.tokens.size()) == max_tokens));
  const int canvases = (max_tokens + params.block_length - 1) / params.block_length;
  RC_ASSERT(decoded.outcome.nfe >= 1 && decoded.outcome.nfe <= canvases * steps);
  RC_ASSERT(run(denoiser, params).tokens == decoded.tokens);
  RC_ASSERT(denoiser.open_sequences() == 0u);
  // The trace paints the canvas: prompt untouched, every token of the vocabulary.
  std::vector<Cell> cells;
  for (const TraceEvent& event : decoded.events) paint(cells, event);
  RC_ASSERT(cells[0].token == 1 && cells[1].token == 2);
  for (const Cell& cell : cells) RC_ASSERT(cell.token >= 0 && cell.token < 16);
  for (size_t i = 0; i < decoded.tokens.size(); ++i) RC_ASSERT(cells[i + 2].token == decoded.tokens[i]);
}

}  // namespace
}  // namespace pent
