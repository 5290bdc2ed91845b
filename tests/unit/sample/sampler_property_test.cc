// What holds for every canvas, every option and every model: checked on random ones.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "sample/decode.h"
#include "sample/trace_json.h"
#include "support/fake_denoiser.h"

namespace pent {
namespace {

struct Case {
  Canvas canvas{15};
  GenerationOptions options;
  SamplingParams params;
};

Case any_case() {
  Case made;
  for (int segment = *rc::gen::inRange(1, 4); segment > 0; --segment) {
    made.canvas.append_fixed(*rc::gen::container<std::vector<int32_t>>(rc::gen::inRange(0, 16)));
    made.canvas.append_masked(*rc::gen::inRange(0, 12));
  }
  const int masked = std::max(1, made.canvas.masked_count(0, made.canvas.size()));
  made.options.max_tokens = masked;
  made.options.block_length = *rc::gen::inRange(1, masked + 1);
  made.options.seed = *rc::gen::inRange<uint64_t>(0, 1000);
  made.options.temperature = *rc::gen::element(0.0, 0.7, 1.5);
  if (*rc::gen::arbitrary<bool>()) {
    made.options.threshold = *rc::gen::element(0.1, 0.3, 0.9);
    made.options.score = *rc::gen::element<std::string>("prob", "margin");
  } else {
    made.options.steps = *rc::gen::inRange(1, 2 * masked + 1);
    made.options.score = *rc::gen::element<std::string>("prob", "entropy", "margin", "random");
  }
  made.params = resolve(made.options, fake_diffusion_spec());
  return made;
}

struct Outcome {
  std::vector<TraceEvent> events;
  std::vector<Cell> cells;
  std::vector<int32_t> completion;
  DecodeOutcome decoded;
  int forwards = 0;
};

Outcome run(const Case& made, std::vector<int32_t> stop_ids) {
  FakeDenoiser model(fake_diffusion_spec(), scrambled_logits(16));
  Outcome outcome;
  DecodeOptions options{.banned = unwritable_tokens(model.spec(), 16)};
  options.trace = [&](const TraceEvent& event) { outcome.events.push_back(event); };
  std::vector<std::unique_ptr<Sampler>> samplers;
  samplers.push_back(make_diffusion_sampler(made.canvas, made.params, std::move(stop_ids)));
  outcome.decoded = decode(model, samplers, made.params, options)[0];
  for (int32_t cell = 0; cell < made.canvas.size(); ++cell) outcome.cells.push_back(samplers[0]->canvas()[cell]);
  outcome.completion = samplers[0]->completion();
  outcome.forwards = model.forwards;
  return outcome;
}

template <typename Property>
void check(Property property) {
  EXPECT_TRUE(rc::check(property));
}

TEST(SamplerProperty, FixedCellsNeverChangeAndNoCellIsWrittenTwice) {
  check([] {
    const Case made = any_case();
    const Outcome outcome = run(made, {0});
    std::vector<int> writes(outcome.cells.size());
    for (const TraceEvent& event : outcome.events)
      if (event.kind == TraceEvent::Kind::kStep)
        for (const CellChange& change : event.changes) ++writes[static_cast<size_t>(change.cell)];
    for (int32_t cell = 0; cell < made.canvas.size(); ++cell) {
      const Cell& after = outcome.cells[static_cast<size_t>(cell)];
      if (made.canvas[cell].state == CellState::kFixed) {
        RC_ASSERT(after.state == CellState::kFixed);
        RC_ASSERT(after.token == made.canvas[cell].token);
        RC_ASSERT(writes[static_cast<size_t>(cell)] == 0);
      } else {
        RC_ASSERT(writes[static_cast<size_t>(cell)] == (after.state == CellState::kCommitted ? 1 : 0));
        RC_ASSERT(after.state == CellState::kMasked || after.token != made.canvas.mask_id());
      }
    }
  });
}

TEST(SamplerProperty, WithoutStopTokensEveryCellIsDecided) {
  check([] {
    const Outcome outcome = run(any_case(), {});
    for (const Cell& cell : outcome.cells) RC_ASSERT(cell.state != CellState::kMasked);
    RC_ASSERT(outcome.decoded.finish_reason == "length");
    RC_ASSERT(outcome.decoded.nfe == outcome.forwards);
  });
}

TEST(SamplerProperty, ExactlyTheScheduledNumberCommitsPerStep) {
  check([] {
    Case made = any_case();
    RC_PRE(!made.params.threshold);
    const Outcome outcome = run(made, {});
    const std::vector<Block> blocks = cut_blocks(made.canvas, made.params.block_length);
    const std::vector<int> steps = share_steps(made.params.steps, static_cast<int>(blocks.size()));
    std::vector<size_t> expected;
    for (size_t b = 0; b < blocks.size(); ++b) {
      const int masks = made.canvas.masked_count(blocks[b].begin, blocks[b].end);
      const int base = masks / steps[b], extra = masks % steps[b];
      for (int step = 0; step < steps[b]; ++step)
        if (const int count = base + (step < extra ? 1 : 0); count > 0) expected.push_back(static_cast<size_t>(count));
    }
    std::vector<size_t> committed;
    for (const TraceEvent& event : outcome.events)
      if (event.kind == TraceEvent::Kind::kStep) committed.push_back(event.changes.size());
    RC_ASSERT(committed == expected);
  });
}

TEST(SamplerProperty, ThresholdCommitsAtLeastOnePerForward) {
  check([] {
    Case made = any_case();
    RC_PRE(made.params.threshold.has_value());
    const Outcome outcome = run(made, {0});
    for (const TraceEvent& event : outcome.events)
      if (event.kind == TraceEvent::Kind::kStep) RC_ASSERT(!event.changes.empty());
  });
}

TEST(SamplerProperty, CompletionIsWhatStandsBeforeTheFirstFinalStop) {
  check([] {
    const Case made = any_case();
    const Outcome outcome = run(made, {0, 1, 2});
    size_t cell = 0;
    while (cell < outcome.cells.size() && made.canvas[static_cast<int32_t>(cell)].state == CellState::kFixed) ++cell;
    std::vector<int32_t> expected;
    bool stopped = false;
    for (; cell < outcome.cells.size(); ++cell) {
      const Cell& each = outcome.cells[cell];
      RC_ASSERT(each.state != CellState::kMasked);  // all before the end is decided
      stopped = each.state == CellState::kCommitted && each.token <= 2;
      if (stopped) break;
      expected.push_back(each.token);
    }
    RC_ASSERT(outcome.completion == expected);
    RC_ASSERT(outcome.decoded.finish_reason == (stopped ? "stop" : "length"));
  });
}

TEST(SamplerProperty, SameTokensAloneAndInABatchOfAnyWidth) {
  check([] {
    const Case made = any_case();
    const int count = *rc::gen::inRange(2, 6);
    const auto decode_all = [&](int width) {
      FakeDenoiser model(fake_diffusion_spec(), scrambled_logits(16));
      std::vector<std::unique_ptr<Sampler>> samplers;
      for (int i = 0; i < count; ++i) {
        SamplingParams params = made.params;
        params.n_index = static_cast<uint32_t>(i);
        samplers.push_back(make_diffusion_sampler(made.canvas, params, {0, 1}));
      }
      decode(model, samplers, made.params, {.banned = {15}, .width = width});
      RC_ASSERT(model.open_sequences() == 0u);
      std::vector<std::vector<int32_t>> tokens;
      for (const auto& sampler : samplers) tokens.push_back(sampler->canvas().tokens());
      return tokens;
    };
    RC_ASSERT(decode_all(1) == decode_all(*rc::gen::inRange(2, 7)));
  });
}

TEST(TraceProperty, ReplayingATracePaintsTheFinalCanvas) {
  check([] {
    const Outcome outcome = run(any_case(), {0});
    std::string lines;
    const std::string token = "\xC3";  // half a character: kept as bytes
    const TraceSink writer = make_trace_writer(
        {"model", "llada", 7, 3}, [&](int32_t) { return std::string_view(token); },
        [&](std::string_view line) { lines += line; });
    for (const TraceEvent& event : outcome.events) writer(event);
    const RecordedTrace trace = read_trace(lines, "trace.jsonl");
    std::vector<Cell> cells;
    for (const TraceEvent& event : trace.events) paint(cells, event);
    RC_ASSERT(cells.size() == outcome.cells.size());
    for (size_t i = 0; i < cells.size(); ++i) {
      RC_ASSERT(cells[i].token == outcome.cells[i].token);
      RC_ASSERT(cells[i].state == outcome.cells[i].state);
      RC_ASSERT(cells[i].step == outcome.cells[i].step);
      RC_ASSERT(std::abs(cells[i].confidence - outcome.cells[i].confidence) < 1e-6f);
      RC_ASSERT(trace.token_bytes.at(cells[i].token) == token);
    }
  });
}

}  // namespace
}  // namespace pent
