// Every option of the verbs that write, at values that it must refuse. The walk is over what the command line declares, so an option
// that nobody here gave such values fails it; ranges are those of sample/option_table.h.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <set>

#include "cli/command.h"
#include "e2e/models.h"
#include "e2e/pent_process.h"
#include "sample/option_table.h"

namespace pent {
namespace {

using Words = std::vector<std::string>;

// Of options that are no numbers of the table.
const std::map<std::string, Words>& wrong_words() {
  static const std::map<std::string, Words> words = {{"--threads", {"0", "-1", "1025", "1.5", "x"}},
                                                     {"--preset", {"dreams", "ar"}},
                                                     {"--mode", {"backwards", "ar"}},
                                                     {"--length", {"0", "9..8", "16777217", "many"}},
                                                     {"--select", {"best", "threshold:1.1", "entropy:x"}},
                                                     {"--remask", {"all", "edit:1.1", "renoise"}},
                                                     {"--logit-bias", {"3", "3:x", "3:1001", "300:1"}},
                                                     {"--settle", {"often", "1:0"}},
                                                     {"--score", {"luck"}},
                                                     {"--score-of", {"draw"}},
                                                     {"--cache", {"warm", "block"}},
                                                     {"--stop", {""}},
                                                     {"--include", {""}},
                                                     {"--regex", {"a(", "a{2,1}"}},
                                                     {"--json-schema", {"{", R"({"type":"thing"})"}},
                                                     {"--grammar", {"root ::= (", "a ::= \"b\""}},
                                                     {"--exact-tokens", {"0", "-1", "1.5", "1048577"}},
                                                     {"--tools", {"[1]", "[{}]"}},
                                                     {"--redo", {"x", "4", "4:2", "0:400"}},
                                                     {"--strength", {"-0.1", "1.1", "nan", "x"}},
                                                     {"-n", {"0", "-1", "1048577", "x"}}};
  return words;
}

// Names of models and files, and texts of any kind.
const std::set<std::string> kTexts = {"--model", "--trace", "--request", "--system", "--instruction"};

// What numbers of the table must refuse.
std::map<std::string, Words> wrong_numbers() {
  std::map<std::string, Words> numbers;
  for_each_option([&](const char* key, OptionGroup, auto, auto range) {
    if constexpr (std::is_same_v<decltype(range), NumberRange>)
      numbers[option_name(key)] = {"x", fmt::format("{}", range.high * 2 + 2)};
  });
  return numbers;
}

TEST(Options, EachOfEveryVerbThatWritesIsRefusedOutsideOfItsRangeInOneLine) {
  std::map<std::string, Words> wrong = wrong_numbers();
  wrong.insert(wrong_words().begin(), wrong_words().end());
  const std::string model = TestModels::get().diffusion();
  // The verbs take turns at the wrong values: each is a process, and the engine's own test tries more of them.
  const std::vector<const char*> verbs = {"run", "fill", "edit"};
  for (size_t i = 0; i < verbs.size(); ++i) {
    const char* verb = verbs[i];
    std::set<std::string> seen;
    size_t turn = 0;
    for (const cli::OptionFacts& option : cli::define_command(*cli::find_command(verb)).line.facts()) {
      if (!option.takes_value || option.names.empty() || kTexts.contains(option.names.back())) continue;
      const std::string& name = option.names.back();
      ASSERT_TRUE(wrong.contains(name)) << name << " is new: say here what it must refuse";
      seen.insert(name);
      for (const std::string& value : wrong[name]) {
        if (turn++ % verbs.size() != i) continue;
        const std::string word = name.starts_with("--") ? name + "=" + value : name + value;
        const std::string text = std::string(verb) == "edit" ? "-" : std::string(verb) == "fill" ? "a[[2]]" : "a";
        Words words = {verb, "-m", model, word, text};
        if (name == "--stop" || name == "--include")
          words = {verb, "-m", model, name, value, text};  // an empty one is a word of its own
        const Outcome outcome = run_pent(words, "the sea");
        EXPECT_EQ(outcome.code, 2) << verb << " " << word << ": " << outcome.out << outcome.err;
        EXPECT_EQ(outcome.out, "") << verb << " " << word;
        EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
        const std::string bare = name.substr(name.find_first_not_of('-'));
        EXPECT_NE(outcome.err.find(bare), std::string::npos) << verb << " " << word << ": " << outcome.err;
      }
    }
    // The other way round: what a request may say, a command line may.
    for_each_option([&](const char* key, OptionGroup, auto, auto) {
      if (std::string(key) == "trim_tail") return;  // a flag
      EXPECT_TRUE(seen.contains(option_name(key))) << key;
    });
  }
}

TEST(Options, APresetOfOnesOwnIsAFile) {
  const TempDir directory;
  const std::string file = (directory / "mine.toml").string(), model = TestModels::get().diffusion();
  const auto run = [&](const std::string& toml, Words more) {
    std::ofstream(file) << toml;
    more.insert(more.begin(), {"run", "-m", model, "--max-tokens", "8", "--seed", "3"});
    more.push_back("the sea");
    return run_pent(more);
  };
  const std::string mine = "preset = \"fast-dllm\"\nthreshold = 0.001\ntemperature = 1.0\n";
  const Outcome own = run(mine, {"--preset", file});
  ASSERT_EQ(own.code, 0) << own.err;
  EXPECT_EQ(own.out, run(mine, {"--preset", "fast-dllm", "--threshold", "0.001", "--temperature", "1"}).out);
  EXPECT_EQ(run(mine, {"--preset", file, "--temperature", "0"}).out,
            run(mine, {"--preset", "fast-dllm", "--threshold", "0.001", "--temperature", "0"}).out);
  for (const char* wrong : {"threshold = 1.1", "remask = \"all\"", "speed = 3", "threshold ="}) {
    const Outcome refused = run(wrong, {"--preset", file});
    EXPECT_EQ(refused.code, 2) << wrong;
    EXPECT_EQ(std::count(refused.err.begin(), refused.err.end(), '\n'), 1) << refused.err;
  }
  EXPECT_EQ(run_pent({"run", "-m", model, "--preset", "nowhere.toml", "the sea"}).code, 1);
}

}  // namespace
}  // namespace pent
