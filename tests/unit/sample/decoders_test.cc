// What the presets do over a whole generation, on models made by hand.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <cmath>

#include "sample/decode.h"
#include "support/fake_denoiser.h"

namespace pent {
namespace {

struct Outcome {
  std::vector<TraceEvent> events;
  std::vector<Cell> cells;
  std::vector<int32_t> completion;
  DecodeOutcome decoded;
};

Outcome run(FakeDenoiser& model, const Canvas& canvas, const SamplingParams& params,
            std::vector<int32_t> stop_ids = {}) {
  Outcome outcome;
  DecodeOptions options{.banned = unwritable_tokens(model.spec(), model.spec().vocab_size)};
  options.trace = [&](const TraceEvent& event) { outcome.events.push_back(event); };
  std::vector<std::unique_ptr<Sampler>> samplers;
  samplers.push_back(make_diffusion_sampler(canvas, params, std::move(stop_ids)));
  outcome.decoded = decode(model, samplers, params, options)[0];
  for (int32_t cell = 0; cell < canvas.size(); ++cell) outcome.cells.push_back(samplers[0]->canvas()[cell]);
  outcome.completion = samplers[0]->completion();
  return outcome;
}

Canvas canvas_of(int32_t mask_id, const std::vector<int32_t>& prompt, int masks) {
  Canvas canvas(mask_id);
  canvas.append_fixed(prompt);
  canvas.append_masked(masks);
  return canvas;
}

TEST(DecoderProperty, EveryPresetDecidesEveryCellKeepsFixedOnesAndItsTraceReplays) {
  EXPECT_TRUE(rc::check([] {
    std::vector<std::string> names;
    for (const Preset& preset : presets())
      if (fits(preset, fake_diffusion_spec()) && preset.length.kind == LengthKind::kFixed)
        names.emplace_back(preset.name);
    const int masks = *rc::gen::inRange(1, 24);
    GenerationOptions options{.preset = *rc::gen::elementOf(names), .max_tokens = masks};
    options.seed = *rc::gen::inRange<uint64_t>(0, 1000);
    if (*rc::gen::arbitrary<bool>()) options.temperature = *rc::gen::element(0.0, 1.0);
    if (options.preset == "remdm")
      options.remask =
          *rc::gen::element<std::string>("remdm-cap:0.3", "remdm-rescale:0.5", "remdm-conf", "remdm-loop:0.1");
    const SamplingParams params = resolve(options, fake_diffusion_spec());
    Canvas canvas = canvas_of(15, {1, 15, 2}, masks);
    canvas.append_fixed(std::vector<int32_t>{3, 4});
    FakeDenoiser model(fake_diffusion_spec(), scrambled_logits(16));
    const Outcome outcome = run(model, canvas, params);
    RC_ASSERT(outcome.decoded.nfe == model.forwards);
    RC_ASSERT(outcome.completion.size() == static_cast<size_t>(masks) + 2);  // what is fixed behind the canvas too
    std::vector<Cell> painted;
    for (const TraceEvent& event : outcome.events) paint(painted, event);
    for (int32_t cell = 0; cell < canvas.size(); ++cell) {
      const Cell& after = outcome.cells[static_cast<size_t>(cell)];
      const bool fixed = canvas[cell].state == CellState::kFixed;
      RC_ASSERT(after.state == (fixed ? CellState::kFixed : CellState::kCommitted));
      RC_ASSERT((fixed ? after.token == canvas[cell].token : after.token != 15));
      const Cell& seen = painted[static_cast<size_t>(cell)];
      RC_ASSERT(seen.token == after.token && seen.state == after.state && seen.step == after.step);
      RC_ASSERT(seen.confidence == after.confidence);
    }
  }));
}

TEST(Ancestral, AStepThatDecidesNothingCostsNoForward) {
  const SamplingParams params = resolve({.preset = "mdlm", .max_tokens = 6, .steps = 500}, fake_diffusion_spec());
  FakeDenoiser model(fake_diffusion_spec(), scrambled_logits(16));
  const Outcome outcome = run(model, canvas_of(15, {1}, 6), params);
  EXPECT_LE(outcome.decoded.nfe, 6);
  EXPECT_GE(outcome.decoded.nfe, 4);  // 500 steps for 6 cells: hardly two in one
  for (const TraceEvent& event : outcome.events)
    EXPECT_TRUE(event.kind != TraceEvent::Kind::kStep || !event.changes.empty());
}

TEST(Ancestral, TheTimeOfACellIsUniform) {
  int early = 0, cells = 0;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    GenerationOptions options{.preset = "mdlm", .max_tokens = 10, .steps = 2};
    options.seed = seed;
    FakeDenoiser model(fake_diffusion_spec(), scrambled_logits(16));
    for (const Cell& cell : run(model, canvas_of(15, {1}, 10), resolve(options, fake_diffusion_spec())).cells) {
      if (cell.state == CellState::kFixed) continue;
      ++cells;
      early += cell.step == 0 ? 1 : 0;
    }
  }
  EXPECT_EQ(cells, 2000);
  EXPECT_NEAR(early / 2000.0, 0.5, 0.05);
}

TEST(Remdm, OpensDecidedCellsAndStillEnds) {
  const SamplingParams params =
      resolve({.preset = "remdm", .max_tokens = 16, .steps = 64, .remask = "remdm-cap:0.2"}, fake_diffusion_spec());
  FakeDenoiser model(fake_diffusion_spec(), scrambled_logits(16));
  const Outcome outcome = run(model, canvas_of(15, {1}, 16), params);
  int opened = 0;
  for (const TraceEvent& event : outcome.events)
    if (event.kind == TraceEvent::Kind::kStep)
      for (const CellChange& change : event.changes) opened += change.state == CellState::kMasked ? 1 : 0;
  EXPECT_GT(opened, 0);
}

// Cell 1 is first sure of token 3; once cell 2 is decided the model would write 4 there.
std::vector<float> changes_its_mind(const std::vector<int32_t>& seen, int32_t position) {
  std::vector<float> logits(8, -10.0f);
  if (position == 1) logits[seen[2] == 7 ? 3 : 4] = 5;
  if (position == 2) logits[5] = seen[1] == 7 ? -9 : 5;
  return logits;
}

TEST(Editing, ADecidedTokenIsOverwrittenUntilNothingChanges) {
  FakeDenoiser model(fake_diffusion_spec(8), changes_its_mind);
  const auto params = [&](const char* remask) {
    return resolve({.preset = "llada2.1", .max_tokens = 2, .remask = remask}, fake_diffusion_spec(8));
  };
  const Outcome edited = run(model, canvas_of(7, {1}, 2), params("edit:0.5"));
  EXPECT_EQ(edited.completion, (std::vector<int32_t>{4, 5}));
  EXPECT_EQ(edited.decoded.nfe, 4);  // 3, then 5, then 4 for 3, then one that changes nothing
  const Outcome plain = run(model, canvas_of(7, {1}, 2), params("none"));
  EXPECT_EQ(plain.completion, (std::vector<int32_t>{3, 5}));
  EXPECT_EQ(plain.decoded.nfe, 2);
}

TEST(Editing, AModelThatNeverSettlesIsEndedAfterSixteenPasses) {
  FakeDenoiser model(fake_diffusion_spec(8), [](const std::vector<int32_t>& seen, int32_t) {
    std::vector<float> logits(8, -10.0f);
    logits[seen[1] == 3 ? 4 : 3] = 5;
    return logits;
  });
  const SamplingParams params = resolve({.preset = "llada2.1", .max_tokens = 1}, fake_diffusion_spec(8));
  EXPECT_EQ(run(model, canvas_of(7, {1}, 1), params).decoded.nfe, 17);
}

TEST(PathPlanning, ACellIsOpenedWhenOthersBecameMoreProbable) {
  // Cell 1 leads while cell 2 is masked; then its probability falls below that of all others.
  FakeDenoiser model(fake_diffusion_spec(8), [](const std::vector<int32_t>& seen, int32_t position) {
    std::vector<float> logits(8, 0.0f);
    const bool first = seen[1] == 7 && seen[2] == 7 && seen[3] == 7;
    logits[static_cast<size_t>(position)] = position == 1 ? (first ? 9.0f : 1.0f) : 4.0f + static_cast<float>(position);
    return logits;
  });
  const SamplingParams params =
      resolve({.preset = "p2", .max_tokens = 3, .steps = 3, .temperature = 0}, fake_diffusion_spec(8));
  const Outcome outcome = run(model, canvas_of(7, {0}, 3), params);
  ASSERT_EQ(outcome.events.size(), 5u);
  EXPECT_EQ(outcome.events[1].changes.size(), 1u);
  EXPECT_EQ(outcome.events[1].changes[0].cell, 1);
  ASSERT_EQ(outcome.events[2].changes.size(), 3u);  // cell 1 opened, 2 and 3 written
  EXPECT_EQ(outcome.events[2].changes[0].state, CellState::kMasked);
  EXPECT_EQ(outcome.completion, (std::vector<int32_t>{1, 2, 3}));
}

// Logits of cell 2 by the tokens seen: 5 with the prompt, 6 without; guided by w: 5 at (1 + w), 6 at -w.
std::vector<float> listens(const std::vector<int32_t>& seen, int32_t) {
  std::vector<float> logits(8, 0.0f);
  logits[seen[0] == 7 ? 6 : 5] = 1;
  return logits;
}

TEST(Guidance, MixesTheLogitsWithThoseOfTheMaskedPrompt) {
  FakeDenoiser model(fake_diffusion_spec(8), listens);
  const SamplingParams params = resolve({.max_tokens = 1, .cfg_scale = 2}, fake_diffusion_spec(8));
  const Outcome outcome = run(model, canvas_of(7, {1, 2}, 1), params);
  // Of 7 tokens that can be written five have 0, one 1 + 2, one -2.
  const double sum = 5 + std::exp(3.0) + std::exp(-2.0);
  EXPECT_EQ(outcome.completion, std::vector<int32_t>{5});
  EXPECT_NEAR(outcome.cells[2].confidence, std::exp(3.0) / sum, 1e-6);
  EXPECT_EQ(outcome.decoded.nfe, 1);
  EXPECT_EQ(outcome.decoded.rows, 6);  // two canvases
}

TEST(GuidanceProperty, AtScaleZeroNothingChangesAndTwinsGoWithEveryDecoder) {
  EXPECT_TRUE(rc::check([] {
    std::vector<std::string> names;
    for (const Preset& preset : presets())
      if (fits(preset, fake_diffusion_spec()) && preset.length.kind == LengthKind::kFixed)
        names.emplace_back(preset.name);
    GenerationOptions options{.preset = *rc::gen::elementOf(names), .max_tokens = *rc::gen::inRange(1, 20)};
    options.seed = *rc::gen::inRange<uint64_t>(0, 1000);
    const auto decided = [&](std::optional<double> scale, std::vector<int32_t> prompt, int* rows) {
      options.cfg_scale = scale;
      FakeDenoiser model(fake_diffusion_spec(), scrambled_logits(16));
      const Outcome outcome =
          run(model, canvas_of(15, prompt, *options.max_tokens), resolve(options, fake_diffusion_spec()));
      *rows = static_cast<int>(outcome.decoded.rows) - model.rows_computed;
      return outcome.completion;
    };
    int rows = 0;
    RC_ASSERT(decided(0.0, {1, 2}, &rows) == decided({}, {1, 2}, &rows));
    // A prompt of masks is its own twin: whatever the scale, the mixed logits are the plain ones (up to rounding, which does not
    // decide here).
    RC_ASSERT(decided(0.7, {15, 15}, &rows) == decided({}, {15, 15}, &rows));
    RC_ASSERT(rows == 0);
  }));
}

TEST(Wino, ACellThatItsShadowDoesNotConfirmIsOpenedAndDecidedAnew) {
  // Cell 1 is written 3 while cell 2 is masked; whoever sees 5 in cell 2 wants 4 there. Rows of the canvas see five cells, rows of
  // the shadow four of them and four masks: the shadow of cell 1 sees cells 0, 2, 3, 4.
  FakeDenoiser model(fake_diffusion_spec(8), [](const std::vector<int32_t>& seen, int32_t position) {
    std::vector<float> logits(8, 0.0f);
    const bool shadow = seen.size() > 5;
    const int32_t second = shadow && position == 1 ? seen[1] : seen[2];
    if (position == 1) logits[second == 5 ? 4 : 3] = 6;
    if (position == 2) logits[5] = 6;
    if (position >= 3) logits[6] = second == 5 ? 6.0f : 1.0f;
    return logits;
  });
  const SamplingParams params = resolve({.preset = "wino", .max_tokens = 4}, fake_diffusion_spec(8));
  const Outcome outcome = run(model, canvas_of(7, {1}, 4), params);
  ASSERT_EQ(outcome.decoded.nfe, 3);
  EXPECT_EQ(outcome.events[1].changes.size(), 2u);  // cells 1 and 2; 3 and 4 are not sure yet
  ASSERT_EQ(outcome.events[2].changes.size(), 3u);  // they are now, and cell 1 is opened
  EXPECT_EQ(outcome.events[2].changes[2].cell, 1);
  EXPECT_EQ(outcome.events[2].changes[2].state, CellState::kMasked);
  EXPECT_EQ(outcome.completion, (std::vector<int32_t>{4, 5, 6, 6}));
  EXPECT_EQ(outcome.decoded.rows, (5 + 4) * 3);
}

TEST(Wino, OpensOnlyWhenMoreThanOneCellIsDecidedAndFewerThanBefore) {
  // Everything is sure of itself on the canvas, and no shadow confirms anything.
  FakeDenoiser model(fake_diffusion_spec(16), [](const std::vector<int32_t>& seen, int32_t) {
    std::vector<float> logits(16, 0.0f);
    logits[seen.size() > 41 ? 4 : 3] = 9;
    return logits;
  });
  const SamplingParams params = resolve({.preset = "wino", .max_tokens = 40}, fake_diffusion_spec(16));
  const Outcome outcome = run(model, canvas_of(15, {1}, 40), params);
  int before = 30;
  for (const TraceEvent& event : outcome.events) {
    if (event.kind != TraceEvent::Kind::kStep) continue;
    int decided = 0, opened = 0;
    for (const CellChange& change : event.changes) ++(change.state == CellState::kMasked ? opened : decided);
    EXPECT_LE(decided, 20);
    EXPECT_LT(opened, before);
    EXPECT_TRUE(decided > 1 || opened == 0);
    before = decided;
  }
  EXPECT_EQ(outcome.completion, std::vector<int32_t>(40, 3));
}

TEST(LogitBias, MakesATokenCertainOrImpossible) {
  FakeDenoiser model(fake_diffusion_spec(), scrambled_logits(16));
  const SamplingParams params = resolve({.max_tokens = 4, .steps = 4, .logit_bias = {"6:100"}}, fake_diffusion_spec());
  EXPECT_EQ(run(model, canvas_of(15, {1}, 4), params).completion, std::vector<int32_t>(4, 6));
}

TEST(Decoders, AnEndInTheMiddleOfABlockEndsTheAnswerWhenAllBeforeItIsDecided) {
  FakeDenoiser model(fake_diffusion_spec(8), [](const std::vector<int32_t>&, int32_t position) {
    std::vector<float> logits(8, 0.0f);
    logits[position == 2 ? 0 : 3] = position == 2 ? 9.0f : 5.0f - static_cast<float>(position);
    return logits;
  });
  for (const char* preset : {"llada", "dream", "eb", "llada2"}) {
    const SamplingParams params =
        resolve({.preset = preset, .max_tokens = 4, .temperature = 0}, fake_diffusion_spec(8));
    const Outcome outcome = run(model, canvas_of(7, {1}, 4), params, {0});
    EXPECT_EQ(outcome.completion, std::vector<int32_t>{3}) << preset;
    EXPECT_EQ(outcome.decoded.finish_reason, "stop") << preset;
  }
}

}  // namespace
}  // namespace pent
