// tokenize, detokenize, logits, score, inspect on random weights.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>

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
  EXPECT_EQ(facts["modes"], Json({"diffusion"}));
  EXPECT_EQ(facts["shapes"]["width"], 64);
  EXPECT_EQ(facts["shapes"]["context"], 128);
  const auto presets = facts["presets"].get<std::vector<std::string>>();
  EXPECT_EQ(presets.front(), "llada");
  EXPECT_EQ(std::count(presets.begin(), presets.end(), "fast-dllm"), 1);
  EXPECT_EQ(std::count(presets.begin(), presets.end(), "ar"), 0);
  const Outcome plain = run_pent({"inspect", models().ar()});
  EXPECT_EQ(plain.code, 0);
  EXPECT_NE(plain.out.find("presets       ar (default ar)"), std::string::npos) << plain.out;
  EXPECT_NE(plain.out.find("modes         ar, speculative"), std::string::npos) << plain.out;
}

TEST(Inspect, SaysWhyAFileIsRefused) {
  const TempDir directory;
  write_file_atomically(directory / "broken.gguf", "GGUX and nothing else");
  const Outcome outcome = run_pent({"inspect", (directory / "broken.gguf").string()});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_NE(outcome.err.find("broken.gguf"), std::string::npos) << outcome.err;
  EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1);
}

// In one line, with what is wrong and where.
TEST(Inspect, SaysWhyAModelIsRefused) {
  const auto refused = [](const std::function<void(const std::filesystem::path&)>& damage, const std::string& why) {
    const TempDir directory;
    const std::filesystem::path model = directory / "model";
    std::filesystem::copy(models().ar(), model);
    damage(model);
    const Outcome outcome = run_pent({"inspect", model.string()});
    EXPECT_EQ(outcome.code, 1) << why;
    EXPECT_EQ(outcome.out, "");
    EXPECT_NE(outcome.err.find(why), std::string::npos) << outcome.err;
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
  };
  const auto with = [&](const char* key, const Json& value, const std::string& why) {
    refused(
        [&](const std::filesystem::path& model) {
          Json config = parse_json(read_file(model / "config.json"), "config.json");
          config[key] = value;
          write_file_atomically(model / "config.json", config.dump());
        },
        why);
  };
  with("architectures", {"MambaForCausalLM"}, "'MambaForCausalLM' (model_type 'llama') is none of the families");
  with("num_hidden_layers", 1'000'000'000'000, "'num_hidden_layers'");
  with("num_hidden_layers", 3, "model.layers.2.");
  with("num_attention_heads", -4, "'num_attention_heads'");
  with("vocab_size", 301, "the vocabulary (vocab_size) is 301, but tensor 'model.embed_tokens.weight' has 300 rows");
  with("quantization_config", {{"quant_method", "gptq"}, {"bits", 4}}, "quantised with GPTQ");
  with("quantization_config", {{"quant_method", "awq"}}, "quantised with AWQ");
  with("quantization_config", {{"quant_method", "fp8"}}, "quantised with FP8");
  with("quantization_config", {{"quant_method", "compressed-tensors"}, {"format", "pack-quantized"}},
       "quantised with compressed-tensors (pack-quantized)");
  refused(
      [](const std::filesystem::path& model) {
        std::filesystem::rename(model / "model.safetensors", model / "pytorch_model.bin");
      },
      "python3 -c");
}

TEST(Synth, WritesAModelOfAPublishedShapeThatRuns) {
  const TempDir directory;
  const std::string file = (directory / "synthetic.gguf").string();
  const Outcome written = run_pent({"synth", "--family", "llada", "--shape", "smollm2-135m", "--type", "q4_0", file});
  ASSERT_EQ(written.code, 0) << written.err;
  EXPECT_EQ(written.out, file + "\n");
  const Json facts = parse_json(run_pent({"inspect", file, "--json"}).out, "stdout");
  EXPECT_EQ(facts["family"], "llada");
  EXPECT_EQ(facts["parameters"], 134515008);
  EXPECT_EQ(facts["tokens"]["mask_id"], 49151);
  const Outcome answer = run_pent({"run", "-m", file, "--max-tokens", "4", "--steps", "2", "--json", "A"});
  EXPECT_EQ(answer.code, 0) << answer.err;
  const Outcome refused = run_pent({"synth", (directory / "synthetic.bin").string()});
  EXPECT_EQ(refused.code, 2);
  EXPECT_NE(refused.err.find("must be named .gguf"), std::string::npos) << refused.err;
}

TEST(Convert, ThereAndBackAndWhatIsRefused) {
  const TempDir directory;
  const std::string gguf = (directory / "m.gguf").string(), back = (directory / "back").string();
  const Outcome there = run_pent({"convert", models().diffusion(), gguf, "--type", "q8", "--json"});
  ASSERT_EQ(there.code, 0) << there.err;
  const Json report = parse_json(there.out, "stdout");
  EXPECT_EQ(report["schema"], 1);
  EXPECT_EQ(report["family"], "llada");
  EXPECT_EQ(report["type"], "q8_0");
  EXPECT_GT(report["elements"]["Q8_0"].get<int64_t>(), 0);
  EXPECT_EQ(parse_json(run_pent({"inspect", gguf, "--json"}).out, "stdout")["tokens"]["mask_id"], 299);
  const std::string text = "The little mouse";
  EXPECT_EQ(run_pent({"tokenize", "-m", gguf, text}).out, run_pent({"tokenize", "-m", models().diffusion(), text}).out);
  const Outcome again = run_pent({"convert", gguf, back, "--type", "bf16"});
  ASSERT_EQ(again.code, 0) << again.err;
  EXPECT_EQ(again.out, back + "\n");
  const Outcome answer = run_pent({"run", "-m", back, "--max-tokens", "4", "--steps", "2", "--json", "the mouse"});
  EXPECT_EQ(answer.code, 0) << answer.err;
  const std::vector<std::vector<std::string>> refused = {{"convert"},
                                                         {"convert", gguf},
                                                         {"convert", gguf, gguf},
                                                         {"convert", gguf, back},
                                                         {"convert", gguf, (directory / "x").string(), "--type", "q4"},
                                                         {"convert", gguf, "x.gguf", "--type", "q9"}};
  for (const auto& command : refused) {
    const Outcome outcome = run_pent(command);
    EXPECT_EQ(outcome.code, 2) << command.back();
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
  }
}

TEST(Cache, ListsAndClearsWhatIsKept) {
  const TempDir home;
  const Environment environment = {{"PENT_HOME", home.path().string()}};
  EXPECT_NE(run_pent({"cache"}, "", environment).out.find("0 B of packed weights"), std::string::npos);
  std::filesystem::create_directories(home / "packed");
  write_file_atomically(home / "packed/damaged.gguf-0.pack", "PENT");
  const Json listed = parse_json(run_pent({"cache", "--json"}, "", environment).out, "stdout");
  ASSERT_EQ(listed["packed"].size(), 1u);
  EXPECT_EQ(listed["packed"][0]["bytes"], 4);
  EXPECT_EQ(run_pent({"cache", "--clear"}, "", environment).code, 0);
  EXPECT_TRUE(std::filesystem::is_empty(home / "packed"));
}

TEST(Models, ListsWhatIsUnderPentHome) {
  const TempDir home;
  std::filesystem::create_directories(home / "models");
  std::filesystem::create_directory_symlink(models().diffusion(), home.path() / "models" / "little-mouse");
  const Outcome outcome = run_pent({"models", "--quiet"}, "", {{"PENT_HOME", home.path().string()}});
  EXPECT_NE(("\n" + outcome.out).find("\nlittle-mouse\n"), std::string::npos) << outcome.out;
  EXPECT_EQ(run_pent({"tokenize", "-m", "little-mouse", "x"}, "", {{"PENT_HOME", home.path().string()}}).code, 0);
}

TEST(Bench, SaysItsFiguresAndTheLimitsBesideThem) {
  const std::vector<std::pair<std::string, std::vector<std::string>>> runs = {
      {"rows", {"--prefix", "8", "--rows", "4", "--canvas", "16"}},
      {"forward", {}},
      {"denoise", {"--canvas", "16", "--steps", "8", "--block-length", "8"}}};
  for (const auto& [what, options] : runs) {
    std::vector<std::string> command = {"bench", what, "-m", models().diffusion(), "--rounds", "1"};
    command.insert(command.end(), options.begin(), options.end());
    const Outcome plain = run_pent(command);
    EXPECT_EQ(plain.code, 0) << plain.err;
    EXPECT_NE(plain.out.find("limits: int8"), std::string::npos) << plain.out;
    command.push_back("--json");
    const Outcome json = run_pent(command);
    ASSERT_EQ(json.code, 0) << json.err;
    const Json facts = parse_json(json.out, "bench");
    EXPECT_EQ(facts["bench"], what);
    EXPECT_GT(facts["limits"]["int8_gops"].get<double>(), 0);
    EXPECT_FALSE(facts[what].empty());
  }
  EXPECT_EQ(run_pent({"bench", "soup"}).code, 2);
  EXPECT_EQ(run_pent({"bench", "rows", "-m", models().diffusion(), "--prefix", "128"}).code, 2);
  EXPECT_EQ(run_pent({"bench", "denoise", "-m", models().diffusion(), "--canvas", "100000"}).code, 2);
}

TEST(Bench, AccuracyReadsAText) {
  std::string text;
  for (int i = 0; i < 60; ++i) text += "the fox saw a crow. ";
  const std::vector<std::string> command = {
      "bench", "accuracy", "-m", models().diffusion(), "--text", "-", "--window", "16", "--windows", "2", "--json"};
  const Outcome json = run_pent(command, text);
  ASSERT_EQ(json.code, 0) << json.err;
  EXPECT_EQ(parse_json(json.out, "bench")["accuracy"]["rows"], 16);
  const Outcome short_text = run_pent(command, "a");
  EXPECT_EQ(short_text.code, 2);
  EXPECT_NE(short_text.err.find("tokens"), std::string::npos) << short_text.err;
  EXPECT_EQ(run_pent({"bench", "accuracy", "-m", models().diffusion()}).code, 2);
  EXPECT_EQ(run_pent({"bench", "rows", "--text", "x"}).code, 2);
}

TEST(Corpus, WritesLinesAndGoesOn) {
  const TempDir directory;
  const std::string recipe = (directory.path() / "r.toml").string(), out = (directory.path() / "o.jsonl").string();
  std::ofstream(recipe) << "answers = 3\n[generation]\nmax_tokens = 8\n[words]\nx = [\"mouse\", "
                           "\"sea\"]\n[[template]]\ntext = \"The {x}\"\n";
  const std::vector<std::string> command = {"corpus", recipe, "-m", models().ar(), "--set", "out=" + out};
  const Outcome first = run_pent(command);
  ASSERT_EQ(first.code, 0) << first.err;
  EXPECT_EQ(first.out, out + "\n");
  const std::string three = read_file(out);
  EXPECT_EQ(std::count(three.begin(), three.end(), '\n'), 3);
  std::vector<std::string> more = command;
  more.insert(more.end(), {"--set", "answers=5"});
  ASSERT_EQ(run_pent(more).code, 0);
  const std::string five = read_file(out);
  EXPECT_EQ(five.substr(0, three.size()), three);
  EXPECT_EQ(std::count(five.begin(), five.end(), '\n'), 5);
  std::vector<std::string> dry = command;
  dry.push_back("--dry-run");
  EXPECT_EQ(run_pent(dry).out.substr(0, 4), "The ");
  more.insert(more.end(), {"--set", "seed=2"});
  const Outcome refused = run_pent(more);
  EXPECT_EQ(refused.code, 2);
  EXPECT_NE(refused.err.find("another seed"), std::string::npos) << refused.err;
}

}  // namespace
}  // namespace pent
