// tokenize, detokenize, logits, score, inspect on random weights.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>

#include "base/json.h"
#include "base/mapped_file.h"
#include "e2e/models.h"
#include "e2e/pent_process.h"

namespace pent {
namespace {

const TestModels& models() { return TestModels::get(); }

TEST(Tokenize, AndBackIsTheSameText) {
  const std::string text = "The little mouse, the sea: ärger 大 🐭\n  two lines";
  const Outcome ids = run_pent({"tokenize", "-m", models().diffusion(), text});
  ASSERT_EQ(ids.code, 0) << ids.err;
  EXPECT_TRUE(parse_json(ids.out, "ids").is_array());
  EXPECT_EQ(run_pent({"detokenize", "-m", models().diffusion(), ids.out}).out, text + "\n");
  EXPECT_EQ(run_pent({"detokenize", "-m", models().diffusion(), "-"}, ids.out).out, text + "\n");
}

TEST(Tokenize, LinesAreOneArrayEach) {
  const Outcome ids = run_pent({"tokenize", "-m", models().diffusion(), "--lines", "-"}, "the mouse\n\nthe sea\n");
  ASSERT_EQ(ids.code, 0) << ids.err;
  EXPECT_EQ(std::count(ids.out.begin(), ids.out.end(), '\n'), 3);
  EXPECT_NE(ids.out.find("\n[]\n"), std::string::npos);
  EXPECT_EQ(run_pent({"detokenize", "-m", models().diffusion(), "--lines", "-"}, ids.out).out,
            "\"the mouse\"\n\"\"\n\"the sea\"\n");
}

TEST(Detokenize, AnIdThatDoesNotExistIsNamed) {
  const Outcome outcome = run_pent({"detokenize", "-m", models().diffusion(), "[1, 999999]"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_NE(outcome.err.find("999999"), std::string::npos) << outcome.err;
}

struct Matrix {
  int rows = 0, cols = 0;
  std::vector<float> values;
};

Matrix read_npy(const std::string& path) {
  const std::string file = read_file(path);
  Matrix matrix;
  const size_t shape = file.find("'shape': (");
  EXPECT_EQ(std::sscanf(file.c_str() + shape, "'shape': (%d, %d)", &matrix.rows, &matrix.cols), 2);
  const size_t data = 10 + static_cast<uint8_t>(file[8]) + 256 * static_cast<uint8_t>(file[9]);
  matrix.values.resize((file.size() - data) / sizeof(float));
  std::memcpy(matrix.values.data(), file.data() + data, matrix.values.size() * sizeof(float));
  return matrix;
}

TEST(Logits, MasksSayWhatARowSees) {
  const TempDir directory;
  const std::string path = (directory / "out.npy").string();
  const auto logits = [&](const std::string& mask, const std::string& tokens) {
    const Outcome outcome = run_pent(
        {"logits", "-m", models().diffusion(), "--precise", "--tokens", tokens, "--mask", mask, "--out", path});
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    return read_npy(path);
  };
  const Matrix causal = logits("causal", "1,2,3,4");
  EXPECT_EQ(causal.rows, 4);
  EXPECT_EQ(causal.cols, 300);
  ASSERT_EQ(causal.values.size(), 1200u);
  EXPECT_EQ(logits("block:1", "1,2,3,4").values, causal.values);
  EXPECT_EQ(logits("block:4", "1,2,3,4").values, logits("full", "1,2,3,4").values);
  // The second row of a causal pass does not see what follows; that of a full one does.
  const auto row = [](const Matrix& matrix, int r) {
    return std::vector<float>(matrix.values.begin() + r * matrix.cols, matrix.values.begin() + (r + 1) * matrix.cols);
  };
  EXPECT_EQ(row(causal, 1), row(logits("causal", "1,2,9,9"), 1));
  EXPECT_NE(row(logits("full", "1,2,3,4"), 1), row(logits("full", "1,2,9,9"), 1));
}

TEST(Logits, UnknownTokensAndTooManyAreRefused) {
  EXPECT_EQ(run_pent({"logits", "-m", models().ar(), "--tokens", "1,5000", "--out", "unused.npy"}).code, 2);
  std::string many = "1";
  for (int i = 0; i < 200; ++i) many += ",1";
  EXPECT_EQ(run_pent({"logits", "-m", models().ar(), "--tokens", many, "--out", "unused.npy"}).code, 2);
}

TEST(Score, IsExactForAutoregressiveAndABoundForDiffusion) {
  const std::string lines =
      "{\"context\": \"the mouse\", \"continuation\": \" the sea\"}\n\n{\"context\": \"\", \"continuation\": "
      "\"the\"}\n";
  for (const std::string& model : {models().ar(), models().diffusion()}) {
    const Outcome outcome = run_pent({"score", "-m", model, "--mc", "8", "-"}, lines);
    ASSERT_EQ(outcome.code, 0) << outcome.err;
    ASSERT_EQ(std::count(outcome.out.begin(), outcome.out.end(), '\n'), 2);
    const Json first = parse_json(outcome.out.substr(0, outcome.out.find('\n')), "first");
    EXPECT_LT(first["logprob"].get<double>(), 0);
    EXPECT_GT(first["tokens"].get<int>(), 0);
    EXPECT_EQ(first["stderr"].get<double>() == 0, model == models().ar());
  }
}

TEST(Score, PerplexityOfATextIsNearTheVocabularyForRandomWeights) {
  const Outcome outcome = run_pent({"score", "-m", models().ar(), "--text", "--window", "32", "-"},
                                   "The little mouse went to the sea, and the sea came to the little mouse.");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const Json result = parse_json(outcome.out, "stdout");
  EXPECT_EQ(result["schema"], 1);
  EXPECT_EQ(result["exact"], true);
  EXPECT_GT(result["perplexity"].get<double>(), 10);
  EXPECT_NEAR(std::log(result["perplexity"].get<double>()), result["nats_per_token"].get<double>(), 1e-9);
}

TEST(Score, ABadLineIsNamed) {
  const Outcome outcome = run_pent({"score", "-m", models().ar(), "-"}, "{\"context\": \"a\"}\n");
  EXPECT_EQ(outcome.code, 1);
  EXPECT_NE(outcome.err.find("standard input:1"), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find("continuation"), std::string::npos) << outcome.err;
}

TEST(Inspect, SaysWhatAModelIs) {
  const Outcome outcome = run_pent({"inspect", models().diffusion(), "--json"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const Json facts = parse_json(outcome.out, "stdout");
  EXPECT_EQ(facts["family"], "llada");
  EXPECT_EQ(facts["mode"], "diffusion");
  EXPECT_EQ(facts["shapes"]["width"], 64);
  EXPECT_EQ(facts["shapes"]["context"], 128);
  EXPECT_EQ(facts["presets"], (Json{"llada", "fast-dllm"}));
  const Outcome plain = run_pent({"inspect", models().ar()});
  EXPECT_EQ(plain.code, 0);
  EXPECT_NE(plain.out.find("presets       ar (default ar)"), std::string::npos) << plain.out;
}

TEST(Inspect, SaysWhyAFileIsRefused) {
  const TempDir directory;
  write_file_atomically(directory / "broken.gguf", "GGUX and nothing else");
  const Outcome outcome = run_pent({"inspect", (directory / "broken.gguf").string()});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_NE(outcome.err.find("broken.gguf"), std::string::npos) << outcome.err;
  EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1);
}

TEST(Models, ListsWhatIsUnderPentHome) {
  const TempDir home;
  std::filesystem::create_directories(home / "models");
  std::filesystem::create_directory_symlink(models().diffusion(), home.path() / "models" / "little-mouse");
  const Outcome outcome = run_pent({"models", "--quiet"}, "", {{"PENT_HOME", home.path().string()}});
  EXPECT_NE(("\n" + outcome.out).find("\nlittle-mouse\n"), std::string::npos) << outcome.out;
  EXPECT_EQ(run_pent({"tokenize", "-m", "little-mouse", "x"}, "", {{"PENT_HOME", home.path().string()}}).code, 0);
}

}  // namespace
}  // namespace pent
