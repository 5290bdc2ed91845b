// Wrong usage, help, lists, completions: what can be said without a model.
#include <gtest/gtest.h>

#include <algorithm>

#include "base/json.h"
#include "base/mapped_file.h"
#include "e2e/pent_process.h"
#include "support/temp_dir.h"

namespace pent {
namespace {

class WrongUsage : public ::testing::TestWithParam<std::vector<std::string>> {};

TEST_P(WrongUsage, IsOneLineAndExitCodeTwo) {
  const Outcome outcome = run_pent(GetParam());
  EXPECT_EQ(outcome.code, 2) << outcome.err;
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
  EXPECT_TRUE(outcome.err.starts_with("pent")) << outcome.err;
}

using Words = std::vector<std::string>;
INSTANTIATE_TEST_SUITE_P(
    Cli, WrongUsage,
    ::testing::Values(Words{"paint"}, Words{"run", "--colour", "x"}, Words{"run", "a", "b"},
                      Words{"run", "--steps", "many", "x"}, Words{"run", "--seed", "-1", "x"},
                      Words{"run", "--seed", "9007199254740993", "x"}, Words{"run", "-n", "0", "x"},
                      Words{"run", "--exact-tokens", "0", "x"},
                      Words{"run", "--exact-tokens", "4", "--max-tokens", "4", "x"},
                      Words{"run", "--mode", "backwards", "x"}, Words{"run", "--score", "luck", "x"},
                      Words{"run", "--steps", "4", "--steps-per-block", "2", "x"}, Words{"run", "--threads", "0", "x"},
                      Words{"run", "--tools", "[1]", "x"},
                      Words{"run", "--tools", R"([{"function": {"name": "f"}}])", "--raw", "x"}, Words{"fill"},
                      Words{"fill", "--request", "-", "x [[1]]"}, Words{"edit"}, Words{"edit", "--diff", "--json", "-"},
                      Words{"replay"}, Words{"tokenize"}, Words{"detokenize"}, Words{"logits", "--tokens", "1"},
                      Words{"logits", "--tokens", "1,x", "--out", "/nonexistent/f.npy"},
                      Words{"logits", "--tokens", "1", "--mask", "block:0", "--out", "f.npy"},
                      Words{"score", "--window", "5", "-"}, Words{"completion", "csh"}, Words{"help", "paint"}));

TEST(Usage, WithoutAVerbShowsTheOverviewAndFails) {
  const Outcome outcome = run_pent({});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_NE(outcome.err.find("Usage: pent VERB"), std::string::npos);
}

TEST(Usage, EveryVerbHasHelpWithAnExample) {
  const Outcome overview = run_pent({"help"});
  EXPECT_EQ(overview.code, 0);
  for (const char* verb :
       {"run", "fill", "replay", "tokenize", "detokenize", "logits", "score", "inspect", "convert", "corpus", "bench",
        "models", "pull", "families", "presets", "doctor", "completion", "help"}) {
    EXPECT_NE(overview.out.find(std::string("\n  ") + verb + " "), std::string::npos) << verb;
    const Outcome help = run_pent({verb, "--help"});
    EXPECT_EQ(help.code, 0) << verb;
    EXPECT_NE(help.out.find("Example:\n  pent " + std::string(verb)), std::string::npos) << help.out;
    EXPECT_EQ(help.err, "");
    EXPECT_EQ(run_pent({"help", verb}).out, help.out);
  }
}

TEST(Usage, VersionIsOneLine) {
  const Outcome outcome = run_pent({"--version"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_TRUE(outcome.out.starts_with("pent 0."));
  EXPECT_EQ(std::count(outcome.out.begin(), outcome.out.end(), '\n'), 1);
}

TEST(Usage, AModelThatIsNowhereIsNamed) {
  const Outcome outcome = run_pent({"run", "-m", "no-such-model", "hello"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_NE(outcome.err.find("no-such-model"), std::string::npos);
  EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1);
}

TEST(Usage, ListsAreJsonWithASchema) {
  for (const char* verb : {"models", "families", "presets", "doctor"}) {
    const Outcome outcome = run_pent({verb, "--json"});
    ASSERT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_EQ(parse_json(outcome.out, verb)["schema"], 1) << verb;
    EXPECT_EQ(run_pent({verb}).code, 0) << verb;
  }
}

TEST(Usage, PresetsThatWorkAreListed) {
  const Json presets = parse_json(run_pent({"presets", "--json"}).out, "presets");
  std::vector<std::string> names;
  for (const Json& preset : presets["presets"]) names.push_back(preset["name"]);
  for (const char* name : {"llada", "fast-dllm", "ar"})
    EXPECT_EQ(std::count(names.begin(), names.end(), name), 1) << name;
}

TEST(Usage, AFullDiskIsAFailure) {
  const Outcome outcome = run_pent({"presets", "--json"}, "", {});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_NE(std::system(PENT_BINARY " presets --json > /dev/full 2> /dev/null"), 0);
}

TEST(Completion, BashCompletesVerbsOptionsAndWords) {
  const TempDir directory;
  const std::filesystem::path script = directory / "pent.bash";
  write_file_atomically(script, run_pent({"completion", "bash"}).out);
  ASSERT_EQ(std::system(("bash -n " + script.string()).c_str()), 0);
  const std::filesystem::path answer = directory / "answer";
  const auto complete = [&](const std::string& words, int index) {
    const std::string command = "bash --norc -c 'source " + script.string() + "; COMP_WORDS=(" + words +
                                "); COMP_CWORD=" + std::to_string(index) + "; _pent; echo \"${COMPREPLY[@]}\"' > " +
                                answer.string();
    EXPECT_EQ(std::system(command.c_str()), 0) << command;
    return read_file(answer);
  };
  EXPECT_EQ(complete("pent ru", 1), "run\n");
  EXPECT_EQ(complete("pent run --thres", 2), "--threshold\n");
  EXPECT_EQ(complete("pent run --mode di", 3), "diffusion\n");
  EXPECT_EQ(complete("pent run --preset fast", 3), "fast-dllm fast-dllm-v2\n");
  EXPECT_EQ(complete("pent completion fi", 2), "fish\n");
}

TEST(Completion, ZshAndFishScriptsAreParsedWhereTheShellIsThere) {
  const TempDir directory;
  for (const char* shell : {"zsh", "fish"}) {
    const Outcome outcome = run_pent({"completion", shell});
    EXPECT_EQ(outcome.code, 0);
    EXPECT_NE(outcome.out.find("--threshold"), outcome.out.find("-l threshold"));
    if (std::system((std::string("command -v ") + shell + " > /dev/null").c_str()) != 0) continue;
    const std::filesystem::path script = directory / shell;
    write_file_atomically(script, outcome.out);
    EXPECT_EQ(std::system((std::string(shell) + " -n " + script.string()).c_str()), 0) << shell;
  }
}

TEST(ManPage, NamesEveryVerb) {
  const Outcome outcome = run_pent({"help", "--man"});
  EXPECT_TRUE(outcome.out.starts_with(".TH PENT 1"));
  for (const char* verb : {"run", "fill", "score", "completion"}) {
    EXPECT_NE(outcome.out.find(std::string("\n.SS pent ") + verb + "\n"), std::string::npos) << verb;
  }
}

}  // namespace
}  // namespace pent
