#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <set>

#include "support/expect_error.h"
#include "support/temp_dir.h"
#include "text/bpe_trainer.h"
#include "train/data/corpus.h"
#include "train/data/windows.h"

namespace pent::train {
namespace {

std::vector<Document> documents_of(const std::string& name, const std::string& content) {
  const TempDir directory;
  std::ofstream(directory / name, std::ios::binary) << content;
  return read_documents(directory / name);
}

TEST(Corpus, SentencesEndAfterTheirClosingQuote) {
  EXPECT_EQ(last_sentence_end("He ran. She"), 7u);
  EXPECT_EQ(last_sentence_end("\"Go!\" he sai"), 5u);
  EXPECT_EQ(last_sentence_end("It cost 3.50 in"), 0u);
  EXPECT_EQ(last_sentence_end("\u201cGo!\u201d he sai"), std::string("\u201cGo!\u201d").size());
  EXPECT_EQ(last_sentence_end(""), 0u);
}

TEST(Corpus, CutOffTextsAreTrimmedToTheirLastSentence) {
  const auto documents = documents_of("a.jsonl",
                                      "{\"prompt\": \"Tell.\", \"text\": \"One. Two. Thr\", \"finish\": \"length\"}\n\n"
                                      "{\"text\": \" Whole \"}\n"
                                      "{\"text\": \"no end at all\", \"finish\": \"length\"}\n");
  ASSERT_EQ(documents.size(), 2u);
  EXPECT_EQ(documents[0].prompt, "Tell.");
  EXPECT_EQ(documents[0].text, "One. Two.");
  EXPECT_EQ(documents[1].text, "Whole");
}

TEST(Corpus, BadLinesAreNamedByFileAndLine) {
  const auto read = [](const std::string& content) { return [content] { documents_of("a.jsonl", content); }; };
  EXPECT_ERROR(read("{\"text\": \"a.\"}\n{\"prompt\": \"only\"}\n")(), kCorrupt, "a.jsonl:2", "text");
  EXPECT_ERROR(read("{\"text\": 3}\n")(), kCorrupt, "a.jsonl:1", "text");
  EXPECT_ERROR(read("[]\n")(), kCorrupt, "a.jsonl:1");
  EXPECT_ERROR(read("{\"text\": \"a\"")(), kCorrupt, "a.jsonl:1");
  EXPECT_ERROR(read("")(), kInvalidArgument, "a.jsonl", "no text");
  EXPECT_ERROR(read("{\"text\": \"\"}\n")(), kInvalidArgument, "a.jsonl", "no text");
  EXPECT_ERROR(read_documents("/nowhere/a.txt"), kNotFound, "/nowhere/a.txt");
}

TEST(Corpus, PlainTextIsCutAtItsMarksAndAtGapsOnceItIsLong) {
  EXPECT_EQ(documents_of("a.txt", "one<|endoftext|>two\ftwo more\n\n\n\nstill two").size(), 3u);
  const std::string page(kDocumentBytes, 'x');
  EXPECT_EQ(documents_of("a.txt", page + "\n\n\n" + page + "\n\n" + page).size(), 2u);
}

class WindowsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const DocumentSource texts = [](const auto& take) { take("The cat sat. The dog ran! It was late. "); };
    tokenizer_ =
        parse_tokenizer_json(train_bpe(texts, {.vocab_size = 280, .special_tokens = SpecialTokens::names()}), "test");
    special_ = SpecialTokens::find(*tokenizer_, "test");
  }
  std::vector<Window> windows(const SourceRecipe& recipe, const std::vector<Document>& documents,
                              const WindowRules& rules, uint32_t epoch = 0) {
    return make_epoch({tokenize_source(recipe, documents, *tokenizer_)}, special_, rules, epoch);
  }
  std::string text(const Window& window, size_t begin) {
    std::string out;
    for (size_t i = begin; i < window.tokens.size(); ++i)
      if (!tokenizer_->is_special(window.tokens[i])) out += tokenizer_->token_bytes(window.tokens[i]);
    return out;
  }
  std::shared_ptr<const Tokenizer> tokenizer_;
  SpecialTokens special_{};
};

TEST_F(WindowsTest, AnExampleIsPromptThenAnswerThenEnd) {
  const auto made = windows({.path = "a"}, {{"The cat", "It sat."}}, {.context = 64, .pad_in_loss = false});
  ASSERT_EQ(made.size(), 1u);
  const auto& tokens = made[0].tokens;
  EXPECT_EQ(tokens[0], special_.bos);
  EXPECT_EQ(tokens[1], special_.user);
  EXPECT_EQ(tokens[static_cast<size_t>(made[0].loss_begin) - 1], special_.assistant);
  EXPECT_EQ(text(made[0], static_cast<size_t>(made[0].loss_begin)), "It sat.");
  EXPECT_EQ(tokens.back(), special_.eos);
  EXPECT_EQ(std::count(tokens.begin(), tokens.end(), special_.eos), 1);
}

TEST_F(WindowsTest, PaddingIsOfManyLengthsAndLiesInsideTheLoss) {
  const std::vector<Document> documents(200, Document{"", "It sat."});
  std::set<size_t> sizes;
  for (const Window& window : windows({.path = "a"}, documents, {.context = 40, .pad_in_loss = true})) {
    EXPECT_LE(window.tokens.size(), 40u);
    EXPECT_EQ(window.loss_begin, 1);
    sizes.insert(window.tokens.size());
  }
  EXPECT_GT(sizes.size(), 15u);
  EXPECT_EQ(*sizes.rbegin(), 40u);
}

TEST_F(WindowsTest, AnAnswerThatDoesNotFitEndsWithASentence) {
  std::string answer;
  for (int i = 0; i < 30; ++i) answer += "The cat sat. The dog ran! ";
  const auto made = windows({.path = "a"}, {{"", answer}}, {.context = 48, .pad_in_loss = false});
  ASSERT_EQ(made.size(), 1u);
  EXPECT_LE(made[0].tokens.size(), 48u);
  EXPECT_EQ(made[0].tokens.back(), special_.eos);
  const std::string kept = text(made[0], 1);
  EXPECT_EQ(last_sentence_end(kept), kept.size());
  EXPECT_GT(kept.size(), 12u);
}

TEST_F(WindowsTest, APromptWithoutRoomForAnAnswerGivesNoWindow) {
  EXPECT_ERROR(windows({.path = "a"}, {{std::string(200, 'q'), "It sat."}}, {.context = 32}), kInvalidArgument,
               "no window of 32 tokens");
}

TEST_F(WindowsTest, PackedWindowsHoldEveryTokenOnce) {
  std::vector<Document> documents;
  size_t bytes = 0;
  for (int i = 0; i < 20; ++i) {
    documents.push_back({"", "The cat sat. The dog ran! It was late."});
    bytes += documents.back().text.size();
  }
  for (uint32_t epoch = 0; epoch < 3; ++epoch) {
    size_t seen = 0;
    for (const Window& window : windows({.path = "a", .window = "packed"}, documents, {.context = 32}, epoch)) {
      EXPECT_EQ(window.tokens[0], special_.bos);
      EXPECT_LE(window.tokens.size(), 32u);
      seen += text(window, 1).size();
    }
    EXPECT_GE(seen + 2 * 8 * 8, bytes);  // a rest shorter than eight tokens at either end is left out
    EXPECT_LE(seen, bytes);
  }
}

TEST_F(WindowsTest, EpochsDifferAndRepeatThemselvesWithTheSeed) {
  const std::vector<Document> documents(50, Document{"The dog", "It sat. It was late."});
  const SourceRecipe recipe{.path = "a", .drop_prompt = 0.5};
  const auto flat = [](const std::vector<Window>& made) {
    std::vector<TokenId> all;
    for (const Window& window : made) all.insert(all.end(), window.tokens.begin(), window.tokens.end());
    return all;
  };
  const WindowRules rules{.context = 64, .pad_in_loss = true, .seed = 5};
  EXPECT_EQ(flat(windows(recipe, documents, rules, 1)), flat(windows(recipe, documents, rules, 1)));
  EXPECT_NE(flat(windows(recipe, documents, rules, 1)), flat(windows(recipe, documents, rules, 2)));
}

TEST_F(WindowsTest, AWeightIsThePassesPerEpoch) {
  const std::vector<Document> documents(400, Document{"", "It sat."});
  EXPECT_EQ(windows({.path = "a", .weight = 3}, documents, {.context = 32}).size(), 1200u);
  EXPECT_NEAR(static_cast<double>(windows({.path = "a", .weight = 0.25}, documents, {.context = 32}).size()), 100.0,
              40.0);
}

}  // namespace
}  // namespace pent::train
