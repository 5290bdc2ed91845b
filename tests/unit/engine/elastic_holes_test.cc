// Holes of models with an expand token, from template to text.
#include <gtest/gtest.h>

#include "engine/request_json.h"
#include "fake_model.h"
#include "support/expect_error.h"

namespace pent {
namespace {

constexpr int32_t kEnd = 0, kExpand = 14, kMask = 15;

// Wants `length` tokens in the first run of masks behind the last decided cell: it expands while the whole canvas is too short, ends where it is
// too long, and else writes "b", always in the first mask.
FakeDenoiser::Logits wants(size_t canvas_size) {
  return [canvas_size](const std::vector<int32_t>& canvas, int32_t position) {
    std::vector<float> logits(16);
    const auto mask = std::find(canvas.begin(), canvas.end(), kMask) - canvas.begin();
    if (position == mask)
      logits[static_cast<size_t>(canvas.size() < canvas_size ? kExpand : canvas.size() > canvas_size ? kEnd : 2)] = 20;
    return logits;
  };
}

TEST(ElasticHoles, AreAsLongAsTheModelMakesThem) {
  for (const size_t length : {1, 2, 4, 7, 30, 64}) {
    Model model = fake_model(fake_dreamon_spec(), wants(length + 3));  // "a", "c" and the end token behind them
    const Filling filling = fill(model, "a[[*]]c", {});
    // An end token takes all masks behind it: where the hole begins too long the rest is expanded again.
    EXPECT_EQ(filling.holes[0].text, std::string(length, 'b')) << length;
    EXPECT_EQ(filling.holes[0].tokens, static_cast<int>(length));
    EXPECT_EQ(filling.holes[0].finish, "filled");
    EXPECT_EQ(filling.generation.text, "a" + std::string(length, 'b') + "c");
    EXPECT_EQ(filling.generation.prompt_tokens, 3);
    EXPECT_EQ(filling.generation.completion_tokens, static_cast<int>(length));
    EXPECT_EQ(filling.generation.preset, "dreamon");
    EXPECT_EQ(static_cast<FakeDenoiser&>(*model.denoiser).forwards, filling.generation.nfe);
  }
}

TEST(ElasticHoles, StayWithinTheirRangeAndBesideHolesThatHaveALength) {
  for (uint64_t seed = 0; seed < 40; ++seed) {
    Model model = fake_model(fake_dreamon_spec());
    const Filling filling =
        fill(model, "ab [[2..9]]c[[3]][[x:regex:(ab|c){1,3}]] [[y:*]]]b[[~abc]]", {.temperature = 1.0, .seed = seed});
    const auto& holes = filling.holes;
    ASSERT_EQ(holes.size(), 5u);
    EXPECT_TRUE(2 <= holes[0].tokens && holes[0].tokens <= 9) << holes[0].tokens;
    EXPECT_EQ(holes[1].tokens, 3);
    EXPECT_TRUE(1 <= holes[3].tokens && holes[3].tokens <= 64) << holes[3].tokens;
    std::string expected = "ab " + holes[0].text + "c" + holes[1].text + holes[2].text + " " + holes[3].text + "]b";
    EXPECT_EQ(filling.generation.text, expected + holes[4].text);
    EXPECT_EQ(holes[2].text.find_first_not_of("abc"), std::string::npos) << holes[2].text;
    EXPECT_FALSE(holes[2].text.empty());
  }
}

TEST(ElasticHoles, TheBudgetOfForwardsIsNeverExceeded) {
  for (int budget = 1; budget <= 12; ++budget) {
    Model model = fake_model(fake_dreamon_spec(), wants(40));
    const Filling filling = fill(model, "a[[*]]c", {.max_nfe = budget});
    EXPECT_EQ(filling.generation.nfe, budget);
    EXPECT_EQ(filling.generation.finish_reason, "deadline");
    EXPECT_EQ(filling.holes[0].finish, "filled");
  }
}

TEST(ElasticHoles, EndWhereTheContextDoes) {
  ModelSpec spec = fake_dreamon_spec();
  spec.max_positions = 20;
  Model model = fake_model(spec, wants(100));
  EXPECT_EQ(fill(model, std::string(10, 'a') + "[[*]]c", {}).holes[0].tokens, 8);
  EXPECT_ERROR(fill(model, std::string(10, 'a') + "[[9..20]]c", {}), kInvalidArgument, "the model's context is 20");
}

TEST(ElasticHoles, AnotherPresetSearches) {
  Model model = fake_model(fake_dreamon_spec());
  const Filling filling = fill(model, "a[[2..5]]c", {.preset = "dream"});
  EXPECT_GT(filling.generation.nfe, filling.holes[0].tokens);  // the search costs forwards
  for (const TokenId token : filling.generation.token_ids) EXPECT_TRUE(token != kExpand && token != kEnd) << token;
}

TEST(ElasticHoles, ALanguageOfTheWholeKeepsCellsWhereTheyAre) {
  for (uint64_t seed = 0; seed < 5; ++seed) {
    Model model = fake_model(fake_dreamon_spec());
    const Filling filling = fill(model, "a[[2..9]]c", {.temperature = 1.0, .seed = seed, .regex = "a(bb){1,9}c"});
    EXPECT_EQ(filling.holes[0].text.size() % 2, 0u);
    EXPECT_EQ(filling.holes[0].text.find_first_not_of('b'), std::string::npos);
  }
}

TEST(ElasticHoles, PrioritiesNeedAnotherDecoder) {
  Request request;
  request.canvas = {{.text = "a", .hole = {}},
                    {.text = {}, .hole = Hole{.min_tokens = 1, .max_tokens = 5, .priority = 1}},
                    {.text = "b", .hole = {}},
                    {.text = {}, .hole = Hole{.min_tokens = 1, .max_tokens = 5}}};
  check_canvas(request.canvas);
  Model model = fake_model(fake_dreamon_spec());
  EXPECT_ERROR(answer(model, request), kInvalidArgument, "preset 'dreamon' does not");
  request.options.preset = "dream";
  EXPECT_NO_THROW(answer(model, request));
}

TEST(ElasticHoles, AnAnswerIsAHoleToo) {
  for (const size_t length : {0, 5, 20}) {
    Model model = fake_model(fake_dreamon_spec(), wants(length + 2));  // the prompt, and the end token behind
    const Generation generation = generate(model, {1}, {.max_tokens = 20});
    EXPECT_EQ(generation.text, std::string(length, 'b')) << length;
    EXPECT_EQ(generation.finish_reason, length == 20 ? "length" : "stop");
    EXPECT_EQ(generation.prompt_tokens, 1);
  }
  Model model = fake_model(fake_dreamon_spec());
  EXPECT_EQ(generate(model, {1}, {.length = "6"}).canvas_cells, 6);  // fixed: no cell comes or goes
}

}  // namespace
}  // namespace pent
