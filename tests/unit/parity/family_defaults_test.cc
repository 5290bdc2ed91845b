// How each family decodes when nothing is asked, as taken from a checkpoint in its published form: the tiny ones of tests/golden, but
// with the context and the blocks that the published ones have. The figures are those of spec 20, by section.
#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "model/families/family.h"
#include "sample/preset.h"
#include "unit/parity/golden.h"

namespace pent {
namespace {

struct Unasked {
  std::string checkpoint, family, preset;
  Json published = Json::object();  // keys of its config.json
  int tokens = 512;                 // budget, or cells of the canvas
  int block = 0;                    // cells that are decided together; 0: all
  int attention_block = 0;
  int steps = 0;  // in all, or …
  int steps_per_block = 0;
  SelectRule select = {};
  RemaskRule remask = {};
  ScoreKind score = ScoreKind::kProbability;
  ScoreOf score_of = ScoreOf::kModel;
  CacheKind cache = CacheKind::kNone;
  double temperature = 0;
  double top_p = 1;
  int top_k = 0;
  bool shift = false;
};

// §1: 128 cells in as many steps, one block, low confidence. iLLaDA and LLaDA-1.5 alike, LLaDA-MoE and dLLM's sampler too.
Unasked llada(const char* checkpoint, const char* family) {
  return {.checkpoint = checkpoint, .family = family, .preset = "llada", .tokens = 128, .block = 128, .steps = 128};
}

// §5 of spec 10: 64 steps, each cell at a time of its own.
Unasked diffu(const char* checkpoint, const char* family, double temperature) {
  return {.checkpoint = checkpoint,
          .family = family,
          .preset = family,
          .tokens = 256,
          .steps = 64,
          .select = {SelectKind::kAncestral},
          .temperature = temperature,
          .top_p = 0.9,
          .shift = true};
}

// §9: the model's blocks of 4, temperature 1, all above 0.9 and the best (LMDeploy's threshold); its cache is exact.
Unasked sdar(const char* checkpoint, const char* family) {
  return {.checkpoint = checkpoint,
          .family = family,
          .preset = "sdar",
          .tokens = 256,
          .block = 4,
          .attention_block = 4,
          .select = {SelectKind::kThreshold, 0.9},
          .score_of = ScoreOf::kDraws,
          .cache = CacheKind::kBlock,
          .temperature = 1};
}

std::vector<Unasked> all_unasked() {
  std::vector<Unasked> all = {
      llada("tiny-llada", "llada"),
      llada("tiny-llada-moe", "llada-moe"),
      llada("tiny-a2d-qwen2", "a2d-qwen2"),
      llada("tiny-a2d-qwen3", "a2d-qwen3"),
      diffu("tiny-diffugpt", "diffugpt", 0.95),
      diffu("tiny-diffullama", "diffullama", 0.9),
      sdar("tiny-sdar", "sdar"),
      sdar("tiny-sdar-moe", "sdar-moe"),
      // §3: the recommended call: 512 cells in 512 steps of time, entropy, temperature 0.2, top-p 0.95.
      {.checkpoint = "tiny-dream",
       .family = "dream",
       .preset = "dream",
       .tokens = 512,
       .steps = 512,
       .select = {SelectKind::kTimeStep},
       .score = ScoreKind::kEntropy,
       .score_of = ScoreOf::kDraws,
       .temperature = 0.2,
       .top_p = 0.95,
       .shift = true},
      // §3, the script's: P2, 128 steps, temperature 0.5, top-k 200.
      {.checkpoint = "tiny-open-dcoder",
       .family = "open-dcoder",
       .preset = "p2",
       .tokens = 128,
       .steps = 128,
       .remask = {RemaskKind::kPathPlanning},
       .score_of = ScoreOf::kDraws,
       .temperature = 0.5,
       .top_k = 200,
       .shift = true},
      // §8.4: sub-blocks of 8 in blocks of 32, 0.9, top-p 0.95, temperature 0; the block cache is exact.
      {.checkpoint = "tiny-fast-dllm-v2",
       .family = "fast-dllm-v2",
       .preset = "fast-dllm-v2",
       .published = {{"bd_size", 32}},
       .tokens = 256,
       .block = 8,
       .attention_block = 32,
       .select = {SelectKind::kThreshold, 0.9},
       .cache = CacheKind::kBlock,
       .top_p = 0.95,
       .shift = true},
      // §10: 256 cells in 256 steps, entropy, temperature 0.1.
      {.checkpoint = "tiny-rnd1",
       .family = "rnd1",
       .preset = "rnd1",
       .tokens = 256,
       .steps = 256,
       .score = ScoreKind::kEntropy,
       .score_of = ScoreOf::kDraws,
       .temperature = 0.1,
       .shift = true},
      // §11.1: 2048 cells in blocks of 32, 32 steps each, or all above 0.95.
      {.checkpoint = "tiny-llada2",
       .family = "llada2",
       .preset = "llada2",
       .published = {{"block_size", 32}},
       .tokens = 2048,
       .block = 32,
       .attention_block = 32,
       .steps_per_block = 32,
       .select = {SelectKind::kDynamic, 0.95},
       .cache = CacheKind::kBlock},
      // §11.3: LLaDA2.2 inserts and deletes.
      {.checkpoint = "tiny-llada22",
       .family = "llada2",
       .preset = "llada2.2",
       .published = {{"block_size", 32}},
       .tokens = 2048,
       .block = 32,
       .attention_block = 32,
       .select = {SelectKind::kThreshold, 0.5},
       .remask = {RemaskKind::kLevenshtein, 0},
       .cache = CacheKind::kBlock},
      // §12.1: canvases of 256, 48 steps, entropy bound 0.1, temperature from 0.8 (to 0.4).
      {.checkpoint = "tiny-diffusion-gemma",
       .family = "diffusion-gemma",
       .preset = "diffusion-gemma",
       .published = {{"canvas_length", 256}},
       .tokens = 8192,
       .block = 256,
       .steps_per_block = 48,
       .select = {SelectKind::kEntropyBound, 0.1},
       .remask = {RemaskKind::kRenoise},
       .score = ScoreKind::kEntropy,
       .cache = CacheKind::kBlock,
       .temperature = 1},  // of the draw, after the division
  };
  // Trained as BD3-LM: in its own blocks.
  Unasked in_blocks = llada("tiny-a2d-llama", "a2d-llama");
  in_blocks.block = in_blocks.attention_block = 32;
  in_blocks.published = {{"block_size", 32}};
  in_blocks.cache = CacheKind::kBlock;
  all.push_back(in_blocks);
  // Greedy, unless generation_config.json says otherwise.
  for (const auto& [checkpoint, family] : {std::pair("tiny-llama", "llama"),
                                           {"tiny-qwen2", "qwen2"},
                                           {"tiny-qwen3", "qwen3"},
                                           {"tiny-qwen3-moe", "qwen3moe"},
                                           {"tiny-gpt2", "gpt2"}})
    all.push_back({.checkpoint = checkpoint, .family = family, .preset = "ar"});
  return all;
}

ModelSpec published_spec(const Unasked& row) {
  ModelFiles files = open_model_files(golden_dir() / row.checkpoint);
  Json& text = files.config.contains("text_config") ? files.config["text_config"] : files.config;
  for (const char* key : {"max_position_embeddings", "max_sequence_length", "n_positions"})
    if (text.contains(key)) text[key] = 32768;
  files.config.update(row.published);
  return read_spec(files);
}

TEST(FamilyDefaults, AreTheSpecsForEveryFamily) {
  std::set<std::string> seen;
  for (const Unasked& want : all_unasked()) {
    SCOPED_TRACE(want.checkpoint);
    const ModelSpec spec = published_spec(want);
    const SamplingParams got = resolve({}, spec, 10);
    seen.insert(spec.family);
    EXPECT_EQ(spec.family, want.family);
    EXPECT_EQ(got.preset, want.preset);
    EXPECT_EQ(got.shift, want.shift);
    EXPECT_EQ(got.max_tokens, want.tokens);
    EXPECT_EQ(got.temperature, static_cast<float>(want.temperature));
    EXPECT_EQ(got.top_p, static_cast<float>(want.top_p));
    EXPECT_EQ(got.top_k, want.top_k);
    EXPECT_EQ(got.cfg_scale, 0);
    EXPECT_EQ(got.length.kind, LengthKind::kFixed);
    EXPECT_EQ(got.diffusion, spec.is_diffusion());
    if (!got.diffusion) continue;
    EXPECT_EQ(got.block_length, want.block > 0 ? want.block : want.tokens);
    EXPECT_EQ(got.attention_block, want.attention_block);
    EXPECT_EQ(got.select, want.select);
    EXPECT_EQ(got.remask, want.remask);
    EXPECT_EQ(got.score, want.score);
    EXPECT_EQ(got.score_of, want.score_of);
    EXPECT_EQ(got.cache, want.cache);
    EXPECT_EQ(got.steps_per_block, want.steps_per_block);
    if (want.steps > 0) EXPECT_EQ(got.steps, want.steps);
  }
  for (const Family& family : families()) EXPECT_TRUE(seen.contains(family.name)) << family.name;
}

// Committed with the tests: none may grow without notice.
TEST(FamilyDefaults, EveryTinyCheckpointIsSmallAndOfAFamilyThatWasCompared) {
  std::set<std::string> families_seen;
  int checkpoints = 0;
  for (const auto& entry : std::filesystem::directory_iterator(golden_dir())) {
    if (!entry.path().filename().string().starts_with("tiny-")) continue;
    uintmax_t bytes = 0;
    for (const auto& file : std::filesystem::directory_iterator(entry.path())) bytes += file.file_size();
    EXPECT_LE(bytes, 200'000u) << entry.path();
    const ModelSpec spec = read_spec(open_model_files(entry.path()));
    EXPECT_NE(family_of(spec).proof, nullptr) << spec.family;
    EXPECT_TRUE(std::filesystem::exists(golden_dir() / "parity" / (entry.path().filename().string() + ".safetensors")));
    families_seen.insert(spec.family);
    ++checkpoints;
  }
  EXPECT_EQ(families_seen.size(), families().size());
  EXPECT_GE(checkpoints, 24);
}

}  // namespace
}  // namespace pent
