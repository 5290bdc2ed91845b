// DINGO's dynamic programme against trying everything.
#include "sample/constraint/best_text.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <cmath>

#include "text/grammar/regex_syntax.h"

namespace pent {
namespace {

const std::vector<std::string> kTokens = {"", "a", "b", "ab", "c"};  // token 0 ends

std::shared_ptr<const TokenAutomaton> language_of(const std::string& pattern, bool may_end) {
  const std::vector<std::string_view> bytes(kTokens.begin(), kTokens.end());
  return std::make_shared<const TokenAutomaton>(
      grammar::Automaton::compile(grammar::grammar_of(grammar::parse_regex(pattern, "--regex")), "--regex"),
      std::make_shared<const TokenTrie>(bytes), 5, may_end ? std::vector<int32_t>{0} : std::vector<int32_t>{},
      "--regex");
}

// The best sum over all choices for the cells from `cell` on, and whether there is one.
double best_by_trying(const TokenAutomaton& language, std::span<const CellChoices> cells, size_t cell, int32_t state) {
  constexpr double kNone = -std::numeric_limits<double>::infinity();
  if (cell == cells.size()) return language.accepts(state) ? 0 : kNone;
  double best = kNone;
  for (int32_t token = 0; token < 5; ++token) {
    if (cells[cell].token >= 0 && cells[cell].token != token) continue;
    const int32_t next = language.next(state, token);
    if (next < 0) continue;
    const double own =
        cells[cell].log_probabilities.empty() ? 0 : cells[cell].log_probabilities[static_cast<size_t>(token)];
    best = std::max(best, own + best_by_trying(language, cells, cell + 1, next));
  }
  return best;
}

// five tokens, up to six cells.
TEST(BestText, A09_IsAsProbableAsTheBestOfAllTexts) {
  EXPECT_TRUE(rc::check([] {
    const auto pattern =
        *rc::gen::element<std::string>("(ab|c)*", "a{1,3}b+c?", "[abc]*ba", ".*c", "(a|bc)+|ccc", "abab");
    const auto language = language_of(pattern, *rc::gen::arbitrary<bool>());
    const auto count = static_cast<size_t>(*rc::gen::inRange(1, 7));
    std::vector<std::vector<float>> values(count);
    std::vector<CellChoices> cells(count);
    for (size_t i = 0; i < count; ++i) {
      for (int token = 0; token < 5; ++token) values[i].push_back(static_cast<float>(-*rc::gen::inRange(0, 900)) / 100);
      const int kind = *rc::gen::inRange(0, 6);
      if (kind == 0) cells[i].token = *rc::gen::inRange(0, 5);
      if (kind > 1) cells[i].log_probabilities = values[i];  // 1: it stays undecided
    }
    const double best = best_by_trying(*language, cells, 0, language->start());
    const std::vector<int32_t> tokens = most_probable_text(*language, cells);
    RC_ASSERT(tokens.empty() == std::isinf(best));
    if (tokens.empty()) return;
    double sum = 0;
    std::vector<CellChoices> decided = cells;
    for (size_t i = 0; i < count; ++i) {
      const bool open = cells[i].token < 0 && cells[i].log_probabilities.empty();
      RC_ASSERT((tokens[i] < 0) == open);
      if (open) continue;
      if (cells[i].token < 0) sum += cells[i].log_probabilities[static_cast<size_t>(tokens[i])];
      decided[i] = {.token = tokens[i], .log_probabilities = {}};
    }
    RC_ASSERT(std::abs(sum - best) < 1e-6);
    RC_ASSERT(std::isfinite(best_by_trying(*language, decided, 0, language->start())));
  }));
}

TEST(BestText, TakesTheJointlyBestWhereTheBestOneAfterTheOtherIsWorse) {
  const auto language = language_of("aa|bc", false);
  // "a" is the first cell's best; with what can follow, "bc" is more probable.
  const std::vector<float> first = {-9, -1, -1.5, -9, -9}, second = {-9, -5, -9, -9, -0.5f};
  EXPECT_EQ(most_probable_text(*language, std::vector<CellChoices>{{-1, first}, {-1, second}}),
            (std::vector<int32_t>{2, 4}));
}

}  // namespace
}  // namespace pent
