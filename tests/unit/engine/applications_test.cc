// The tests of spec 44 §14 that need no server, each under its id; are in tests/unit/sample/constraint_test.cc and
// schema_property_test.cc, A-9 in best_text_test.cc, A-3's expand and delete tokens in dreamon_test.cc.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <cmath>

#include "engine/edit.h"
#include "engine/fill_template.h"
#include "fake_model.h"
#include "sample/choices.h"
#include "support/expect_error.h"

namespace pent {
namespace {

template <typename Property>
void check(Property property) {
  EXPECT_TRUE(rc::check(property));
}

// Surest of a hole that has `length` masks, the less so the farther from it; but in all the surer the fewer masks there are, and that
// without a text around them (nothing but masks) too.
FakeDenoiser::Logits suits_a_length(int length) {
  return [length](const std::vector<int32_t>& seen, int32_t) {
    const auto masks = static_cast<int>(std::count(seen.begin(), seen.end(), 15));
    const bool bare = masks == static_cast<int>(seen.size());
    const int cells = bare ? masks - 2 : masks;  // of the hole: a literal of one cell stands on either side
    const double bias = 0.5 + 0.45 * std::exp(-0.05 * cells);
    const double p = bias / (bare ? 1 : 1 + 0.01 * std::abs(cells - length));
    std::vector<float> logits(16, -30.0f);
    logits[2] = static_cast<float>(std::log(p));
    for (int token = 1; token <= 7; ++token)  // as many tokens as can be written share the rest
      if (token != 2) logits[static_cast<size_t>(token)] = static_cast<float>(std::log((1 - p) / 6));
    return logits;
  };
}

// the search, behind a bias that the mean confidence alone would follow.
TEST(Applications, A03_TheLengthSearchFindsTheTrueLengthBehindAKnownBias) {
  for (int length = 1; length <= 64; ++length) {
    Model model = fake_model(fake_diffusion_spec(), suits_a_length(length));
    EXPECT_EQ(fill(model, "a[[*]]c", {.steps = 1}).holes[0].tokens, length);
  }
}

//
TEST(Applications, A03_TheBiasMayBeACurveFittedToTheModel) {
  for (const int length : {1, 5, 17, 40, 64}) {
    Model model = fake_model(fake_diffusion_spec(), suits_a_length(length));
    model.files.generation_config = {{"length_bias", {0.0, 0.0, 0.45, 0.05, 0.5}}};
    EXPECT_EQ(fill(model, "a[[*]]c", {.steps = 1}).holes[0].tokens, length);
  }
  for (const char* wrong : {"[1,2,3,4]", "[1,1,1,1,-1]", "[0,0,0,0,0]", "\"x\"", "[1,1,1,1,\"1\"]"}) {
    Model model = fake_model(fake_diffusion_spec());
    model.files.generation_config = {{"length_bias", Json::parse(wrong)}};
    EXPECT_ERROR(fill(model, "a[[*]]c", {}), kCorrupt, "length_bias is", "expected five numbers");
  }
}

//
TEST(Applications, A03_TheBudgetOfForwardsIsNeverExceeded) {
  for (int budget = 1; budget <= 12; ++budget) {
    Model model = fake_model(fake_diffusion_spec(), suits_a_length(23));
    const Filling filling = fill(model, "a[[*]]c[[2..9]]b", {.max_nfe = budget});
    EXPECT_LE(filling.generation.nfe, budget);
    EXPECT_EQ(static_cast<FakeDenoiser&>(*model.denoiser).forwards, filling.generation.nfe);
    for (const FilledHole& hole : filling.holes) EXPECT_EQ(hole.finish, "filled");
    EXPECT_EQ(filling.generation.finish_reason, "deadline");
  }
}

std::string any_text() {
  std::string made;
  for (int i = *rc::gen::inRange(1, 6); i > 0; --i)
    made += *rc::gen::element<std::string>("a", "b", "c", " ", "[", "]");
  return made;
}

Request any_request() {
  Request request;
  const int pieces = *rc::gen::inRange(1, 6);
  for (int i = 0; i < pieces; ++i) {
    if (*rc::gen::inRange(0, 3) > 0) request.canvas.push_back({.text = any_text(), .hole = {}});
    Hole hole;
    switch (*rc::gen::inRange(0, 4)) {
      case 0: hole.min_tokens = hole.max_tokens = *rc::gen::inRange(1, 5); break;
      case 1: hole.min_tokens = *rc::gen::inRange(1, 4), hole.max_tokens = hole.min_tokens + 3; break;
      case 2: hole.constraint = Constraint{.text = *rc::gen::element<std::string>("[ab]{1,4}", "(ab|c)+", "c?")}; break;
      case 3:
        hole.draft = any_text();
        if (*rc::gen::arbitrary<bool>()) hole.strength = *rc::gen::element(0.0, 0.4, 1.0);
    }
    request.canvas.push_back({.text = {}, .hole = hole});
  }
  check_canvas(request.canvas);
  request.options.seed = *rc::gen::inRange<uint64_t>(0, 1000);
  request.options.temperature = *rc::gen::element(0.0, 1.0);
  request.options.preset = *rc::gen::element<std::string>("llada", "fast-dllm", "eb", "mdlm", "p2", "wino");
  return request;
}

// 1,000 templates, ten a case.
TEST(Applications, A04_FixedTextStaysAndTheWholeIsLiteralsAndHoles) {
  check([] {
    for (int template_of_case = 0; template_of_case < 10; ++template_of_case) {
      const Request request = any_request();
      Model model = fake_model(fake_diffusion_spec());
      const Filling filling = answer(model, request);
      std::string expected;
      size_t hole = 0;
      for (const Segment& segment : request.canvas) {
        expected += segment.text;
        if (!segment.hole) continue;
        const FilledHole& filled = filling.holes.at(hole++);
        RC_ASSERT(filled.finish == "filled");
        if (segment.hole->max_tokens > 0)
          RC_ASSERT(segment.hole->min_tokens <= filled.tokens && filled.tokens <= segment.hole->max_tokens);
        expected += filled.text;
      }
      RC_ASSERT(filling.generation.text == expected);
    }
  });
}

// Gives the token that stands behind a cell's neighbours in `text` nine tenths.
FakeDenoiser::Logits knows(const std::vector<int32_t>& text) {
  return [text](const std::vector<int32_t>&, int32_t position) {
    std::vector<float> logits(16, std::log(0.1f / 15));
    logits[static_cast<size_t>(text.at(static_cast<size_t>(position)))] = std::log(0.9f);
    return logits;
  };
}

//
TEST(Applications, A06_ASoftEditWithNothingToChangeTakesOneForward) {
  Model model = fake_model(fake_diffusion_spec(), knows({5, 4, 3, 3, 1}));
  const Filling filling = answer(model, make_edit("ab cca", {}, {}));
  EXPECT_EQ(filling.generation.text, "ab cca");
  EXPECT_EQ(filling.generation.nfe, 1);
  EXPECT_EQ(filling.kept_fraction, 1);
}

//
TEST(Applications, A06_WhatTheModelDoubtsIsWrittenAnewWithItsNeighbours) {
  Model model = fake_model(fake_diffusion_spec(), knows({1, 3, 4, 3, 3, 1}));
  const Filling filling = answer(model, make_edit("ac bca", {}, {}));  // "b" stands where the model knows "c"
  EXPECT_EQ(filling.generation.text, "ac cca");
  EXPECT_EQ(filling.kept_fraction, 0.5);
  EXPECT_EQ(filling.generation.nfe, 1 + 3);
}

//
TEST(Applications, A11_TheChoicesOfOneLengthAddUpToOne) {
  FakeDenoiser model(fake_diffusion_spec(), scrambled_logits(16));
  Canvas canvas(15);
  canvas.append_fixed(std::vector<int32_t>{1});
  canvas.append_masked(3);  // another number of cells than the choices have
  canvas.append_fixed(std::vector<int32_t>{3});
  const auto writable = std::make_shared<const TokenSet>(TokenSet{0b11111110});
  std::vector<std::vector<int32_t>> choices;
  for (int32_t first = 1; first <= 7; ++first)
    for (int32_t second = 1; second <= 7; ++second) choices.push_back({first, second});
  double sum = 0;
  for (const double value : chain_log_probabilities(model, canvas, 1, 4, choices, writable).log_probabilities)
    sum += std::exp(value);
  EXPECT_NEAR(sum, 1, 1e-5);
  EXPECT_EQ(model.forwards, 1);
}

//
TEST(Applications, A11_AHoleSaysHowProbableItsChoicesAre) {
  Request request;
  request.canvas = parse_fill_template("a[[x:choice:a|b|c|[|]| |ab]]c[[2]]");  // all the text of one token
  Model model = fake_model(fake_diffusion_spec());
  EXPECT_TRUE(answer(model, request).holes[0].choice_logprobs.empty());
  request.choice_logprobs = true;
  const Filling filling = answer(model, request);
  ASSERT_EQ(filling.holes[0].choice_logprobs.size(), 7u);
  double sum = 0;
  for (const double value : filling.holes[0].choice_logprobs) sum += std::exp(value);
  EXPECT_NEAR(sum, 1, 1e-5);
  EXPECT_TRUE(filling.holes[1].choice_logprobs.empty());
}

//
TEST(Applications, A12_StrengthZeroIsTheTextAndStrengthOneAFreshStart) {
  const std::string text = "ab [c]ab c";
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const GenerationOptions options{.temperature = 1.0, .seed = seed};
    Model model = fake_model(fake_diffusion_spec());
    const Filling same = answer(model, make_edit(text, {.strength = 0}, options));
    EXPECT_EQ(same.generation.text, text);
    EXPECT_EQ(same.generation.nfe, 0);
    const size_t tokens = model.tokenizer->encode(text).size();
    const Filling anew = answer(model, make_edit(text, {.strength = 1}, options));
    const Filling fresh = fill(model, fmt::format("[[{}]]", tokens), options);
    EXPECT_EQ(anew.generation.text, fresh.generation.text);
    EXPECT_EQ(anew.generation.token_ids, fresh.generation.token_ids);
    EXPECT_EQ(anew.generation.nfe, fresh.generation.nfe);
    EXPECT_EQ(anew.kept_fraction, 0);
  }
}

//
TEST(Applications, A12_StrengthIsTheShareWrittenAnew) {
  const std::string text = "abc abc ab";
  Model model = fake_model(fake_diffusion_spec());
  const auto tokens = static_cast<double>(model.tokenizer->encode(text).size());
  for (const double strength : {0.1, 0.25, 0.5, 0.9}) {
    const Filling filling = answer(model, make_edit(text, {.strength = strength}, {}));
    EXPECT_NEAR(filling.kept_fraction, 1 - std::ceil(strength * tokens) / tokens, 1e-9);
    EXPECT_EQ(filling.generation.nfe, 1 + std::ceil(strength * tokens));
  }
}

TEST(Edit, OnlyTheRangeIsWrittenAnew) {
  Model model = fake_model(fake_diffusion_spec());
  const Filling filling = answer(model, make_edit("ab c[a]b", {.redo = ByteRange{4, 7}}, {.seed = 3}));
  EXPECT_TRUE(filling.generation.text.starts_with("ab c") && filling.generation.text.ends_with("b"));
  EXPECT_EQ(filling.kept_fraction, 0);
  EXPECT_EQ(filling.holes[0].tokens, 3);
}

TEST(Edit, RefusesWhatMakesNoSense) {
  EXPECT_ERROR(make_edit("", {}, {}), kInvalidArgument, "the text is empty");
  EXPECT_ERROR(make_edit("a", {.strength = 1.1}, {}), kInvalidArgument, "--strength is 1.1; expected 0 to 1");
  EXPECT_ERROR(make_edit("é", {.redo = ByteRange{1, 2}}, {}), kInvalidArgument, "cuts a character in two at byte 1");
  Model model = fake_model(fake_diffusion_spec());
  EXPECT_ERROR(answer(model, make_edit("abc", {}, {.max_nfe = 1})), kInvalidArgument,
               "--max-nfe 1: a draft takes one forward to be judged and another to be written anew");
  EXPECT_NO_THROW(answer(model, make_edit("abc", {.strength = 1}, {.max_nfe = 1})));
}

//
TEST(Applications, A17_AtADeadlineOneForwardDecidesAllThatIsLeft) {
  Model model = fake_model(fake_diffusion_spec());
  for (const Preset& preset : presets()) {
    if (!preset.diffusion || !fits(preset, model.denoiser->spec())) continue;
    const Filling filling = fill(model, "a[[20]]b[[20]]", {.preset = std::string(preset.name), .deadline_ms = 0});
    EXPECT_EQ(filling.generation.nfe, 1) << preset.name;
    EXPECT_EQ(filling.generation.hurried, 40) << preset.name;
    EXPECT_EQ(filling.generation.finish_reason, "deadline") << preset.name;
    EXPECT_EQ(filling.generation.completion_tokens, 40) << preset.name;
  }
}

//
TEST(Applications, A18_HolesOfAHigherPriorityAreFinishedFirst) {
  for (const std::string select : {"linear", "cosine", "threshold:0.2", "entropy:9", "factor:40"}) {
    Request request;
    request.canvas = parse_fill_template("a[[5]]b[[first:4]]c[[6]]");
    request.canvas[3].hole->priority = std::numeric_limits<double>::infinity();
    request.canvas[5].hole->priority = -1;
    request.options = {.select = select, .temperature = 1.0, .seed = 6};
    if (select == "linear" || select == "cosine") request.options.steps = 4;
    Model model = fake_model(fake_diffusion_spec());
    std::vector<int32_t> step(20, -1);
    answer(model, request, [&](const TraceEvent& event) {
      if (event.kind != TraceEvent::Kind::kStep) return;
      for (const CellChange& change : event.changes) step[static_cast<size_t>(change.cell)] = event.step;
    });
    const auto [first_begin, first_end] = std::minmax_element(step.begin() + 1, step.begin() + 6);
    const auto [high_begin, high_end] = std::minmax_element(step.begin() + 7, step.begin() + 11);
    const auto low_begin = std::min_element(step.begin() + 12, step.begin() + 18);
    EXPECT_LT(*high_end, *first_begin) << select;
    EXPECT_LT(*first_end, *low_begin) << select;
  }
  Request request;
  request.canvas = parse_fill_template("a[[5]]b[[4]]");
  request.canvas[1].hole->priority = 1;
  request.options.preset = "p2";
  Model model = fake_model(fake_diffusion_spec());
  EXPECT_ERROR(answer(model, request), kInvalidArgument, "priorities of holes need a decoder that finishes one block");
}

TEST(Fill, AFreeLengthEndsWhereTheContextDoes) {
  ModelSpec spec = fake_diffusion_spec();
  spec.max_positions = 20;
  Model model = fake_model(spec, suits_a_length(50));
  const std::string text(12, 'a');
  EXPECT_EQ(fill(model, text + "[[*]]c", {}).holes[0].tokens, 7);
  EXPECT_ERROR(fill(model, text + "[[8..9]]c", {}), kInvalidArgument, "the model's context is 20");
  EXPECT_LE(fill(model, "a[[*]]b[[*]]c", {}).generation.completion_tokens, 17);
}

TEST(Fill, AFreeLengthIsOneThatTheLanguageOfTheWholeCanHave) {
  for (uint64_t seed = 0; seed < 10; ++seed) {
    Model model = fake_model(fake_diffusion_spec());
    const Filling filling = fill(model, "a[[2..9]]c", {.temperature = 1.0, .seed = seed, .regex = "a(bb){1,9}c"});
    const std::string& hole = filling.holes[0].text;
    EXPECT_TRUE(hole.size() % 2 == 0 && hole.find_first_not_of('b') == hole.npos) << hole;
    EXPECT_EQ(filling.generation.text, "a" + hole + "c");
  }
  Model model = fake_model(fake_diffusion_spec());
  EXPECT_ERROR(fill(model, "a[[2..3]]c", {.regex = "ab{9}c"}), kInvalidArgument, "--regex");
  EXPECT_ERROR(fill(model, "a[[2..3]]c[[*]]", {.regex = "a.*"}), kInvalidArgument,
               "only one hole can have a free length; 2 have");
}

}  // namespace
}  // namespace pent
