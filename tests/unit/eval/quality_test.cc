#include "eval/quality.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "eval/infilling.h"
#include "eval/openings.h"
#include "support/expect_error.h"
#include "support/fake_denoiser.h"
#include "support/fake_tokenizer.h"

namespace pent {
namespace {

using Ids = std::vector<int32_t>;

Model fake_judge(FakeDenoiser::Logits logits) {
  Model judge;
  judge.tokenizer = std::make_shared<FakeTokenizer>(std::vector<std::string>{"<eos>", "a", "b", "c", " ", "."});
  judge.denoiser = std::make_unique<FakeDenoiser>(fake_ar_spec(6), std::move(logits));
  return judge;
}

TEST(UnigramEntropy, IsThatOfTheCounts) {
  EXPECT_EQ(unigram_entropy(Ids{}), 0);
  EXPECT_EQ(unigram_entropy(Ids{3, 3, 3}), 0);
  EXPECT_NEAR(unigram_entropy(Ids{1, 2, 3, 4}), std::log(4.0), 1e-12);
  EXPECT_NEAR(unigram_entropy(Ids{1, 1, 1, 2}), -(0.75 * std::log(0.75) + 0.25 * std::log(0.25)), 1e-12);
}

TEST(JudgeTexts, UniformJudgeIsAsPerplexedAsItsVocabularyIsLarge) {
  Model judge = fake_judge([](const Ids&, int32_t) { return std::vector<float>(6); });
  const JudgedTexts judged = judge_texts(judge, {"abc", "", "a", "ab"});
  EXPECT_NEAR(judged.perplexity, 6, 1e-4);
  EXPECT_EQ(judged.tokens, 2 + 1);
  EXPECT_EQ(judged.texts, 2);
  EXPECT_EQ(judged.empty_texts, 2);
  EXPECT_NEAR(judged.unigram_entropy, (std::log(3.0) + std::log(2.0)) / 2, 1e-12);
  EXPECT_NEAR(judged.nll[0], 2 * std::log(6.0), 1e-5);
  EXPECT_EQ(judged.nll[1], 0);
}

TEST(JudgeTexts, SameInPassesOfAnyWidth) {
  Model judge = fake_judge(scrambled_logits(6));
  const std::vector<std::string> texts = {"abc", "a b c.", "cc", "b.b.b.b."};
  EXPECT_EQ(judge_texts(judge, texts, 1).nll, judge_texts(judge, texts, 3).nll);
}

TEST(JudgeTexts, DiffusionJudgeIsRefused) {
  Model judge = fake_judge({});
  judge.denoiser = std::make_unique<FakeDenoiser>(fake_diffusion_spec(6), scrambled_logits(6));
  EXPECT_ERROR(judge_texts(judge, {"a"}), kInvalidArgument, "the judge must be autoregressive");
}

TEST(Sentences, EndWithTheirQuotesAndKeepTheSpaceBeforeThem) {
  EXPECT_EQ(
      split_sentences("One is 3.5 long. \"Two?\" he said.\n\nThree! (Four.) five"),
      (std::vector<std::string>{"One is 3.5 long.", " \"Two?\"", " he said.", "\n\nThree!", " (Four.)", " five"}));
  EXPECT_EQ(split_sentences("No end"), std::vector<std::string>{"No end"});
  EXPECT_TRUE(split_sentences("").empty());
}

TEST(HeldOut, CutOffTextsLoseTheirLastSentence) {
  const auto texts = parse_heldout(
      "{\"prompt\":\"Tell a story.\",\"text\":\"A b. C d. And th\",\"finish\":\"length\"}\n\n"
      "{\"prompt\":\"Explain.\",\"text\":\"A b. C\",\"finish\":\"stop\"}\n"
      "{\"prompt\":\"Explain.\",\"text\":\"never en\",\"finish\":\"length\"}\n",
      "f");
  ASSERT_EQ(texts.size(), 2u);
  EXPECT_EQ(texts[0].text, "A b. C d.");
  EXPECT_TRUE(texts[0].is_story);
  EXPECT_EQ(texts[1].text, "A b. C");
  EXPECT_FALSE(texts[1].is_story);
  EXPECT_ERROR(parse_heldout("{\"prompt\":\"a\",\"text\":\"b\"}\n{\"prompt\":1}", "f"), kCorrupt, "f:2");
}

TEST(Infilling, TheMiddleSentenceIsCutAndReplacedByOneOfItsLength) {
  const FakeTokenizer tokenizer({"<eos>", "a", "b", "c", " ", ".", "["});
  const std::vector<HeldOutText> texts = {{"x", "b. bb. bbb.", false},
                                          {"tale", "a. aa. a[[a.", true},
                                          {"x", "c. cc cc. ccc.", false},
                                          {"x", "c. c.", false}};
  const auto tasks = make_infilling_tasks(texts, tokenizer, 100, 2, 0.5, 1);
  ASSERT_EQ(tasks.size(), 2u);
  EXPECT_TRUE(tasks[0].is_story);
  EXPECT_EQ(tasks[0].before, "a.");
  EXPECT_EQ(tasks[0].original, " aa.");
  EXPECT_EQ(tasks[0].hole_tokens, 4);
  EXPECT_EQ(tasks[0].random, " bb.");  // the only one of four tokens in the other texts
  EXPECT_EQ(tasks[0].fill_template(), "a.[[4]] a\\[[a.");
  EXPECT_EQ(tasks[0].with(" X."), "a. X. a[[a.");
  EXPECT_EQ(tasks[1].original, " bb.");
}

TEST(Infilling, LongTextsLoseSentencesAtTheEnd) {
  const FakeTokenizer tokenizer({"<eos>", "a", "b", "c", " ", "."});
  const auto tasks =
      make_infilling_tasks({{"x", "a. b. c. a. b.", false}, {"x", "c. c.", false}}, tokenizer, 8, 9, 0.5, 1);
  ASSERT_EQ(tasks.size(), 1u);
  EXPECT_EQ(tasks[0].with(tasks[0].original), "a. b. c.");
}

TEST(Openings, AreTwentyDifferentOnes) {
  EXPECT_EQ(std::set<std::string_view>(kStoryOpenings.begin(), kStoryOpenings.end()).size(), 20u);
}

}  // namespace
}  // namespace pent
