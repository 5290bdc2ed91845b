// DreamOn's expand and end tokens on a model that says what is in a script, and what holds whatever a model says.
#include "sample/dreamon.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <map>

#include "sample/decode.h"
#include "support/expect_error.h"
#include "support/fake_denoiser.h"
#include "text/grammar/regex_syntax.h"

namespace pent {
namespace {

using Ids = std::vector<int32_t>;
constexpr int32_t kEnd = 0, kExpand = 14, kMask = 15;

// A canvas of fixed tokens and masks; the holes say how many of each run of masks there may be.
Canvas canvas_of(const Ids& tokens) {
  Canvas canvas(kMask);
  for (const int32_t token : tokens) {
    if (token == kMask)
      canvas.append_masked(1);
    else
      canvas.append_fixed(Ids{token});
  }
  return canvas;
}

struct Decoded {
  Ids tokens;
  std::vector<Ids> canvases;  // after each forward, as the trace paints them
  std::vector<ElasticCells> holes;
  DecodeOutcome outcome;
};

Decoded run(FakeDenoiser& denoiser, const Ids& tokens, std::vector<ElasticCells> holes, GenerationOptions options = {},
            std::vector<CellRule> rules = {}) {
  Canvas canvas = canvas_of(tokens);
  const int masks = canvas.masked_count(0, canvas.size());
  int room = 0;
  for (const ElasticCells& hole : holes) room += hole.most - hole.size();
  options.length = fmt::format("{}..{}", masks, masks + room);
  SamplingParams params = resolve(options, denoiser.spec());
  params.elastic = std::move(holes);
  params.cell_rules = std::move(rules);
  std::vector<std::unique_ptr<Sampler>> samplers;
  samplers.push_back(make_diffusion_sampler(std::move(canvas), params, /*stop_ids=*/{}));
  Decoded decoded;
  std::vector<Cell> painted;
  DecodeOptions decoding{.banned = unwritable_tokens(denoiser.spec(), 14, /*moves_cells=*/true)};
  decoding.trace = [&](const TraceEvent& event) {
    paint(painted, event);
    if (event.kind != TraceEvent::Kind::kStep) return;
    decoded.canvases.emplace_back();
    for (const Cell& cell : painted) decoded.canvases.back().push_back(cell.token);
  };
  decoded.outcome = decode(denoiser, samplers, params, decoding)[0];
  decoded.tokens = samplers[0]->canvas().tokens();
  decoded.holes.assign(samplers[0]->elastic().begin(), samplers[0]->elastic().end());
  return decoded;
}

// For each canvas the model is sure of one cell.
FakeDenoiser::Logits says(std::map<Ids, std::pair<int32_t, int32_t>> script) {
  return [script = std::move(script)](const Ids& canvas, int32_t position) {
    std::vector<float> logits(16);
    const auto found = script.find(canvas);
    EXPECT_NE(found, script.end()) << ::testing::PrintToString(canvas);
    if (found != script.end() && found->second.first == position)
      logits[static_cast<size_t>(found->second.second)] = 20;
    return logits;
  };
}

TEST(DreamOn, A03_AMaskBecomesTwoAndAnEndTokenTakesOneAway) {
  const int32_t M = kMask;
  FakeDenoiser denoiser(fake_dreamon_spec(), says({{{1, M, M, 3}, {1, kExpand}},
                                                   {{1, M, M, M, 3}, {2, 5}},
                                                   {{1, M, 5, M, 3}, {3, kExpand}},
                                                   {{1, M, 5, M, M, 3}, {3, 6}},
                                                   {{1, M, 5, 6, M, 3}, {4, kEnd}},
                                                   {{1, M, 5, 6, 3}, {1, 7}}}));
  const Decoded decoded = run(denoiser, {1, M, M, 3}, {{1, 3, 1, 4, nullptr, nullptr}});
  EXPECT_EQ(
      decoded.canvases,
      (std::vector<Ids>{
          {1, M, M, M, 3}, {1, M, 5, M, 3}, {1, M, 5, M, M, 3}, {1, M, 5, 6, M, 3}, {1, M, 5, 6, 3}, {1, 7, 5, 6, 3}}));
  EXPECT_EQ(decoded.tokens, (Ids{1, 7, 5, 6, 3}));
  EXPECT_EQ(decoded.outcome.finish_reason, "stop");
  EXPECT_EQ(decoded.holes[0].size(), 3);
}

TEST(DreamOn, A03_AnEndTokenTakesTheMasksBehindItInItsHole) {
  const int32_t M = kMask;
  // The second hole is left alone, and so is what was decided.
  FakeDenoiser denoiser(fake_dreamon_spec(), says({{{1, M, M, M, M, M, 3, M, 4}, {4, 5}},
                                                   {{1, M, M, M, 5, M, 3, M, 4}, {2, kEnd}},
                                                   {{1, M, 5, 3, M, 4}, {4, kExpand}},
                                                   {{1, M, 5, 3, M, M, 4}, {5, 7}},
                                                   {{1, M, 5, 3, M, 7, 4}, {1, 6}},
                                                   {{1, 6, 5, 3, M, 7, 4}, {4, 8}}}));
  const Decoded decoded =
      run(denoiser, {1, M, M, M, M, M, 3, M, 4}, {{1, 6, 1, 8, nullptr, nullptr}, {7, 8, 1, 2, nullptr, nullptr}});
  EXPECT_EQ(decoded.tokens, (Ids{1, 6, 5, 3, 8, 7, 4}));
  EXPECT_EQ(decoded.canvases[1], (Ids{1, M, 5, 3, M, 4}));
  EXPECT_EQ(decoded.outcome.finish_reason, "length");  // the second hole has all it may have
}

TEST(DreamOn, A03_AHoleIsNeverLongerNorShorterThanItMayBe) {
  for (const int32_t wish : {kExpand, kEnd}) {
    FakeDenoiser denoiser(fake_dreamon_spec(), [wish](const Ids&, int32_t position) {
      std::vector<float> logits(16);
      logits[static_cast<size_t>(wish)] = 20;
      logits[static_cast<size_t>(1 + position)] = 10;
      return logits;
    });
    const Decoded decoded = run(denoiser, {9, kMask, kMask, kMask, 9}, {{1, 4, 2, 5, nullptr, nullptr}});
    EXPECT_EQ(decoded.tokens, wish == kExpand ? (Ids{9, 2, 3, 4, 5, 6, 9}) : (Ids{9, 2, 3, 9}));
    EXPECT_EQ(decoded.outcome.nfe, wish == kExpand ? 2 + 5 : 1 + 2);
  }
}

TEST(DreamOn, A03_ExpandingAndEndingInTurnComesToAnEnd) {
  FakeDenoiser denoiser(fake_dreamon_spec(), [](const Ids& canvas, int32_t) {
    std::vector<float> logits(16);
    logits[canvas.size() % 2 == 0 ? kExpand : kEnd] = 20;
    logits[7] = 10;
    return logits;
  });
  const Decoded decoded = run(denoiser, {9, kMask, kMask, 9}, {{1, 3, 1, 6, nullptr, nullptr}});
  EXPECT_LE(decoded.outcome.nfe, 2 + 2 * 6);
  EXPECT_EQ(std::count(decoded.tokens.begin(), decoded.tokens.end(), kMask), 0);
}

TEST(DreamOn, A03_TheBudgetsLastForwardMovesNothing) {
  FakeDenoiser denoiser(fake_dreamon_spec(), [](const Ids&, int32_t position) {
    std::vector<float> logits(16);
    logits[kExpand] = 20;
    logits[static_cast<size_t>(1 + position)] = 10;
    return logits;
  });
  for (const int nfe : {1, 2}) {
    const Decoded decoded = run(denoiser, {9, kMask, kMask, 9}, {{1, 3, 1, 9, nullptr, nullptr}}, {.max_nfe = nfe});
    EXPECT_EQ(decoded.outcome.nfe, nfe);
    EXPECT_EQ(decoded.outcome.finish_reason, "deadline");
    EXPECT_EQ(decoded.tokens, nfe == 1 ? (Ids{9, 2, 3, 9}) : (Ids{9, 2, 3, 4, 9}));
  }
}

TokenSet set_of(const Ids& tokens) {
  TokenSet set(1);
  for (const int32_t token : tokens) set[0] |= uint64_t{1} << token;
  return set;
}

TEST(DreamOnProperty, A03_HolesStayWithinTheirBoundsAndEverythingElseAsItWas) {
  const auto words = std::make_shared<const TokenSet>(set_of({1, 2, 3, 4, 5}));
  const auto beginnings = std::make_shared<const TokenSet>(set_of({4, 5}));
  const std::vector<std::string_view> bytes = {"", "a", "b", "ab"};
  const auto language = std::make_shared<const TokenAutomaton>(
      grammar::Automaton::compile(grammar::grammar_of(grammar::parse_regex("(ab)+a", "--regex")), "--regex"),
      std::make_shared<const TokenTrie>(bytes), 16, Ids{}, "--regex");
  EXPECT_TRUE(rc::check([&] {
    Ids tokens = {9};
    std::vector<ElasticCells> holes;
    std::vector<CellRule> rules;
    std::vector<Ids> around = {{9}};  // what stands before each hole, and behind the last
    for (int count = *rc::gen::inRange(1, 4); count > 0; --count) {
      const auto begin = static_cast<int32_t>(tokens.size());
      const int32_t size = *rc::gen::inRange(1, 6);
      tokens.insert(tokens.end(), static_cast<size_t>(size), kMask);
      if (*rc::gen::inRange(0, 3) == 0 && size > 1) {
        rules.push_back({begin, begin + size, language, nullptr});
      } else {
        const int least = *rc::gen::inRange(1, size + 1);
        const auto first = *rc::gen::arbitrary<bool>() ? beginnings : nullptr;
        holes.push_back({begin, begin + size, least, *rc::gen::inRange(size, 9), words, first});
      }
      around.push_back({});
      for (int fixed = *rc::gen::inRange(0, 3); fixed > 0; --fixed) around.back().push_back(10 + fixed);
      tokens.insert(tokens.end(), around.back().begin(), around.back().end());
    }
    GenerationOptions options{
        .temperature = *rc::gen::element(0.0, 1.0), .top_p = 1.0, .seed = *rc::gen::inRange<uint64_t>(0, 1000)};
    switch (*rc::gen::inRange(0, 4)) {
      case 0: options.threshold = 0.2; break;
      case 1: options.steps = *rc::gen::inRange(1, 8); break;
      case 2: options.max_nfe = *rc::gen::inRange(1, 8);
    }
    FakeDenoiser denoiser(fake_dreamon_spec(), scrambled_logits(16, 6));
    int allowed = 0;
    for (const ElasticCells& hole : holes) allowed += hole.size() + 2 * hole.most;
    for (const CellRule& rule : rules) allowed += rule.end - rule.begin;
    const Decoded decoded = run(denoiser, tokens, holes, options, rules);
    RC_ASSERT(decoded.outcome.nfe <= options.max_nfe.value_or(allowed));
    RC_ASSERT(decoded.canvases.back() == decoded.tokens);
    // Read from left to right: fixed tokens, then what a hole holds.
    size_t at = 0, elastic = 0, ruled = 0;
    for (size_t piece = 0; piece < around.size(); ++piece) {
      for (const int32_t token : around[piece]) RC_ASSERT(decoded.tokens.at(at++) == token);
      if (piece + 1 == around.size()) break;
      const bool is_elastic =
          ruled == rules.size() || (elastic < holes.size() && holes[elastic].begin < rules[ruled].begin);
      if (!is_elastic) {
        std::string text;
        for (int32_t cell = rules[ruled].begin; cell < rules[ruled].end; ++cell)
          text += bytes.at(static_cast<size_t>(decoded.tokens.at(at++)));
        RC_ASSERT(language->bytes().matches(text));
        ++ruled;
        continue;
      }
      const ElasticCells& now = decoded.holes.at(elastic++);
      RC_ASSERT(now.begin == static_cast<int32_t>(at));
      RC_ASSERT(now.least <= now.size() && now.size() <= now.most);
      for (int32_t cell = now.begin; cell < now.end; ++cell, ++at)
        RC_ASSERT(contains(cell == now.begin && now.first ? *now.first : *now.tokens, decoded.tokens.at(at)));
    }
    RC_ASSERT(at == decoded.tokens.size());
  }));
}

TEST(DreamOn, RefusesWhatDoesNotGoWithIt) {
  const auto refuse = [](GenerationOptions options, const std::string& why) {
    options.length = "4..9";
    EXPECT_ERROR(resolve(options, fake_dreamon_spec()), kInvalidArgument, why);
  };
  refuse({.cache = "prefix"}, "(DreamOn) cannot be combined with --cache");
  refuse({.block_length = 2}, "(DreamOn) cannot be combined with --block-length");
  refuse({.trim_tail = true}, "(DreamOn) cannot be combined with --trim-tail");
  refuse({.remask = "edit:0.9"}, "cannot be combined with --remask edit:0.9");
  refuse({.select = "cosine"}, "whose schedule needs to know the length; use --preset dream");
  EXPECT_ERROR(resolve({.preset = "dreamon"}, fake_diffusion_spec()), kInvalidArgument,
               "preset 'dreamon' is for models that expand their holes");
  EXPECT_EQ(resolve({.length = "7"}, fake_dreamon_spec()).length.kind, LengthKind::kFixed);
  EXPECT_EQ(resolve({.length = "auto"}, fake_dreamon_spec()).length.initial, 4);
}

}  // namespace
}  // namespace pent
