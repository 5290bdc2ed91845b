// LLaDA2.2's editing on hand-made logits: what deleting and inserting do to a block, and what always holds.
#include "sample/levenshtein.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "base/error.h"
#include "sample/decode.h"
#include "support/fake_denoiser.h"

namespace pent {
namespace {

using Ids = std::vector<int32_t>;
constexpr int32_t kDelete = 13, kInsert = 14, kMask = 15;

struct Decoded {
  Ids tokens;
  DecodeOutcome outcome;
  std::vector<TraceEvent> events;
  std::vector<Cell> painted;
};

Decoded run(FakeDenoiser& denoiser, const GenerationOptions& options) {
  const SamplingParams params = resolve(options, denoiser.spec(), 2);
  Canvas canvas(kMask);
  canvas.append_fixed(Ids{1, 2});
  canvas.append_masked(params.max_tokens);
  std::vector<std::unique_ptr<Sampler>> samplers;
  samplers.push_back(make_diffusion_sampler(std::move(canvas), params, /*stop_ids=*/{}));
  Decoded decoded;
  DecodeOptions decoding{.banned = unwritable_tokens(denoiser.spec(), 16, /*moves_cells=*/true)};
  decoding.trace = [&](const TraceEvent& event) {
    decoded.events.push_back(event);
    paint(decoded.painted, event);
  };
  decoded.outcome = decode(denoiser, samplers, params, decoding)[0];
  decoded.tokens = samplers[0]->completion();
  return decoded;
}

// Each cell gets the token that `token` says for the canvas and its position.
FakeDenoiser::Logits writes(std::function<int32_t(const Ids& canvas, int32_t position)> token) {
  return [token = std::move(token)](const Ids& canvas, int32_t position) {
    std::vector<float> logits(16);
    logits[static_cast<size_t>(token(canvas, position))] = 12;
    return logits;
  };
}

TEST(Levenshtein, AtTheLastForwardOfTheBudgetNothingMoves) {
  FakeDenoiser denoiser(fake_editing_spec(), [](const Ids&, int32_t position) {
    std::vector<float> logits(16);
    logits[position % 2 == 0 ? kDelete : kInsert] = 12;
    logits[static_cast<size_t>(position)] = 6;
    return logits;
  });
  for (const int nfe : {1, 2}) {
    const Decoded decoded = run(denoiser, {.preset = "llada2.2", .max_tokens = 6, .max_nfe = nfe});
    EXPECT_EQ(decoded.outcome.finish_reason, "deadline");
    EXPECT_EQ(decoded.outcome.nfe, nfe);
    EXPECT_EQ(decoded.tokens, (Ids{2, 3, 4, 5, 6, 7}));
  }
}

TEST(Levenshtein, ADeletedCellGoesAndAMaskFillsTheEnd) {
  // 5 6 7 8 first; then the 6 is deleted wherever it stands, and what comes in at the end is a 9.
  FakeDenoiser denoiser(fake_editing_spec(), writes([](const Ids& canvas, int32_t position) {
                          const int32_t now = canvas[static_cast<size_t>(position)];
                          const bool fresh = std::count(canvas.begin(), canvas.end(), kMask) == 4;
                          if (fresh) return position + 3;
                          return now == kMask ? 9 : now == 6 ? kDelete : now;
                        }));
  const Decoded decoded = run(denoiser, {.max_tokens = 4});
  EXPECT_EQ(decoded.tokens, (Ids{5, 7, 8, 9}));
  const auto& splices = decoded.events[2].splices;
  ASSERT_EQ(splices.size(), 2u);
  EXPECT_EQ(splices[0].cell, 3);
  EXPECT_EQ(splices[0].removed, 1);
  EXPECT_EQ(splices[1].cell, 5);
  EXPECT_EQ(splices[1].inserted, 1);
}

TEST(Levenshtein, InsertionAtTheEndDropsTheLastCell) {
  // A mask is put before the last cell as long as that is an 8: it is decided as 4, and the 8 falls off.
  ModelSpec spec = fake_editing_spec();
  spec.max_positions = 6;  // the context ends with the canvas
  FakeDenoiser denoiser(spec, writes([](const Ids& canvas, int32_t position) {
                          const int32_t now = canvas[static_cast<size_t>(position)];
                          const bool fresh = std::count(canvas.begin(), canvas.end(), kMask) == 4;
                          if (fresh) return position + 3;
                          return now == kMask ? 4 : now == 8 ? kInsert : now;
                        }));
  const Decoded decoded = run(denoiser, {});
  EXPECT_EQ(decoded.tokens, (Ids{5, 6, 7, 4}));
  EXPECT_EQ(decoded.outcome.cells, 6) << "the canvas keeps its length";
}

TEST(Levenshtein, ABlockThatNeverSettlesEndsWithAPassThatMovesNothing) {
  FakeDenoiser deletes(fake_editing_spec(), writes([](const Ids&, int32_t) { return kDelete; }));
  const Decoded decoded = run(deletes, {.max_tokens = 4});
  EXPECT_EQ(decoded.tokens.size(), 4u);
  EXPECT_LE(decoded.outcome.nfe, 4 + kLevenshteinPasses + 2);
  for (const int32_t token : decoded.tokens) EXPECT_LT(token, kDelete);
}

TEST(Levenshtein, FixedTextBehindIsRefused) {
  const SamplingParams params = resolve({.max_tokens = 4}, fake_editing_spec());
  Canvas canvas(kMask);
  canvas.append_masked(4);
  canvas.append_fixed(Ids{3});
  EXPECT_THROW(make_diffusion_sampler(std::move(canvas), params, {}), Error);
}

RC_GTEST_PROP(LevenshteinProperty, EveryCellIsDecidedInBoundedPassesAndTheTraceReplays, ()) {
  FakeDenoiser denoiser(fake_editing_spec(), scrambled_logits(16, *rc::gen::inRange(1, 12)));
  const int max_tokens = *rc::gen::inRange(1, 24), block = *rc::gen::inRange(1, 12);
  GenerationOptions options{.max_tokens = max_tokens,
                            .block_length = block,
                            .remask = fmt::format("levenshtein:{}", *rc::gen::element(0.0, 0.2, 0.6)),
                            .temperature = *rc::gen::element(0.0, 1.0),
                            .seed = *rc::gen::inRange<uint64_t>(0, 1000)};
  options.threshold = *rc::gen::element(0.0, 0.3, 0.9);
  const Decoded decoded = run(denoiser, options);
  RC_ASSERT(static_cast<int>(decoded.tokens.size()) == max_tokens);
  for (const int32_t token : decoded.tokens) RC_ASSERT(token < kDelete);
  const int blocks = (max_tokens + block - 1) / block, longest = std::min(block, max_tokens);
  RC_ASSERT(decoded.outcome.nfe <= blocks * (longest + kLevenshteinPasses + 2));
  RC_ASSERT(static_cast<int>(decoded.painted.size()) == max_tokens + 2);
  for (size_t i = 0; i < decoded.tokens.size(); ++i) {
    RC_ASSERT(decoded.painted[i + 2].token == decoded.tokens[i]);
    RC_ASSERT(decoded.painted[i + 2].state == CellState::kCommitted);
  }
  RC_ASSERT(run(denoiser, options).tokens == decoded.tokens);
}

}  // namespace
}  // namespace pent
