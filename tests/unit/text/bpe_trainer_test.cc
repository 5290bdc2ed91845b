#include "text/bpe_trainer.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"
#include "test_tokenizers.h"

namespace pent {
namespace {

DocumentSource source_of(std::vector<std::string> documents) {
  return [documents = std::move(documents)](const std::function<void(std::string_view)>& take) {
    for (const std::string& document : documents) take(document);
  };
}

std::vector<std::string> mixed_documents(int count) {
  MixedLines lines(5);
  std::vector<std::string> documents;
  for (int i = 0; i < count; ++i) documents.push_back(lines.next());
  return documents;
}

std::vector<std::string> merges_of(const std::string& json) {
  const Json trained = parse_json(json, "trained");
  std::vector<std::string> merges;
  for (const Json& merge : trained["model"]["merges"]) merges.push_back(merge);
  return merges;
}

TEST(BpeTrainer, TheMostFrequentPairComesFirst) {
  // "ab" 5 times, "abc" 4 times within, "xy" 3 times.
  const std::string json = train_bpe(source_of({"ab abc abc", "abc abc", "xy", "xy xy"}), {.vocab_size = 300});
  EXPECT_EQ(merges_of(json), (std::vector<std::string>{"a b", "ab c", "x y", "Ġ abc"}));
}

TEST(BpeTrainer, AmongEquallyFrequentPairsTheSmallerComesFirst) {
  EXPECT_EQ(merges_of(train_bpe(source_of({"dc", "dc", "cd", "cd", "ca", "ca"}), {.vocab_size = 300})),
            (std::vector<std::string>{"c a", "c d", "d c"}));
}

// Counts pairs anew for every merge.
std::vector<std::string> merges_the_slow_way(const std::vector<std::string>& words, int merges) {
  std::vector<std::vector<std::string>> split;
  for (const std::string& word : words) {
    split.emplace_back();
    for (const char c : word) split.back().emplace_back(1, c);
  }
  std::vector<std::string> result;
  while (static_cast<int>(result.size()) < merges) {
    std::map<std::pair<std::string, std::string>, int> counts;
    for (const auto& word : split) {
      for (size_t i = 0; i + 1 < word.size(); ++i) ++counts[{word[i], word[i + 1]}];
    }
    const auto best = std::max_element(counts.begin(), counts.end(),
                                       [](const auto& a, const auto& b) { return a.second < b.second; });
    if (best == counts.end() || best->second < 2) break;
    const auto [left, right] = best->first;
    result.push_back(left + " " + right);
    for (auto& word : split) {
      for (size_t i = 0; i + 1 < word.size(); ++i) {
        if (word[i] == left && word[i + 1] == right) {
          word[i] += right;
          word.erase(word.begin() + i + 1);
        }
      }
    }
  }
  return result;
}

TEST(BpeTrainer, IncrementalCountsAgreeWithCountingAnew) {
  uint32_t state = 9;
  for (int round = 0; round < 20; ++round) {
    std::vector<std::string> words;
    for (int w = 0; w < 60; ++w) {
      std::string word;
      for (int i = 0; i < 12; ++i) {
        state = state * 1664525 + 1013904223;
        word += static_cast<char>('a' + (state >> 24) % 3);
      }
      words.push_back(word);
    }
    EXPECT_EQ(merges_of(train_bpe(source_of(words), {.vocab_size = 256 + 40})), merges_the_slow_way(words, 40));
  }
}

TEST(BpeTrainer, TheSameTextGivesTheSameFile) {
  const auto documents = mixed_documents(2000);
  const BpeTrainerOptions options{.vocab_size = 700, .special_tokens = {"<|bos|>", "<|mask|>"}};
  const std::string json = train_bpe(source_of(documents), options);
  EXPECT_EQ(json, train_bpe(source_of(documents), options));
  auto reversed = documents;
  std::reverse(reversed.begin(), reversed.end());
  EXPECT_EQ(json, train_bpe(source_of(reversed), options));
}

TEST(BpeTrainer, SpecialTokensGetTheHighestIdsAndTheVocabularyItsSize) {
  const std::string json =
      train_bpe(source_of(mixed_documents(2000)), {.vocab_size = 700, .special_tokens = {"<|bos|>", "<|mask|>"}});
  const auto tokenizer = parse_tokenizer_json(json, "trained");
  EXPECT_EQ(tokenizer->size(), 700);
  EXPECT_EQ(tokenizer->find("<|bos|>"), 698);
  EXPECT_EQ(tokenizer->find("<|mask|>"), 699);
  EXPECT_TRUE(tokenizer->is_special(699));
  for (const std::string& line : mixed_documents(300)) EXPECT_EQ(tokenizer->decode(tokenizer->encode(line)), line);
}

TEST(BpeTrainer, ASpecialTokenInTheTextIsNeverLearned) {
  const std::string text = "<|x|><|x|> <|x|> <|x|>";
  const auto tokenizer =
      parse_tokenizer_json(train_bpe(source_of({text}), {.vocab_size = 300, .special_tokens = {"<|"}}), "trained");
  EXPECT_EQ(tokenizer->find("<|"), tokenizer->size() - 1);
}

TEST(BpeTrainer, LittleTextMakesASmallerVocabulary) {
  const auto tokenizer =
      parse_tokenizer_json(train_bpe(source_of({}), {.vocab_size = 1000, .special_tokens = {"<|x|>"}}), "trained");
  EXPECT_EQ(tokenizer->size(), 257);
  EXPECT_EQ(tokenizer->decode(tokenizer->encode("any\xFF")), "any\uFFFD");
}

TEST(BpeTrainer, ImpossibleOptionsAreRefused) {
  const auto refuses = [](const BpeTrainerOptions& options) { EXPECT_THROW(train_bpe(source_of({}), options), Error); };
  refuses({.vocab_size = 256, .special_tokens = {"<|x|>"}});
  refuses({.vocab_size = -1, .special_tokens = {}});
  refuses({.vocab_size = 300, .special_tokens = {"<|x|>", "<|x|>"}});
  refuses({.vocab_size = 300, .special_tokens = {"a"}});
  refuses({.vocab_size = 300, .special_tokens = {"\xFF\xFF"}});
}

}  // namespace
}  // namespace pent
