#include <gtest/gtest.h>

#include <cstdlib>

#include "base/mapped_file.h"
#include "engine/generate.h"
#include "engine/model.h"
#include "io/hub/reference.h"
#include "model/synth.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace pent {
namespace {

namespace fs = std::filesystem;

// An environment of its own: nothing of the machine is found.
class FindModel : public testing::Test {
 protected:
  FindModel() {
    for (const char* name : {"HF_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"}) unsetenv(name);
    setenv("PENT_HOME", (home_ / "pent").c_str(), 1);
    setenv("HF_HOME", (home_ / "hf").c_str(), 1);
  }
  ~FindModel() override {
    unsetenv("PENT_HOME");
    unsetenv("HF_HOME");
  }

  static void make_model(const fs::path& directory) {
    fs::create_directories(directory);
    write_file_atomically(directory / "config.json", "{\"model_type\":\"llada\"}");
    write_file_atomically(directory / "tokenizer.json", "{}");
    const float value = 1;
    write_safetensors(directory / "model.safetensors", {{"w", DType::kF32, {1}, std::as_bytes(std::span(&value, 1))}});
  }

  TempDir home_;
};

TEST_F(FindModel, HomeFollowsTheEnvironment) {
  EXPECT_EQ(pent_home(), home_ / "pent");
  unsetenv("PENT_HOME");
  setenv("XDG_CACHE_HOME", "/cache", 1);
  EXPECT_EQ(pent_home(), "/cache/pent");
  unsetenv("XDG_CACHE_HOME");
  setenv("HOME", "/home/someone", 1);
  EXPECT_EQ(pent_home(), "/home/someone/.cache/pent");
}

TEST_F(FindModel, ADirectoryIsTakenAsItIs) {
  make_model(home_ / "mine");
  EXPECT_EQ(find_model((home_ / "mine").string(), {}).where, (home_ / "mine").string());
}

TEST_F(FindModel, ANameIsLookedUpUnderHome) {
  make_model(home_ / "pent/models/small");
  EXPECT_EQ(find_model("small", {}).where, (home_ / "pent/models/small").string());
}

TEST_F(FindModel, HubNamesAreFoundByRevisionOrCommit) {
  const fs::path cached = home_ / "hf/hub/models--org--name";
  make_model(cached / "snapshots/abc123");
  fs::create_directories(cached / "refs");
  write_file_atomically(cached / "refs/main", "abc123\n");
  const std::string found = (cached / "snapshots/abc123").string();
  EXPECT_EQ(find_model("org/name", {}).where, found);
  EXPECT_EQ(find_model("org/name@main", {}).where, found);
  EXPECT_EQ(find_model("org/name@abc123", {}).where, found);
  EXPECT_ERROR(find_model("org/name@other", {}), kNotFound, "models--org--name/snapshots/other");
  EXPECT_ERROR(find_model("org/name:Q4_K", {}), kNotFound, "no .gguf file has 'Q4_K' in its name");
  write_file_atomically(cached / "refs/main", "../../../../etc");
  EXPECT_ERROR(find_model("org/name", {}), kCorrupt, "refs/main: expected the name of a commit");
}

TEST_F(FindModel, ModelsOfTheHubAreListedAndTheirGgufFilesFound) {
  const fs::path cached = home_ / "hf/hub/models--org--name--x/snapshots/main";
  fs::create_directories(cached);
  for (const char* name : {"m-Q4_0-00002-of-00002.gguf", "m-Q4_0-00001-of-00002.gguf", "m-Q8_0.gguf"})
    write_file_atomically(cached / name, "GGUF");
  std::string looked;
  EXPECT_EQ(find_in_hub_cache(parse_hub_reference("org/name--x:q8_0").value(), looked), cached / "m-Q8_0.gguf");
  EXPECT_EQ(find_in_hub_cache(parse_hub_reference("org/name--x:Q4_0").value(), looked),
            cached / "m-Q4_0-00001-of-00002.gguf");
  EXPECT_ERROR(find_model("org/name--x", {}), kNotFound, "2 .gguf files; say which one with :QUANT");
  EXPECT_EQ(list_hub_cache(), (std::vector<std::string>{"org/name--x"}));
}

TEST_F(FindModel, NothingFoundListsWhereItLooked) {
  EXPECT_ERROR(find_model("missing", {}), kNotFound, "no model 'missing'; looked for\n  missing",
               "embedded: none in this build", "pent/models/missing\n", "pent/models/missing.gguf");
  EXPECT_ERROR(find_model("org/missing", {}), kNotFound, "hf/hub/models--org--missing/snapshots/main",
               "fetch it with: pent pull org/missing");
  EXPECT_ERROR(find_model("", {}), kNotFound, "this build carries no model; name one with -m");
}

TEST_F(FindModel, NamesCannotClimbOutOfTheCaches) {
  for (const std::string name : {"..", "../..", "org/..", "a/b/c", "org/name@../x"})
    EXPECT_THROW(find_model(name, {}), Error) << name;  // ".." is a directory without a model
}

// A template that cannot be run is no reason to refuse the model: only what needs it is.
TEST_F(FindModel, ATemplateThatCannotBeRunIsRefusedWhereItIsNeeded) {
  ModelSpec spec{.family = "llada",
                 .vocab_size = 8,
                 .d_model = 32,
                 .n_layers = 1,
                 .n_heads = 1,
                 .n_kv_heads = 1,
                 .head_dim = 32,
                 .ffn_dim = 32,
                 .max_positions = 32,
                 .mask_id = 7};
  ModelFiles files = make_random_model(spec, 1);
  files.tokenizer_json = R"({"model": {"vocab": {"a": 0, "b": 1}, "merges": []}, "decoder": {"type": "ByteLevel"}})";
  ThreadPool pool(1);
  const auto load = [&](const char* name) {
    write_model_directory(files, home_ / name);
    return load_model((home_ / name).string(), {}, pool);
  };
  files.chat_template = "{% import 'x' as y %}{{ messages }}";
  const Model model = load("import");
  EXPECT_EQ(make_prompt(model, "ab", "", /*raw=*/true).size(), 2u);
  EXPECT_ERROR(make_prompt(model, "ab", "", /*raw=*/false), kUnsupported, "import: chat template", "'import'");
  EXPECT_ERROR(usable_chat_template(model), kUnsupported, "'import'");
  files.chat_template = "{% if %}";
  EXPECT_ERROR(make_prompt(load("syntax"), "ab", "", false), kCorrupt, "syntax: chat template");
  files.chat_template.clear();
  files.tokenizer_config = {{"chat_template", {{{"name", "rag"}, {"template", "t"}}}}};
  files.chat_template_refusal = error(ErrorKind::kUnsupported, "as when it was read");
  EXPECT_ERROR(make_prompt(load("named"), "ab", "", false), kUnsupported, "rag", "none called 'default'");
  files.tokenizer_config = nullptr;
  files.chat_template_refusal.reset();
  EXPECT_EQ(usable_chat_template(load("none")), nullptr);
}

}  // namespace
}  // namespace pent
