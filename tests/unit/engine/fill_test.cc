#include <gtest/gtest.h>

#include "fake_model.h"
#include "support/expect_error.h"

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

TEST(Fill, EveryPresetFillsHolesOfTheLengthTheyHave) {
  for (const Preset& preset : presets()) {
    if (!fits(preset, fake_diffusion_spec())) continue;
    Model model = fake_model(fake_diffusion_spec());
    const Filling filling = fill(model, "ab [[3]] c[[2]]", {.preset = std::string(preset.name)});
    ASSERT_EQ(filling.holes.size(), 2u) << preset.name;
    EXPECT_EQ(filling.holes[0].tokens, 3) << preset.name;
    EXPECT_EQ(filling.holes[1].tokens, 2) << preset.name;
    EXPECT_EQ(filling.generation.written.size(), 5u) << preset.name;
  }
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

TEST(Fill, AtADeadlineEveryHoleIsWritten) {
  Model model = fake_model(fake_diffusion_spec());
  const Filling filling = fill(model, "a[[2]]b[[2]]", {.block_length = 2, .max_nfe = 3});
  EXPECT_EQ(filling.holes[0].finish, "filled");
  EXPECT_EQ(filling.holes[1].finish, "filled");
  EXPECT_EQ(filling.holes[1].tokens, 2);
  EXPECT_EQ(filling.generation.nfe, 3);
  EXPECT_EQ(filling.generation.hurried, 2);
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

TEST(Fill, AHoleWithAPatternIsWrittenByIt) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    Model model = fake_model(fake_diffusion_spec());
    const Filling filling =
        fill(model, "a[[x:regex:(ab|c){1,3}]]b[[choice:[a]|c.|bb]]c[[2]]", {.temperature = 1.0, .seed = seed});
    ASSERT_EQ(filling.holes.size(), 3u);
    EXPECT_EQ(filling.holes[0].name, "x");
    const std::string& first = filling.holes[0].text;
    EXPECT_TRUE(first == "ab" || first == "c" || first.starts_with("abab") || first.starts_with("abc") ||
                first.starts_with("cab") || first.starts_with("cc"))
        << first;
    EXPECT_TRUE(filling.holes[1].text == "[a]" || filling.holes[1].text == "bb") << filling.holes[1].text;  // no "."
    EXPECT_EQ(filling.holes[2].tokens, 2);
    EXPECT_EQ(filling.generation.text, "a" + first + "b" + filling.holes[1].text + "c" + filling.holes[2].text);
  }
}

TEST(Fill, TheWholeMayBeOfALanguage) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    Model model = fake_model(fake_diffusion_spec());
    const Filling filling = fill(model, "a [[3]]c[[2]]", {.temperature = 1.0, .seed = seed, .regex = "a ([ab]+c)+b*"});
    EXPECT_EQ(filling.generation.text.find_first_not_of("abc "), std::string::npos);
    EXPECT_EQ(filling.holes[0].text.find(' '), std::string::npos);
    EXPECT_EQ(filling.holes[0].tokens, 3);
  }
}

TEST(Fill, RefusesConstraintsThatCannotHold) {
  Model model = fake_model(fake_diffusion_spec());
  EXPECT_ERROR(fill(model, "c[[3]]", {.regex = "a.*"}), kInvalidArgument,
               "--regex: no 3 tokens in the holes make a text that matches it");
  EXPECT_ERROR(fill(model, "[[regex:a]]", {.regex = "a.*"}), kInvalidArgument,
               "the hole '1' has a pattern, and --regex says what the whole is");
  EXPECT_ERROR(fill(model, "[[regex:a(]]", {}), kInvalidArgument, "the pattern of the hole '1': a group without its )");
  EXPECT_ERROR(fill(model, "[[regex:xyz]]", {}), kInvalidArgument, "the model's vocabulary cannot spell any text");
  EXPECT_ERROR(fill(model, "[[n:regex:]]", {}), kInvalidArgument, "says nothing behind its sign");
  EXPECT_ERROR(fill(model, "[[1]]", {.regex = "a", .grammar = "root ::= \"a\""}), kInvalidArgument,
               "--regex and --grammar were both given");
}

TEST(Fill, IsDiffusionsAlone) {
  ModelSpec spec = fake_diffusion_spec();
  spec.shift = true;
  Model model = fake_model(spec);
  for (const char* mode : {"ar", "speculative"})
    EXPECT_ERROR(fill(model, "a[[2]]", {.mode = mode}), kInvalidArgument,
                 fmt::format("--mode {} writes from left to right and does not see the text behind a hole", mode));
}

// A vocabulary as SentencePiece makes them: "▁" before the first word of a text, and within it for a blank.
Model sentence_piece_model(FakeDenoiser::Logits logits) {
  Model model = fake_model(fake_diffusion_spec(), std::move(logits));
  model.tokenizer = parse_tokenizer_json(
      R"({"added_tokens": [{"id": 0, "content": "<eos>", "special": true}],
          "normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "\u2581"},
            {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}]},
          "model": {"type": "BPE", "vocab": {"<eos>": 0, "\u2581": 1, "a": 2, "b": 3, "\u2581a": 4, "\u2581b": 5, "c": 6, "\u2581c": 7},
                    "merges": ["\u2581 a", "\u2581 b", "\u2581 c"]},
          "decoder": {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "},
            {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}})",
      "tokenizer.json");
  return model;
}

TEST(Fill, PiecesOfATextAreTokenisedAsTheTextWouldBe) {
  Model model = sentence_piece_model([](const std::vector<int32_t>& seen, int32_t) {
    EXPECT_EQ(seen, (std::vector<int32_t>{4, 5, 15, 6}));  // "c" follows without a blank
    std::vector<float> logits(16);
    logits[7] = 5;
    return logits;
  });
  EXPECT_EQ(fill(model, "a b[[1]]c", {}).generation.text, "a b cc");
}

TEST(Fill, AHoleThatOpensTheTextWritesNoBlankBeforeIt) {
  Model model = sentence_piece_model([](const std::vector<int32_t>&, int32_t position) {
    std::vector<float> logits(16);
    logits[position == 0 ? 4 : 5] = 5;
    return logits;
  });
  EXPECT_EQ(fill(model, "[[2]]c", {}).generation.text, "a bc");
  EXPECT_EQ(fill(model, "[[regex:a b]]c", {}).generation.text, "a bc");
  EXPECT_EQ(fill(model, "a[[1]]", {.regex = "a b"}).generation.text, "a b");
  EXPECT_EQ(generate(model, {}, {.max_tokens = 2, .regex = "a b"}).text, "a b");
  EXPECT_EQ(generate(model, {}, {.max_tokens = 2, .regex = "ab"}).text, "ab");
}

}  // namespace
}  // namespace pent
