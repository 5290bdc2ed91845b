#include "engine/corpus.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <set>
#include <sstream>

#include "base/json.h"
#include "base/mapped_file.h"
#include "fake_model.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace pent {
namespace {

constexpr const char* kRecipe = R"(
name = "pets"
seed = 7
answers = 12
width = 3
[generation]
max_tokens = 6
temperature = 1.0
[words]
pet = ["a", "b", "c"]
[[template]]
text = "{pet} {pet}"
weight = 3
[[template]]
text = "ab"
)";

CorpusRecipe recipe_for(const TempDir& dir, std::vector<std::string> overrides = {}) {
  overrides.push_back("out=" + (dir.path() / "pets.jsonl").string());
  return parse_corpus_recipe(kRecipe, "pets.toml", overrides);
}

std::vector<Json> lines_of(const std::string& path) {
  std::vector<Json> lines;
  std::istringstream all(read_file(path));
  for (std::string line; std::getline(all, line);) lines.push_back(parse_json(line, path));
  std::sort(lines.begin(), lines.end(), [](const Json& a, const Json& b) { return a["index"] < b["index"]; });
  return lines;
}

TEST(Corpus, PromptsComeFromTheTemplatesInTheirShares) {
  const TempDir dir;
  const CorpusRecipe recipe = recipe_for(dir);
  double plain = 0;
  std::set<std::string> pairs;
  for (int64_t i = 0; i < 2000; ++i) {
    const std::string prompt = corpus_prompt(recipe, i);
    EXPECT_EQ(prompt, corpus_prompt(recipe, i));
    if (prompt == "ab") {
      plain += 1.0 / 2000;
    } else {
      ASSERT_EQ(prompt.size(), 3u);
      ASSERT_NE(prompt[0], prompt[2]) << "two different words";
      pairs.insert(prompt);
    }
  }
  EXPECT_NEAR(plain, 0.25, 0.04);
  EXPECT_EQ(pairs.size(), 6u);
}

TEST(Corpus, PromptsToAvoidAreNotMade) {
  const TempDir dir;
  const CorpusRecipe recipe = recipe_for(dir, {"avoid=[\"ab\", \"a b\"]"});
  for (int64_t i = 0; i < 500; ++i) {
    EXPECT_NE(corpus_prompt(recipe, i), "ab");
    EXPECT_NE(corpus_prompt(recipe, i), "a b");
  }
  EXPECT_ERROR(corpus_prompt(recipe_for(dir, {"words.pet=[\"a\", \"b\"]", "avoid=[\"ab\", \"a b\", \"b a\"]"}), 0),
               kInvalidArgument, "avoid");
}

TEST(Corpus, EveryAnswerIsOnceInTheFileAndTheSameAtAnyWidth) {
  for (const ModelSpec& spec : {fake_ar_spec(), fake_diffusion_spec()}) {
    std::vector<Json> first;
    for (const int width : {1, 3, 64}) {
      const TempDir dir;
      Model model = fake_model(spec);
      const CorpusRecipe recipe = recipe_for(dir, {"width=" + std::to_string(width)});
      int64_t calls = 0;
      const CorpusProgress done =
          write_corpus(model, recipe, [&](const CorpusProgress& now) { EXPECT_EQ(now.written, ++calls); });
      EXPECT_EQ(done.answers, 12);
      EXPECT_EQ(done.written, 12);
      const std::vector<Json> lines = lines_of(recipe.out);
      ASSERT_EQ(lines.size(), 12u);
      for (size_t i = 0; i < lines.size(); ++i) {
        EXPECT_EQ(lines[i]["index"], i);
        EXPECT_EQ(lines[i]["prompt"], corpus_prompt(recipe, static_cast<int64_t>(i)));
        EXPECT_EQ(lines[i]["seed"], 7);
        EXPECT_EQ(lines[i]["model"], "fake");
      }
      if (first.empty()) first = lines;
      EXPECT_EQ(lines, first);
    }
  }
}

TEST(Corpus, GoesOnWhereItWasStopped) {
  const TempDir dir, other;
  Model model = fake_model(fake_ar_spec());
  write_corpus(model, recipe_for(other));
  const std::vector<Json> whole = lines_of(recipe_for(other).out);

  CancelToken cancel;
  const CorpusRecipe recipe = recipe_for(dir);
  CorpusProgress done = write_corpus(
      model, recipe, [&](const CorpusProgress& now) { now.written == 4 ? cancel.cancel() : void(); }, &cancel);
  EXPECT_GE(done.answers, 4);
  EXPECT_LT(done.answers, 12);
  EXPECT_EQ(lines_of(recipe.out).size(), static_cast<size_t>(done.answers));
  // A crash in the middle of a line.
  std::ofstream(recipe.out, std::ios::app) << R"({"prompt":"a b","text":"a)";
  const int64_t before = done.answers;
  done = write_corpus(model, recipe);
  EXPECT_EQ(done.answers, 12);
  EXPECT_EQ(done.written, 12 - before);
  EXPECT_EQ(lines_of(recipe.out), whole);
  EXPECT_EQ(write_corpus(model, recipe).written, 0);
  EXPECT_EQ(write_corpus(model, recipe_for(dir, {"answers=15"})).written, 3);
}

TEST(Corpus, AFileOfOtherOriginIsLeftAlone) {
  const TempDir dir;
  Model model = fake_model(fake_ar_spec());
  write_corpus(model, recipe_for(dir));
  const std::string before = read_file(recipe_for(dir).out);
  EXPECT_ERROR(write_corpus(model, recipe_for(dir, {"seed=8"})), kInvalidArgument, "pets.jsonl:1", "seed", "out=FILE");
  EXPECT_ERROR(write_corpus(model, recipe_for(dir, {"words.pet=[\"x\", \"y\"]"})), kInvalidArgument, "templates");
  model.name = "another";
  EXPECT_ERROR(write_corpus(model, recipe_for(dir)), kInvalidArgument, "another model");
  EXPECT_EQ(read_file(recipe_for(dir).out), before);
  std::ofstream(recipe_for(dir).out) << "no JSON\n";
  EXPECT_ERROR(write_corpus(model, recipe_for(dir)), kCorrupt, "pets.jsonl:1");
  CorpusRecipe elsewhere = recipe_for(dir);
  elsewhere.out = "/dev/null/pets.jsonl";
  EXPECT_ERROR(write_corpus(model, elsewhere), kIo, "/dev/null/pets.jsonl");
  const int other = open(recipe_for(dir).out.c_str(), O_RDONLY);
  ASSERT_EQ(flock(other, LOCK_EX), 0);
  EXPECT_ERROR(write_corpus(model, recipe_for(dir)), kInvalidArgument, "another process");
  close(other);
  elsewhere.out = "/dev/full";
  EXPECT_ERROR(write_corpus(model, elsewhere), kInvalidArgument, "/dev/full: not a file");
}

TEST(Corpus, AFullDiskKeepsTheLinesThatFit) {
  const TempDir dir;
  Model model = fake_model(fake_ar_spec());
  const CorpusRecipe recipe = recipe_for(dir);
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  rlimit small = before;
  small.rlim_cur = 400;  // bytes: between three and four lines
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  EXPECT_ERROR(write_corpus(model, recipe), kIo, "pets.jsonl", "cannot be written");
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
  const CorpusProgress done = write_corpus(model, recipe);
  EXPECT_GT(done.written, 0);
  EXPECT_LT(done.written, 12);
  EXPECT_EQ(lines_of(recipe.out).size(), 12u);
}

TEST(Corpus, RecipesAreRefusedWithTheReason) {
  const auto refused = [](const std::string& text, const std::string& why) {
    EXPECT_ERROR(parse_corpus_recipe(text, "r.toml"), kInvalidArgument, "r.toml", why);
  };
  const std::string words = "[words]\npet = [\"a\", \"b\"]\n";
  refused(words, "no templates");
  refused(words + "[[template]]\ntext = \"{dog}\"", "words.dog");
  refused(words + "[[template]]\ntext = \"{pet}{pet}{pet}\"", "needs 3 words");
  refused(words + "[[template]]\ntext = \"{pet\"", "brace");
  refused(words + "[[template]]\ntext = \"pet}\"", "brace");
  refused(words + "[[template]]\ntext = \"{{pet}}\"", "brace");
  refused(words + "[[template]]\ntext = \"\"", "no text");
  refused(words + "[[template]]\ntext = \"x\"\nweight = 0", "weights not all 0");
  refused("[words]\npet = [1]", "list of strings");
  refused("[words]\npet = \"a\"", "list of strings");
  refused("widht = 3", "unknown key 'widht'");
  refused("[generation]\ntop_p = 2.0", "top_p");
  EXPECT_EQ(parse_corpus_recipe(words + "[[template]]\ntext = \"x\"", "some/where.toml").out, "runs/where.jsonl");
}

TEST(Corpus, TheStoriesRecipeIsWhole) {
  const CorpusRecipe recipe = load_corpus_recipe(PENT_SOURCE_DIR "/recipes/corpus-stories.toml");
  EXPECT_EQ(recipe.model, "smollm2-135m-instruct");
  std::set<std::string> prompts;
  for (int64_t i = 0; i < 2000; ++i) prompts.insert(corpus_prompt(recipe, i));
  EXPECT_GT(prompts.size(), 1700u);  // few are asked twice
}

}  // namespace
}  // namespace pent
