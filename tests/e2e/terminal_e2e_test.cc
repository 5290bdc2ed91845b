// On a terminal of its own: the live view, the chat, ^C.
#include <gtest/gtest.h>

#include "e2e/models.h"
#include "e2e/pent_process.h"

namespace pent {
namespace {

const TestModels& models() { return TestModels::get(); }
const Environment kColours = {{"TERM", "xterm-256color"}, {"COLORTERM", "truecolor"}};

TEST(Terminal, TheCanvasIsPaintedAndTheTextStays) {
  const std::vector<std::string> arguments = {"run", "-m",     models().diffusion(), "--max-tokens", "24", "--steps",
                                              "24",  "the sea"};
  const Outcome live = PentOnTerminal(arguments, kColours).finish();
  EXPECT_EQ(live.code, 0);
  EXPECT_NE(live.out.find("░"), std::string::npos);
  EXPECT_NE(live.out.find("\033[38;2;"), std::string::npos);
  EXPECT_NE(live.out.find("forwards"), std::string::npos);
  EXPECT_NE(live.out.find("tokens/s"), std::string::npos);
}

TEST(Terminal, NoColorMeansNoStyles) {
  const std::vector<std::string> arguments = {"run", "-m", models().diffusion(), "--max-tokens", "8", "the sea"};
  Environment environment = kColours;
  environment.emplace("NO_COLOR", "1");
  const Outcome live = PentOnTerminal(arguments, environment).finish();
  EXPECT_EQ(live.code, 0);
  EXPECT_NE(live.out.find("░"), std::string::npos);
  EXPECT_EQ(live.out.find("\033[0m"), std::string::npos);
  EXPECT_EQ(live.out.find("\033[38"), std::string::npos);
}

TEST(Terminal, ADumbTerminalAndNoLiveGetNoEscapeCodes) {
  std::vector<std::string> arguments = {"run", "-m", models().diffusion(), "--max-tokens", "8", "the sea"};
  EXPECT_EQ(PentOnTerminal(arguments, {{"TERM", "dumb"}}).finish().out.find('\033'), std::string::npos);
  arguments.push_back("--no-live");
  Environment environment = kColours;
  environment.emplace("NO_COLOR", "1");
  EXPECT_EQ(PentOnTerminal(arguments, environment).finish().out.find('\033'), std::string::npos);
}

TEST(Terminal, ReplayPaintsAgain) {
  const TempDir directory;
  const std::string trace = (directory / "trace").string();
  ASSERT_EQ(run_pent({"run", "-m", models().diffusion(), "--max-tokens", "8", "--trace", trace, "the sea"}).code, 0);
  const Outcome replay = PentOnTerminal({"replay", "--speed", "1000", trace}, kColours).finish();
  EXPECT_EQ(replay.code, 0);
  EXPECT_NE(replay.out.find("░"), std::string::npos);
  const Outcome quick = PentOnTerminal({"replay", "--speed", "0", trace}, kColours).finish();
  EXPECT_EQ(quick.out.find("░"), std::string::npos);
}

TEST(Chat, InterruptStopsTheAnswerNotTheConversation) {
  PentOnTerminal chat({"run", "-m", models().slow(), "--max-tokens", "900", "--steps", "900"}, kColours);
  ASSERT_TRUE(chat.wait_for("> "));
  chat.type("hello\n");
  ASSERT_TRUE(chat.wait_for("forwards"));
  chat.type("\003");
  ASSERT_TRUE(chat.wait_for("cancelled"));
  ASSERT_TRUE(chat.wait_for("> "));
  chat.type("\003");
  ASSERT_TRUE(chat.wait_for("/bye"));
  ASSERT_TRUE(chat.wait_for("> "));
  chat.type("/clear\n");
  ASSERT_TRUE(chat.wait_for("> "));
  chat.type("/bye\n");
  EXPECT_EQ(chat.finish().code, 0);
}

TEST(Chat, EndOfInputEndsIt) {
  PentOnTerminal chat({"run", "-m", models().ar(), "--max-tokens", "8"}, kColours);
  ASSERT_TRUE(chat.wait_for("> "));
  chat.type("\004");
  EXPECT_EQ(chat.finish().code, 0);
}

TEST(Terminal, InterruptInMidGenerationExitsWith130) {
  PentOnTerminal run({"run", "-m", models().slow(), "--max-tokens", "900", "--steps", "900", "the sea"}, kColours);
  ASSERT_TRUE(run.wait_for("forwards"));
  run.type("\003");
  const Outcome outcome = run.finish();
  EXPECT_EQ(outcome.code, 130);
  EXPECT_NE(outcome.out.find("cancelled"), std::string::npos);
}

}  // namespace
}  // namespace pent
