#include <gtest/gtest.h>

#include "fake_model.h"

namespace pent {
namespace {

TEST(Fill, LiteralsStayAndHolesGetExactlyTheirTokens) {
  Model model = fake_model(fake_diffusion_spec());
  const Filling filling = fill(model, "ab [[3]] c[[end:2]]\\[[", {.temperature = 1.0, .seed = 4});
  ASSERT_EQ(filling.holes.size(), 2u);
  EXPECT_EQ(filling.holes[0].name, "1");
  EXPECT_EQ(filling.holes[1].name, "end");
  EXPECT_EQ(filling.holes[0].tokens, 3);
  EXPECT_EQ(filling.holes[0].finish, "filled");
  EXPECT_EQ(filling.generation.text, "ab " + filling.holes[0].text + " c" + filling.holes[1].text + "[[");
  EXPECT_EQ(filling.generation.completion_tokens, 5);
  EXPECT_EQ(filling.generation.nfe, 5);
}

TEST(Fill, SpecialTokensAreBannedInHoles) {
  // The model wants to end (0), to start (8), to pad (12) and to mask (15).
  Model model = fake_model(fake_diffusion_spec(), writes({0, 8, 12, 15}));
  const Filling filling = fill(model, "[[4]]", {});
  for (const TokenId id : filling.generation.token_ids) EXPECT_TRUE(id >= 1 && id <= 7) << id;
  EXPECT_EQ(filling.generation.finish_reason, "length");
}

TEST(Fill, TheModelSeesBothSidesOfAHole) {
  ModelSpec spec = fake_diffusion_spec();
  spec.bos_id = 8;
  Model model = fake_model(spec, [](const std::vector<int32_t>& seen, int32_t) {
    EXPECT_EQ(seen, (std::vector<int32_t>{8, 5, 15, 3}));
    return std::vector<float>(16);
  });
  EXPECT_EQ(fill(model, "ab[[1]]c", {}).generation.prompt_tokens, 3);
}

// The blank before a hole is no token of its own: the hole begins with one, and it stands in the text once.
TEST(Fill, AHoleWritesTheBlankBeforeIt) {
  Model model = fake_model(fake_diffusion_spec(), [](const std::vector<int32_t>& seen, int32_t) {
    EXPECT_EQ(seen.size(), 3u);
    std::vector<float> logits(16);
    logits[2] = 5;  // "b", which the first cell of the hole may not get
    logits[9] = 3;
    return logits;
  });
  model.tokenizer = std::make_shared<FakeTokenizer>(
      std::vector<std::string>{"<eos>", "a", "b", "c", " ", "ab", "[", "]", "<bos>", " c"});
  const Filling filling = fill(model, "ab [[2]]", {});
  EXPECT_EQ(filling.generation.text, "ab cb");
  EXPECT_EQ(filling.holes[0].text, "cb");
  EXPECT_EQ(filling.generation.token_ids, (std::vector<TokenId>{9, 2}));
  EXPECT_EQ(filling.generation.prompt_tokens, 1);
}

// Where no token is a word behind a blank, or there are two blanks, the literal is written as it is.
TEST(Fill, ABlankThatNoHoleCanWriteStays) {
  Model model = fake_model(fake_diffusion_spec());
  EXPECT_EQ(fill(model, "ab [[1]]", {}).generation.prompt_tokens, 2);
  EXPECT_EQ(fill(model, "ab  [[1]]", {}).generation.prompt_tokens, 3);
}

TEST(Fill, HolesAreOneBlockUnlessToldOtherwise) {
  Model model = fake_model(fake_diffusion_spec());
  std::vector<int32_t> first_cells;
  const TraceSink sink = [&](const TraceEvent& event) {
    for (const CellChange& change : event.changes)
      if (event.kind == TraceEvent::Kind::kStep) first_cells.push_back(change.cell);
  };
  fill(model, "a[[2]]b[[2]]", {.block_length = 1}, {}, sink);
  EXPECT_EQ(first_cells, (std::vector<int32_t>{1, 2, 4, 5}));
  EXPECT_EQ(fill(model, "a[[2]]b[[2]]", {.steps = 1}).generation.nfe, 1);
}

TEST(Fill, CancelledHolesSaySo) {
  Model model = fake_model(fake_diffusion_spec());
  const Filling filling = fill(model, "a[[2]]b[[2]]", {.block_length = 2, .max_nfe = 3});
  EXPECT_EQ(filling.holes[0].finish, "filled");
  EXPECT_EQ(filling.holes[1].finish, "deadline");
  EXPECT_EQ(filling.holes[1].tokens, 1);
  EXPECT_EQ(filling.generation.finish_reason, "deadline");
}

TEST(Fill, RefusesWhatMakesNoSense) {
  Model ar = fake_model(fake_ar_spec());
  EXPECT_THROW(fill(ar, "[[1]]", {}), Error);
  Model model = fake_model(fake_diffusion_spec());
  EXPECT_THROW(fill(model, "[[1]]", {.max_tokens = 4}), Error);
  EXPECT_THROW(fill(model, "[[1]]", {.stop = {"a"}}), Error);
  EXPECT_THROW(fill(model, "[[1]]", {}, "be brief"), Error);
  EXPECT_THROW(fill(model, "[[513]]", {}), Error);
  EXPECT_THROW(fill(model, "a[[512]]", {}), Error);
  EXPECT_NO_THROW(fill(model, "a[[511]]", {.steps = 1}));
}

}  // namespace
}  // namespace pent
