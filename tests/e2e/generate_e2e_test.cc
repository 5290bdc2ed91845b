// run, fill and replay on random weights: what matters is the form, the reproducibility and the interruptions.
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "base/json.h"
#include "base/mapped_file.h"
#include "e2e/models.h"
#include "e2e/pent_process.h"

namespace pent {
namespace {

const TestModels& models() { return TestModels::get(); }

std::vector<std::string> keys(const Json& object) {
  std::vector<std::string> names;
  for (const auto& [key, value] : object.items()) names.push_back(key);
  return names;
}

const std::vector<std::string> kContractKeys = {"schema",
                                                "text",
                                                "token_ids",
                                                "finish_reason",
                                                "prompt_tokens",
                                                "completion_tokens",
                                                "nfe",
                                                "rows",
                                                "tokens_per_forward",
                                                "n_token",
                                                "e_token",
                                                "e_ratio",
                                                "seconds",
                                                "tokens_per_second",
                                                "seconds_to_first_committed",
                                                "mode",
                                                "mode_reason",
                                                "preset",
                                                "seed",
                                                "model"};

TEST(Run, JsonHasTheKeysOfTheContract) {
  for (const std::string& model : {models().diffusion(), models().ar()}) {
    const Outcome outcome = run_pent({"run", "-m", model, "--json", "--max-tokens", "12", "--seed", "3", "the mouse"});
    ASSERT_EQ(outcome.code, 0) << outcome.err;
    const Json answer = parse_json(outcome.out, "stdout");
    auto expected = kContractKeys;
    if (model == models().diffusion()) expected.insert(expected.end(), {"cache", "exact"});
    EXPECT_EQ(keys(answer), expected);
    EXPECT_EQ(answer["schema"], 1);
    EXPECT_EQ(answer["seed"], 3);
    EXPECT_EQ(answer["model"], model);
    EXPECT_EQ(answer["mode"], model == models().ar() ? "ar" : "diffusion");
    EXPECT_EQ(answer["token_ids"].size(), answer["completion_tokens"]);
    EXPECT_EQ(outcome.err, "");
  }
}

TEST(Run, DiffusionGemmaDecodesAsPublishedUnasked) {
  const std::string model = PENT_SOURCE_DIR "/tests/golden/tiny-diffusion-gemma";
  const TempDir dir;
  const std::string trace = (dir.path() / "trace").string();
  const Outcome outcome = run_pent({"run", "-m", model, "--json", "--max-tokens", "12", "--trace", trace, "the mouse"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const Json answer = parse_json(outcome.out, "stdout");
  auto expected = kContractKeys;
  expected.insert(expected.end(), {"cache", "exact"});
  EXPECT_EQ(keys(answer), expected);
  EXPECT_EQ(answer["preset"], "diffusion-gemma");
  EXPECT_EQ(answer["mode"], "diffusion");
  EXPECT_EQ(answer["exact"], true);
  EXPECT_LE(answer["nfe"].get<int>(), 2 * 48);
  const Outcome replayed = run_pent({"replay", trace});
  EXPECT_EQ(replayed.code, 0) << replayed.err;
  EXPECT_EQ(replayed.out, answer["text"].get<std::string>() + "\n") << "the canvas goes on behind 12 tokens";
  const Outcome refused = run_pent({"run", "-m", model, "--settle", "often", "the mouse"});
  EXPECT_EQ(refused.code, 2);
  EXPECT_EQ(std::count(refused.err.begin(), refused.err.end(), '\n'), 1) << refused.err;
}

TEST(Run, CachesSayThatTheyAreApproximate) {
  for (const std::string cache : {"none", "prefix", "dual"}) {
    const Outcome outcome =
        run_pent({"run", "-m", models().diffusion(), "--json", "--max-tokens", "12", "--cache", cache, "the mouse"});
    ASSERT_EQ(outcome.code, 0) << outcome.err;
    const Json answer = parse_json(outcome.out, "stdout");
    EXPECT_EQ(answer["cache"], cache);
    EXPECT_EQ(answer["exact"], cache == "none");
  }
  EXPECT_EQ(run_pent({"run", "-m", models().diffusion(), "--cache", "warm", "the mouse"}).code, 2);
  EXPECT_EQ(run_pent({"run", "-m", models().ar(), "--cache", "dual", "the mouse"}).code, 2);
}

TEST(Run, BestOfWritesOneAnswerOnly) {
  for (const std::string& model : {models().diffusion(), models().ar()}) {
    const std::vector<std::string> words = {"run", "-m",        model, "--max-tokens", "8",      "--temperature",
                                            "1",   "--best-of", "3",   "--json",       "the sea"};
    const Outcome json = run_pent(words);
    ASSERT_EQ(json.code, 0) << json.err;
    const Json answer = parse_json(json.out, "stdout");
    EXPECT_GE(answer["nfe"], 3);
    std::vector<std::string> plain = words;
    std::erase(plain, "--json");
    EXPECT_EQ(run_pent(plain).out, answer["text"].get<std::string>() + "\n");
  }
  const Outcome greedy =
      run_pent({"fill", "-m", models().diffusion(), "--temperature", "0", "--best-of", "2", "a[[2]]"});
  EXPECT_EQ(greedy.code, 2);
  EXPECT_NE(greedy.err.find("--best-of 2"), std::string::npos) << greedy.err;
}

TEST(Run, PlainTextIsTheTextOfTheJsonWithoutEscapeCodes) {
  for (const std::string& model : {models().diffusion(), models().ar()}) {
    const std::vector<std::string> common = {"run", "-m", model, "--max-tokens", "16", "--temperature", "1", "the sea"};
    std::vector<std::string> json = common;
    json.push_back("--json");
    const Outcome plain = run_pent(common, "", {{"TERM", "xterm-256color"}, {"COLORTERM", "truecolor"}});
    ASSERT_EQ(plain.code, 0) << plain.err;
    const std::string text = parse_json(run_pent(json).out, "stdout")["text"];
    EXPECT_EQ(plain.out, text + "\n");
    EXPECT_EQ(plain.err, "");
  }
}

TEST(Run, SameSeedSameTextWhateverTheThreads) {
  const auto text = [](const char* threads, const char* seed) {
    return run_pent({"run", "-m", models().diffusion(), "--max-tokens", "16", "--temperature", "1", "--seed", seed,
                     "--threads", threads, "the sea"})
        .out;
  };
  EXPECT_EQ(text("1", "5"), text("3", "5"));
  EXPECT_NE(text("1", "5"), text("1", "6"));
}

TEST(Run, SeveralAnswersAreOneJsonObjectALine) {
  const Outcome outcome = run_pent(
      {"run", "-m", models().diffusion(), "--json", "--max-tokens", "8", "--temperature", "1", "-n", "3", "the sea"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(std::count(outcome.out.begin(), outcome.out.end(), '\n'), 3);
  const std::string first = outcome.out.substr(0, outcome.out.find('\n'));
  const Outcome alone =
      run_pent({"run", "-m", models().diffusion(), "--json", "--max-tokens", "8", "--temperature", "1", "the sea"});
  EXPECT_EQ(parse_json(first, "first")["text"], parse_json(alone.out, "alone")["text"]);
}

TEST(Run, ReadsThePromptFromStandardInput) {
  const std::vector<std::string> head = {"run", "-m", models().diffusion(), "--max-tokens", "8"};
  std::vector<std::string> given = head;
  given.push_back("the sea");
  std::vector<std::string> dash = head;
  dash.push_back("-");
  const std::string expected = run_pent(given).out;
  EXPECT_EQ(run_pent(dash, "the sea").out, expected);
  EXPECT_EQ(run_pent(head, "the sea").out, expected);
}

TEST(Run, AnEmptyPromptIsDefined) {
  for (const std::string& model : {models().diffusion(), models().ar()}) {
    const Outcome outcome = run_pent({"run", "-m", model, "--max-tokens", "8", "--json", ""});
    EXPECT_EQ(outcome.code, 0) << outcome.err;
  }
}

TEST(Run, APromptBeyondTheContextIsRefusedBeforeAnyWork) {
  std::string prompt;
  for (int i = 0; i < 200; ++i) prompt += "zq";
  for (const std::string& model : {models().diffusion(), models().ar()}) {
    const Outcome outcome = run_pent({"run", "-m", model, "-"}, prompt);
    EXPECT_EQ(outcome.code, 2);
    EXPECT_EQ(outcome.out, "");
    EXPECT_NE(outcome.err.find("128"), std::string::npos) << outcome.err;
  }
}

TEST(Run, RefusesWhatMakesNoSenseForTheModel) {
  EXPECT_EQ(run_pent({"run", "-m", models().diffusion(), "--mode", "ar", "x"}).code, 2);
  EXPECT_EQ(run_pent({"run", "-m", models().ar(), "--mode", "diffusion", "x"}).code, 2);
  EXPECT_EQ(run_pent({"run", "-m", models().ar(), "--preset", "llada", "x"}).code, 2);
  EXPECT_EQ(run_pent({"run", "-m", models().diffusion(), "--temperature", "nan", "x"}).code, 2);
  EXPECT_EQ(run_pent({"run", "-m", models().diffusion(), "--system", "be kind", "x"}).code, 2);
}

TEST(Run, ToolsGoThroughTheChatTemplate) {
  const TempDir directory;
  const std::string model = (directory / "model").string(), file = (directory / "tools.json").string();
  std::filesystem::copy(models().ar(), model);
  write_file_atomically(directory / "model/chat_template.jinja",
                        "{% for t in tools or [] %}{{ t.function.name }} {% endfor %}{{ messages[0].content }}");
  const std::string tools = R"([{"type": "function", "function": {"name": "house"}}])";
  write_file_atomically(file, tools);
  const auto run = [](const std::string& named, std::vector<std::string> more) {
    more.insert(more.begin(), {"run", "-m", named, "--max-tokens", "8", "--json", "the sea"});
    return run_pent(more);
  };
  const auto answer = [&](std::vector<std::string> more) {
    return parse_json(run(model, std::move(more)).out, "stdout");
  };
  const Json with = answer({"--tools", tools});
  EXPECT_GT(with["prompt_tokens"], answer({})["prompt_tokens"]);
  EXPECT_EQ(with["token_ids"], answer({"--tools", file})["token_ids"]);
  const Outcome refused = run(models().ar(), {"--tools", tools});
  EXPECT_NE(refused.err.find("--tools needs a chat template, which this model does not have"), std::string::npos);
}

TEST(Run, SpeculationSaysWhatBecameOfItsDraftsAndReplays) {
  const TempDir directory;
  const std::string trace = (directory.path() / "trace").string();
  const std::vector<std::string> head = {"run", "-m",           models().ar(), "--temperature", "0.8", "--seed",
                                         "4",   "--max-tokens", "20"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), head.begin(), head.end());
    return run_pent(more);
  };
  const Outcome plain = with({"--mode", "ar", "the mouse"});
  const Outcome outcome = with({"--mode", "speculative", "--json", "--trace", trace, "the mouse"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const Json answer = parse_json(outcome.out, "stdout");
  EXPECT_EQ(answer["text"].get<std::string>() + "\n", plain.out);
  EXPECT_EQ(answer["mode"], "speculative");
  EXPECT_GT(answer["drafted"].get<int>(), 0);
  EXPECT_GE(answer["drafted"].get<int>(), answer["accepted"].get<int>());
  EXPECT_TRUE(answer.contains("acceptance"));
  EXPECT_EQ(run_pent({"replay", "--speed", "0", trace}).out, plain.out);
  EXPECT_EQ(with({"--mode", "speculative", "--block-length", "0", "x"}).code, 2);
  EXPECT_EQ(with({"--mode", "speculative", "--steps", "3", "x"}).code, 2);
  EXPECT_EQ(run_pent({"run", "-m", models().diffusion(), "--mode", "speculative", "x"}).code, 2);
  EXPECT_EQ(run_pent({"fill", "-m", models().diffusion(), "--mode", "speculative", "a[[2]]"}).code, 2);
}

TEST(Run, AutoMeasuresTheMachineOnceAndSaysWhatItDid) {
  const TempDir home;
  const Environment environment = {{"PENT_HOME", home.path().string()}};
  const std::vector<std::string> head = {"run",           "-m", models().ar(), "--max-tokens", "80",
                                         "--temperature", "0",  "the mouse"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), head.begin(), head.end());
    return run_pent(more, "", environment);
  };
  const Outcome plain = with({"--mode", "ar"});
  EXPECT_FALSE(std::filesystem::exists(home.path() / "costs"));
  const Outcome first = with({"--json"});
  ASSERT_EQ(first.code, 0) << first.err;
  const Json answer = parse_json(first.out, "stdout");
  EXPECT_EQ(answer["text"].get<std::string>() + "\n", plain.out);
  EXPECT_FALSE(answer["mode_reason"].get<std::string>().empty());
  const auto curves = [&] {
    std::vector<std::filesystem::path> found;
    for (const auto& entry : std::filesystem::directory_iterator(home.path() / "costs")) found.push_back(entry.path());
    return found;
  };
  ASSERT_EQ(curves().size(), 1u);
  const std::string kept = read_file(curves()[0]);
  const Outcome second = with({"--verbose"});
  EXPECT_EQ(second.out, plain.out);
  EXPECT_NE(second.err.find("mode "), std::string::npos) << second.err;
  EXPECT_EQ(read_file(curves().at(0)), kept) << "measured once";
  EXPECT_NE(run_pent({"cache", "--clear"}, "", environment).out.find("removed 1 cost curve"), std::string::npos);
  EXPECT_TRUE(curves().empty());
}

TEST(Run, AnInterruptPrintsWhatIsThereAndExitsWith130) {
  for (const auto& [signal, code] : {std::pair(SIGINT, 130), std::pair(SIGTERM, 143)}) {
    const TempDir directory;
    const std::string trace = (directory / "trace").string();
    const Outcome outcome = run_pent_with({"run", "-m", models().slow(), "--json", "--max-tokens", "1000", "--steps",
                                           "1000", "--trace", trace, "the sea"},
                                          [&, signal = signal](pid_t pid) {
                                            EXPECT_TRUE(eventually([&] {
                                              std::error_code absent;
                                              return std::filesystem::file_size(trace, absent) > 0 && !absent;
                                            }));
                                            ::kill(pid, signal);
                                          });
    EXPECT_EQ(outcome.code, code) << outcome.err;
    const Json answer = parse_json(outcome.out, "stdout");
    EXPECT_EQ(answer["finish_reason"], "cancelled");
    EXPECT_LT(answer["nfe"].get<int>(), 1000);
  }
}

TEST(Run, ADeadlineEndsWithWhatIsThere) {
  const Outcome outcome = run_pent({"run", "-m", models().slow(), "--json", "--max-tokens", "500", "--steps", "500",
                                    "--deadline-ms", "50", "the sea"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const Json answer = parse_json(outcome.out, "stdout");
  EXPECT_EQ(answer["finish_reason"], "deadline");
  EXPECT_GT(answer["decided_at_deadline"], 0);
  EXPECT_EQ(answer["n_token"], 500);
}

TEST(Run, ExactTokensAreThatMany) {
  for (const char* tokens : {"1", "17", "40"}) {
    const Outcome outcome = run_pent(
        {"run", "-m", models().diffusion(), "--json", "--temperature", "1", "--exact-tokens", tokens, "the sea"});
    ASSERT_EQ(outcome.code, 0) << outcome.err;
    const Json answer = parse_json(outcome.out, "stdout");
    EXPECT_EQ(answer["completion_tokens"], std::stoi(tokens));
    EXPECT_EQ(answer["n_token"], std::stoi(tokens));
  }
  const Outcome matched =
      run_pent({"run", "-m", models().diffusion(), "--exact-tokens", "9", "--regex", "[a-c]{9}", "the sea"});
  EXPECT_EQ(matched.out.size(), 10u) << matched.out << matched.err;
  EXPECT_EQ(run_pent({"run", "-m", models().ar(), "--exact-tokens", "4", "x"}).code, 2);
  EXPECT_EQ(run_pent({"run", "-m", models().diffusion(), "--exact-tokens", "129", "x"}).code, 2);  // the context is 128
}

TEST(Run, IncludedTextsAreThere) {
  for (const std::string& model : {models().diffusion(), models().ar()}) {
    const Outcome outcome = run_pent({"run", "-m", model, "--max-tokens", "40", "--temperature", "1", "--include",
                                      "boat", "--include", "a cat", "the sea"});
    ASSERT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_NE(outcome.out.find("boat"), std::string::npos) << outcome.out;
    EXPECT_NE(outcome.out.find("a cat"), std::string::npos) << outcome.out;
    const Outcome refused = run_pent({"run", "-m", model, "--max-tokens", "2", "--include", "a boat and a cat", "x"});
    EXPECT_EQ(refused.code, 2);
    EXPECT_NE(refused.err.find("--include: the shortest text that matches it has"), std::string::npos) << refused.err;
  }
}

TEST(Fill, ATemplateIsARequestThatCanBePrintedAndReadBack) {
  const std::string text = "the mouse [[2..6]] the sea [[n:choice:at night|by day]].";
  const Outcome printed = run_pent({"fill", "--print-request", "--seed", "5", "--max-nfe", "40", text});
  ASSERT_EQ(printed.code, 0) << printed.err;
  EXPECT_EQ(parse_json(printed.out, "stdout")["budget"]["max_nfe"], 40);
  const Outcome direct = run_pent({"fill", "-m", models().diffusion(), "--seed", "5", "--max-nfe", "40", text});
  EXPECT_EQ(run_pent({"fill", "-m", models().diffusion(), "--request", "-"}, printed.out).out, direct.out);
  EXPECT_EQ(run_pent({"fill", "--request", "-", "x [[1]]"}, printed.out).code, 2);
  const Outcome bad = run_pent({"fill", "--request", "-"}, R"({"canvas":[{"hole":{"length":0}}]})");
  EXPECT_EQ(bad.code, 2);
  EXPECT_NE(bad.err.find("canvas[0].hole.length is 0 to 0 tokens"), std::string::npos) << bad.err;
}

TEST(Run, ATraceThatCannotBeWrittenIsAFailure) {
  EXPECT_EQ(run_pent({"run", "-m", models().diffusion(), "--trace", "/nonexistent/t", "x"}).code, 1);
  EXPECT_EQ(run_pent({"run", "-m", models().diffusion(), "--max-tokens", "4", "--trace", "/dev/full", "x"}).code, 1);
}

TEST(Replay, ReproducesTheText) {
  const TempDir directory;
  const std::string trace = (directory / "trace").string();
  for (const std::string& model : {models().diffusion(), models().ar()}) {
    const Outcome run =
        run_pent({"run", "-m", model, "--max-tokens", "24", "--temperature", "1", "--trace", trace, "the sea"});
    ASSERT_EQ(run.code, 0) << run.err;
    const Outcome replay = run_pent({"replay", trace});
    EXPECT_EQ(replay.code, 0) << replay.err;
    EXPECT_EQ(replay.out, run.out);
    EXPECT_EQ(replay.err, "");
  }
  const Outcome fill = run_pent({"fill", "-m", models().diffusion(), "--trace", trace, "the [[3]] sea [[2]] mouse"});
  EXPECT_EQ(run_pent({"replay", trace}).out, fill.out);
}

TEST(Replay, CellsThatOnlyFillTheLastBlockAreNoPartOfTheAnswer) {
  const TempDir directory;
  const std::string trace = (directory / "trace").string();
  for (const char* model : {"tiny-sdar", "tiny-llada2", "tiny-diffusion-gemma"})
    for (const char* tokens : {"1", "5", "13"}) {
      const Outcome run = run_pent({"run", "-m", std::string(PENT_SOURCE_DIR "/tests/golden/") + model, "--raw",
                                    "--max-tokens", tokens, "--trace", trace, "the sea"});
      ASSERT_EQ(run.code, 0) << run.err;
      EXPECT_EQ(run_pent({"replay", trace}).out, run.out) << model << ", " << tokens << " tokens";
    }
}

TEST(Replay, AFileThatIsNoTraceIsRefused) {
  EXPECT_EQ(run_pent({"replay", "-"}, "{\"schema\":9}\n").code, 1);
  EXPECT_EQ(run_pent({"replay", "-"}, "not json\n").code, 1);
  EXPECT_EQ(run_pent({"replay", "/nonexistent"}).code, 1);
}

TEST(Fill, KeepsTheTextAroundTheHoles) {
  const Outcome plain = run_pent({"fill", "-m", models().diffusion(), "the mouse [[4]] the sea \\[[ [[end:2]]."});
  ASSERT_EQ(plain.code, 0) << plain.err;
  EXPECT_TRUE(plain.out.starts_with("the mouse ")) << plain.out;
  EXPECT_NE(plain.out.find(" the sea [[ "), std::string::npos) << plain.out;
  const Outcome json =
      run_pent({"fill", "-m", models().diffusion(), "--json", "the mouse [[4]] the sea \\[[ [[end:2]]."});
  const Json answer = parse_json(json.out, "stdout");
  EXPECT_EQ(answer["schema"], 1);
  EXPECT_EQ(answer["text"].get<std::string>() + "\n", plain.out);
  EXPECT_EQ(answer["holes"]["1"]["tokens"], 4);
  EXPECT_EQ(answer["holes"]["end"]["tokens"], 2);
  EXPECT_EQ(answer["holes"]["end"]["finish"], "filled");
  EXPECT_EQ(keys(answer).size(), kContractKeys.size() + 3);  // holes, cache, exact
}

TEST(Fill, RefusesTemplatesAndModelsThatCannotBeFilled) {
  EXPECT_EQ(run_pent({"fill", "-m", models().diffusion(), "no hole"}).code, 2);
  EXPECT_EQ(run_pent({"fill", "-m", models().diffusion()}).code, 2);
  EXPECT_NE(run_pent({"fill", "-m", models().ar(), "a [[3]] b"}).code, 0);
}

TEST(Edit, StrengthZeroIsTheTextAndADiffShowsTheChange) {
  const TempDir directory;
  const std::string file = (directory / "text").string(), text = "the mouse loved the sea\nand the house\n";
  std::ofstream(file) << text;
  EXPECT_EQ(run_pent({"edit", "-m", models().diffusion(), "--strength", "0", file}).out, text);
  EXPECT_EQ(run_pent({"edit", "-m", models().diffusion(), "--strength", "0", "--diff", file}).out, "");
  const Outcome redone = run_pent({"edit", "-m", models().diffusion(), "--redo", "4:9", "-"}, text);
  ASSERT_EQ(redone.code, 0) << redone.err;
  EXPECT_TRUE(redone.out.starts_with("the ") && redone.out.ends_with(" loved the sea\nand the house\n")) << redone.out;
  const Outcome diff = run_pent({"edit", "-m", models().diffusion(), "--redo", "4:9", "--diff", file});
  EXPECT_TRUE(diff.out.starts_with("--- before\n+++ after\n@@ -1,2 +1,2 @@\n-the mouse loved the sea\n+the "))
      << diff.out;
  const Json json = parse_json(run_pent({"edit", "-m", models().diffusion(), "--json", file}).out, "stdout");
  EXPECT_GE(json["kept_fraction"], 0);
  for (const std::string wrong : {"9:4", "0:400", "x", "3", "4:4", "-1:3"}) {
    const Outcome refused = run_pent({"edit", "-m", models().diffusion(), "--redo=" + wrong, file});
    EXPECT_EQ(refused.code, 2) << wrong;
    EXPECT_NE(refused.err.find("--redo is '" + wrong + "'; expected START:END"), std::string::npos) << refused.err;
  }
  EXPECT_EQ(run_pent({"edit", "-m", models().diffusion(), "--strength", "1.1", file}).code, 2);
  EXPECT_EQ(run_pent({"edit", "-m", models().diffusion(), "--instruction", "Be brief.", file}).code, 2);  // no template
}

}  // namespace
}  // namespace pent
