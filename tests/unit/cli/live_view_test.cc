#include "cli/live_view.h"

#include <gtest/gtest.h>

#include "unit/cli/terminal_model.h"

namespace pent::cli {
namespace {

// Token i is kWords[i]; 0 ends the text.
const std::vector<std::string> kWords = {"<|end|>",  "Once", " upon",        " a",       " time",      "\n",
                                         "\xe2\x82", "\xac", "\xe5\xa4\xa7", "\033[31m", " wonderful", "\xff"};

class LiveViewTest : public ::testing::Test {
 protected:
  void start(int columns, int rows, ColorDepth colors = ColorDepth::kNone, bool answer_only = true) {
    size_ = {columns, rows};
    terminal_ = std::make_unique<TerminalModel>(columns, rows);
    LiveViewOptions options;
    options.colors = colors;
    options.screen = [this] { return size_; };
    options.write = [this](std::string_view frame) {
      bytes_ += frame;
      terminal_->write(frame);
    };
    options.answer_only = answer_only;
    view_ = std::make_unique<LiveView>(
        std::move(options), [](int32_t id) { return TokenPiece{kWords.at(static_cast<size_t>(id)), id == 0}; });
  }

  // `fixed` cells of a prompt, then `masked` ones, of which the first `active` are the block.
  void begin(std::vector<int32_t> fixed, int masked, int active) {
    TraceEvent event{.kind = TraceEvent::Kind::kBegin};
    for (const int32_t token : fixed)
      event.changes.push_back({int32_t(event.changes.size()), token, 0, CellState::kFixed});
    const auto prompt = static_cast<int32_t>(fixed.size());
    for (int i = 0; i < masked; ++i) event.changes.push_back({prompt + i, 99, 0, CellState::kMasked});
    event.block_begin = block_.first = prompt;
    event.block_end = block_.second = prompt + active;
    view_->show(event);
  }

  void step(std::vector<CellChange> changes) {
    ++step_;
    TraceEvent event{.seconds = step_ * 1.0, .step = step_, .nfe = step_, .changes = std::move(changes)};
    event.block_begin = block_.first;
    event.block_end = block_.second;
    view_->show(event);
  }

  // The screen's lines; of the last one, the status, the beginning is enough.
  void expect_screen(std::vector<std::string> expected) {
    std::vector<std::string> lines = terminal_->lines();
    if (lines.size() == expected.size()) lines.back() = lines.back().substr(0, expected.back().size());
    EXPECT_EQ(lines, expected);
  }
  bool has_style(const std::string& style) const {
    return std::count(terminal_->styles().begin(), terminal_->styles().end(), style) > 0;
  }

  ScreenSize size_;
  std::unique_ptr<TerminalModel> terminal_;
  std::unique_ptr<LiveView> view_;
  std::string bytes_;
  int step_ = 0;
  std::pair<int, int> block_;
};

CellChange set(int32_t cell, int32_t token, float confidence = 0.9f) {
  return {cell, token, confidence, CellState::kCommitted};
}

TEST_F(LiveViewTest, ShowsMasksOfTheActiveBlockDarkerThanLaterOnes) {
  start(40, 10);
  begin({1}, 5, 3);
  expect_screen({"░░░··", "step 0  forwards 0  cells 0/5"});
}

TEST_F(LiveViewTest, PaintsInPlaceAndLeavesThePromptOut) {
  start(60, 10);
  begin({1, 2}, 4, 4);
  step({set(3, 4)});
  step({set(2, 3), set(4, 2)});
  expect_screen({" a time upon░", "step 2  forwards 2  cells 3/4  1.5 tokens/s"});
}

TEST_F(LiveViewTest, ShowsThePromptOfATemplate) {
  start(60, 10, ColorDepth::kNone, /*answer_only=*/false);
  begin({1, 2}, 2, 2);
  EXPECT_EQ(terminal_->lines()[0], "Once upon░░");
}

TEST_F(LiveViewTest, BreaksLinesAtBlanksWithinTheWidth) {
  start(12, 10);
  begin({}, 4, 4);
  step({set(0, 1), set(1, 2), set(2, 3), set(3, 4)});
  expect_screen({"Once upon a", "time", "step 1"});
}

TEST_F(LiveViewTest, BreaksAWordThatIsLongerThanALine) {
  start(6, 10);
  begin({}, 1, 1);
  step({set(0, 10)});
  expect_screen({"", "wonde", "rful", "step"});
}

TEST_F(LiveViewTest, WideCharactersNeverStickOutOverTheEdge) {
  start(6, 12);
  begin({}, 5, 5);
  step({set(0, 8), set(1, 8), set(2, 8), set(3, 8), set(4, 8)});
  expect_screen({"大大", "大大", "大", "step"});
}

TEST_F(LiveViewTest, JoinsACharacterThatLiesInTwoTokens) {
  start(40, 10);
  begin({}, 2, 2);
  step({set(0, 6)});
  EXPECT_EQ(terminal_->lines()[0], "\ufffd░");
  step({set(1, 7)});
  EXPECT_EQ(terminal_->lines()[0], "€");
}

TEST_F(LiveViewTest, TextOfAModelCannotDriveTheTerminal) {
  start(40, 10);
  begin({}, 2, 2);
  step({set(0, 9), set(1, 11)});
  EXPECT_EQ(terminal_->lines()[0], "\ufffd[31m\ufffd");
}

TEST_F(LiveViewTest, NewlinesBreakLines) {
  start(40, 10);
  begin({}, 4, 4);
  step({set(0, 1), set(1, 5), set(2, 5), set(3, 4)});
  expect_screen({"Once", "", " time", "step"});
}

TEST_F(LiveViewTest, SpecialTokensAreOneSign) {
  start(40, 10);
  begin({}, 2, 2);
  step({set(0, 1), set(1, 0)});
  EXPECT_EQ(terminal_->lines()[0], "Once∎");
}

TEST_F(LiveViewTest, WithoutColoursNoStyleIsSent) {
  start(40, 10);
  begin({1}, 3, 3);
  step({set(1, 2), set(2, 0)});
  EXPECT_TRUE(terminal_->styles().empty());
}

TEST_F(LiveViewTest, ConfidenceIsAShadeAndFreshCellsAreReversed) {
  start(60, 10, ColorDepth::kTrueColor);
  begin({}, 2, 2);
  step({set(0, 1, 0.0f)});
  EXPECT_TRUE(has_style("38;2;205;92;62;7"));
  step({set(1, 2, 1.0f)});
  EXPECT_TRUE(has_style("38;2;205;92;62"));
  EXPECT_TRUE(has_style("38;2;70;150;110;7"));
}

TEST_F(LiveViewTest, FewerColoursAreUsedWhereThereAreFewer) {
  start(60, 10, ColorDepth::k256);
  begin({}, 1, 1);
  step({set(0, 1, 0.5f)});
  EXPECT_TRUE(has_style("38;5;179;7"));
  start(60, 10, ColorDepth::k16);
  begin({}, 1, 1);
  step({set(0, 1, 0.95f)});
  EXPECT_TRUE(has_style("32;7"));
}

TEST_F(LiveViewTest, ATallCanvasScrollsWithTheFirstOpenCell) {
  start(11, 6);  // four lines of text, ten columns
  begin({}, 80, 80);
  expect_screen({"░░░░░░░░░░", "░░░░░░░░░░", "░░░░░░░░░░", "░░░░░░░░░░", "step 0  fo"});
  std::vector<CellChange> changes;
  for (int32_t i = 0; i < 60; ++i) changes.push_back(set(i, 1));
  step(changes);
  const std::vector<std::string> lines = terminal_->lines();
  EXPECT_EQ(lines.size(), 5u);
  EXPECT_TRUE(
      std::any_of(lines.begin(), lines.end(), [](const std::string& line) { return line.find("░") != line.npos; }));
}

TEST_F(LiveViewTest, ErasingLeavesNothing) {
  start(12, 10);
  terminal_->write("> hello\r\n");
  begin({}, 30, 10);
  view_->erase();
  expect_screen({"> hello"});
  EXPECT_EQ(terminal_->row(), 1);
  EXPECT_EQ(terminal_->column(), 0);
}

TEST_F(LiveViewTest, ErasesWhatARewrappingTerminalMadeOfWiderLines) {
  start(21, 10);
  begin({}, 20, 20);  // one line of 20 masks, and the status
  size_ = {10, 10};   // the terminal shows them as two rows each now
  bytes_.clear();
  terminal_ = std::make_unique<TerminalModel>(10, 10);
  view_->erase();
  EXPECT_TRUE(bytes_.starts_with("\r\033[3A"));
}

TEST_F(LiveViewTest, FramesAreAsManyAsAnEyeCanSee) {
  start(40, 10);
  begin({}, 3, 3);
  TraceEvent event{.seconds = 0.001, .step = 1, .nfe = 1, .changes = {set(0, 1)}};
  bytes_.clear();
  view_->show(event);
  EXPECT_TRUE(bytes_.empty());
  view_->show({.kind = TraceEvent::Kind::kEnd, .seconds = 0.002, .step = 1, .nfe = 1});
  EXPECT_EQ(terminal_->lines()[0], "Once··");
}

}  // namespace
}  // namespace pent::cli
