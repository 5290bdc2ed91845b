#include "text/scanners.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "mixed_lines.h"
#include "text/regex.h"

namespace pent {
namespace {

std::vector<std::string> scan(WordScanner scanner, const std::string& text) {
  std::vector<std::string> words;
  for (size_t at = 0, end; at < text.size(); at = end) {
    end = scanner(text, at);
    words.push_back(text.substr(at, end - at));
  }
  return words;
}

class EveryPattern : public testing::TestWithParam<const char*> {};

TEST_P(EveryPattern, ScannerCutsAsTheRegexDoes) {
  const Regex regex(GetParam(), "test");
  const WordScanner scanner = find_scanner(GetParam());
  ASSERT_NE(scanner, nullptr);
  MixedLines lines(11);
  for (int i = 0; i < 5000; ++i) {
    const std::string line = lines.next();
    std::vector<std::string> expected;
    regex.find_all(line, [&](size_t begin, size_t end) { expected.push_back(line.substr(begin, end - begin)); });
    ASSERT_EQ(scan(scanner, line), expected) << line;
  }
}

INSTANTIATE_TEST_SUITE_P(Patterns, EveryPattern, testing::Values(kGpt2Pattern, kLlama3Pattern, kQwen2Pattern));

TEST(Scanners, LastSpaceOfARunBelongsToTheNextWord) {
  EXPECT_EQ(scan(scan_gpt2_word, "a   b"), (std::vector<std::string>{"a", "  ", " b"}));
  EXPECT_EQ(scan(scan_gpt2_word, "a  "), (std::vector<std::string>{"a", "  "}));
  EXPECT_EQ(scan(scan_llama3_word, "a \n\n b 1234"), (std::vector<std::string>{"a", " \n\n", " b", " ", "123", "4"}));
  EXPECT_EQ(scan(scan_qwen2_word, "I'S 12"), (std::vector<std::string>{"I", "'S", " ", "1", "2"}));
}

TEST(Regex, EmptyMatchesAreSteppedOver) {
  int calls = 0;
  Regex("x*", "test").find_all("äxxö", [&](size_t begin, size_t end) {
    ++calls;
    EXPECT_EQ(end - begin, 2u);
  });
  EXPECT_EQ(calls, 1);
}

TEST(Regex, AWrongPatternIsNamed) {
  try {
    Regex("(a", "tokenizer.json: pre_tokenizer");
    FAIL();
  } catch (const Error& problem) {
    EXPECT_EQ(problem.kind(), ErrorKind::kCorrupt);
    EXPECT_NE(std::string(problem.what()).find("tokenizer.json: pre_tokenizer"), std::string::npos);
  }
}

TEST(Regex, ExplodingPatternsGiveUp) {
  EXPECT_THROW(Regex("(a+)+$", "test").find_all(std::string(60, 'a') + "b", [](size_t, size_t) {}), Error);
}

}  // namespace
}  // namespace pent
