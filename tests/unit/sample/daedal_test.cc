// Canvases that change their length: DAEDAL's two stages and the tail that is taken out, on models made by hand.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <cmath>

#include "sample/decode.h"
#include "sample/trace_json.h"
#include "support/fake_denoiser.h"

namespace pent {
namespace {

constexpr int kMask = 15;

struct Outcome {
  std::vector<TraceEvent> events;
  std::vector<Cell> cells;
  std::vector<int32_t> completion;
  DecodeOutcome decoded;
  std::string finish;
};

Outcome run(FakeDenoiser& model, const GenerationOptions& options) {
  const SamplingParams params = resolve(options, model.spec(), 1);
  Canvas canvas(kMask);
  canvas.append_fixed(std::vector<int32_t>{1});
  canvas.append_masked(params.length.kind == LengthKind::kDaedal ? params.length.initial : params.max_tokens);
  Outcome outcome;
  DecodeOptions decoding{.banned = unwritable_tokens(model.spec(), model.spec().vocab_size)};
  decoding.trace = [&](const TraceEvent& event) { outcome.events.push_back(event); };
  std::vector<std::unique_ptr<Sampler>> samplers;
  samplers.push_back(make_diffusion_sampler(canvas, params, {0}));
  outcome.decoded = decode(model, samplers, params, decoding)[0];
  const Canvas& after = samplers[0]->canvas();
  for (int32_t cell = 0; cell < after.size(); ++cell) outcome.cells.push_back(after[cell]);
  outcome.completion = samplers[0]->completion();
  return outcome;
}

// Logits for which softmax gives `token` the probability p and all 14 others that can be written the same.
std::vector<float> sure_of(int32_t token, double p) {
  std::vector<float> logits(16, 0.0f);
  logits[static_cast<size_t>(token)] = static_cast<float>(std::log(p * 14 / (1 - p)));
  return logits;
}

// Writes 3 in `text` cells behind the one of the prompt, then sees an end with probability `p`.
FakeDenoiser::Logits ends_after(int text, double p) {
  return [=](const std::vector<int32_t>&, int32_t position) {
    return position <= text ? sure_of(3, 0.99) : sure_of(0, p);
  };
}

GenerationOptions length(std::string text) { return {.preset = "daedal", .length = std::move(text)}; }

TEST(Daedal, TheCanvasGrowsUntilAnEndIsInSightThenGetsATailOfEnds) {
  FakeDenoiser model(fake_diffusion_spec(), ends_after(20, 0.99));
  const Outcome outcome = run(model, length("8..200"));
  // 8, 16, 24, 32 and 40 cells are looked at; of 40, twenty are ends: 20 * 0.99 / 32 > 0.5. Then one window, all at once.
  EXPECT_EQ(outcome.decoded.nfe, 6);
  EXPECT_EQ(outcome.decoded.rows, 9 + 17 + 25 + 33 + 41 + 57);
  EXPECT_EQ(outcome.decoded.cells, 1 + 40 + 16);
  EXPECT_EQ(outcome.completion, std::vector<int32_t>(20, 3));
  EXPECT_EQ(outcome.decoded.finish_reason, "stop");
  EXPECT_EQ(outcome.events[4].splices[0].inserted, 8);
  EXPECT_EQ(outcome.events[5].splices[0].cell, 41);
  EXPECT_EQ(outcome.events[5].splices[0].inserted, 16);
}

TEST(Daedal, GrowthEndsAtTheLongestCanvas) {
  FakeDenoiser model(fake_diffusion_spec(), [](const std::vector<int32_t>&, int32_t) { return sure_of(3, 0.99); });
  const Outcome outcome = run(model, length("8..20"));
  EXPECT_EQ(outcome.decoded.nfe, 4);  // 8, 16 and 20 cells; then they are decided
  EXPECT_EQ(outcome.completion, std::vector<int32_t>(20, 3));
  EXPECT_EQ(outcome.decoded.finish_reason, "length");
}

// Sure of all but cell 5, and of that too once the canvas has grown.
FakeDenoiser::Logits unsure_of_one_cell(size_t size) {
  return [=](const std::vector<int32_t>& seen, int32_t position) {
    if (position == 5 && seen.size() == size) return std::vector<float>(16, 0.0f);
    return position <= 20 ? sure_of(position == 5 ? 4 : 3, 0.99) : sure_of(0, 0.7);
  };
}

TEST(Daedal, TheLeastCertainCellBecomesEightWhileTheEndIsNotSure) {
  FakeDenoiser model(fake_diffusion_spec(), unsure_of_one_cell(1 + 48 + 16));
  const Outcome outcome = run(model, {.preset = "daedal", .length = "48..200", .max_nfe = 3});
  ASSERT_EQ(outcome.events.size(), 5u);
  const TraceEvent& step = outcome.events[2];
  ASSERT_EQ(step.splices.size(), 1u);
  EXPECT_EQ(step.splices[0].cell, 6);
  EXPECT_EQ(step.splices[0].inserted, 7);
  EXPECT_EQ(outcome.cells.size(), 1u + 48 + 16 + 7);
  for (int32_t cell = 5; cell < 13; ++cell) EXPECT_EQ(outcome.cells[static_cast<size_t>(cell)].step, 2);
  EXPECT_EQ(outcome.cells[13].token, 3);  // was cell 6
  EXPECT_EQ(outcome.cells[4].token, 3);
}

TEST(Daedal, NothingIsInsertedWhenTheEndIsSure) {
  FakeDenoiser model(fake_diffusion_spec(), [](const std::vector<int32_t>&, int32_t position) {
    if (position == 5) return std::vector<float>(16, 0.0f);
    return position <= 20 ? sure_of(3, 0.99) : sure_of(0, 0.95);
  });
  EXPECT_EQ(run(model, length("48..200")).decoded.cells, 1 + 48 + 16);
}

TEST(Daedal, HowSureOfAnEndIsSureEnoughMayBeSaid) {
  const auto cells = [](double enough) {
    FakeDenoiser model(fake_diffusion_spec(), ends_after(20, 0.99));
    GenerationOptions options = length("8..200");
    options.tau_eos = enough;
    options.tau_low = 0;
    const Outcome outcome = run(model, options);
    EXPECT_EQ(outcome.completion, std::vector<int32_t>(enough == 0 ? 8 : 20, 3));
    return outcome.decoded.cells;
  };
  EXPECT_EQ(cells(0), 1 + 8 + 16) << "eight cells and their tail of ends";
  EXPECT_EQ(cells(0.2), 1 + 32 + 16) << "twelve ends, of which seven would do";
  EXPECT_EQ(cells(0.5), 1 + 40 + 16);
  EXPECT_EQ(cells(1), 1 + 200) << "never sure enough";
}

TEST(Daedal, WhichCellsBecomeEightAndUntilWhenMayBeSaid) {
  const auto cells = [](double sure, double uncertain) {
    FakeDenoiser model(fake_diffusion_spec(), unsure_of_one_cell(1 + 48 + 16));
    GenerationOptions options = length("48..200");
    options.tau_expand = sure;
    options.tau_low = uncertain;
    return run(model, options).decoded.cells;
  };
  EXPECT_EQ(cells(0.9, 0.1), 1 + 48 + 16 + 7);
  EXPECT_EQ(cells(0.9, 0), 1 + 48 + 16) << "no cell is that improbable";
  EXPECT_EQ(cells(0.6, 0.1), 1 + 48 + 16) << "0.7 of an end is sure enough";
  EXPECT_EQ(cells(0, 1), 1 + 48 + 16);
}

TEST(Daedal, AtTheContextsEndAsManyCellsAreInsertedAsFit) {
  for (const int most : {64, 65, 66, 71, 72}) {
    FakeDenoiser model(fake_diffusion_spec(), unsure_of_one_cell(1 + 48 + 16));
    const Outcome outcome = run(model, length("48.." + std::to_string(most)));
    EXPECT_EQ(outcome.decoded.cells, 1 + std::min(most, 48 + 16 + 7));
    EXPECT_EQ(outcome.decoded.finish_reason, "stop");
  }
  FakeDenoiser model(fake_diffusion_spec(), ends_after(600, 0.9));  // the context is 512
  EXPECT_EQ(run(model, {.preset = "daedal"}).decoded.cells, 512);
}

// What is kept must stand where it belongs after an insertion: the fake model's keys are the tokens it was shown.
TEST(DaedalProperty, ACachedRunDecidesWhatAnUncachedOneDoes) {
  EXPECT_TRUE(rc::check([] {
    const int text = *rc::gen::inRange(10, 60);
    const auto scrambled = scrambled_logits(16, 6);
    const auto logits = [&](const std::vector<int32_t>& seen, int32_t position) {
      if (position > text) return sure_of(0, 0.7);
      std::vector<float> row = scrambled(seen, position);
      row[0] = -20;
      return row;
    };
    GenerationOptions options = length("12..90");
    options.block_length = *rc::gen::inRange(1, 40);
    options.threshold = *rc::gen::element(0.2, 0.5, 0.9);
    const auto decided = [&](const char* cache) {
      FakeDenoiser model(fake_diffusion_spec(), logits);
      options.cache = cache;
      const Outcome outcome = run(model, options);
      std::vector<int32_t> tokens{outcome.decoded.nfe};
      for (const Cell& cell : outcome.cells) tokens.push_back(cell.token);
      return tokens;
    };
    const auto expected = decided("none");
    for (const char* cache : {"prefix", "dual", "delayed"}) RC_ASSERT(decided(cache) == expected);
  }));
}

TEST(DaedalProperty, TheTraceReplaysAndTheCanvasKeepsItsLimits) {
  EXPECT_TRUE(rc::check([] {
    const int least = *rc::gen::inRange(1, 30), most = least + *rc::gen::inRange(0, 60);
    GenerationOptions options = length(std::to_string(least) + ".." + std::to_string(most));
    options.block_length = *rc::gen::inRange(1, 40);
    options.seed = *rc::gen::inRange<uint64_t>(0, 1000);
    options.temperature = *rc::gen::element(0.0, 1.0);
    options.trim_tail = *rc::gen::arbitrary<bool>();
    if (*rc::gen::arbitrary<bool>())
      options.select = *rc::gen::element<std::string>("linear", "entropy:1", "dynamic:0.5");
    FakeDenoiser model(fake_diffusion_spec(), scrambled_logits(16));
    const Outcome outcome = run(model, options);
    RC_ASSERT(outcome.decoded.nfe == model.forwards);
    RC_ASSERT(outcome.decoded.rows == model.rows_computed);
    RC_ASSERT(outcome.decoded.cells <= 1 + most);
    std::string lines;
    const TraceSink writer = make_trace_writer(
        {"model", "daedal", 7, 1}, [](int32_t) { return std::string_view("x"); },
        [&](std::string_view line) { lines += line; });
    for (const TraceEvent& event : outcome.events) writer(event);
    std::vector<Cell> painted;
    for (const TraceEvent& event : read_trace(lines, "trace.jsonl").events) paint(painted, event);
    RC_ASSERT(painted.size() == outcome.cells.size());
    for (size_t i = 0; i < painted.size(); ++i) {
      RC_ASSERT(painted[i].token == outcome.cells[i].token);
      RC_ASSERT(painted[i].state == outcome.cells[i].state);
      RC_ASSERT(painted[i].step == outcome.cells[i].step);
    }
  }));
}

TEST(TrimTail, CellsBehindADecidedEndAreTakenOutAndTheAnswerStays) {
  // Cell 6 is an end and the surest of all; the others are decided one by one.
  const auto logits = [](const std::vector<int32_t>&, int32_t position) {
    return position == 6 ? sure_of(0, 0.95) : sure_of(3, 0.9 - 0.01 * position);
  };
  FakeDenoiser whole(fake_diffusion_spec(), logits), trimmed(fake_diffusion_spec(), logits);
  GenerationOptions options{.max_tokens = 20, .steps = 20};
  const Outcome plain = run(whole, options);
  options.trim_tail = true;
  const Outcome outcome = run(trimmed, options);
  EXPECT_EQ(outcome.completion, std::vector<int32_t>(5, 3));
  EXPECT_EQ(outcome.completion, plain.completion);
  EXPECT_EQ(plain.decoded.rows, 21 * plain.decoded.nfe);
  EXPECT_EQ(outcome.decoded.rows, 21 + 7 * (outcome.decoded.nfe - 1));
  EXPECT_EQ(outcome.decoded.cells, 21);
  ASSERT_EQ(outcome.events[1].splices.size(), 1u);
  EXPECT_EQ(outcome.events[1].splices[0].cell, 7);
  EXPECT_EQ(outcome.events[1].splices[0].removed, 14);
  EXPECT_EQ(outcome.cells.size(), 7u);
}

TEST(Length, WordsAreRead) {
  EXPECT_EQ(parse_length("auto"), (LengthRule{LengthKind::kDaedal, 64, 0}));
  EXPECT_EQ(parse_length("40"), (LengthRule{LengthKind::kFixed, 0, 40}));
  EXPECT_EQ(parse_length("16..200"), (LengthRule{LengthKind::kDaedal, 16, 200}));
  EXPECT_EQ(parse_length("7..7"), (LengthRule{LengthKind::kDaedal, 7, 7}));
  EXPECT_EQ(to_string(parse_length("16..200")), "16..200");
}

}  // namespace
}  // namespace pent
