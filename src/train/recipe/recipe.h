// A recipe: one TOML file that says everything a training run depends on. Parsing knows nothing of LibTorch.
// Every key, its type and its default: docs/training.md; the struct below in the same order.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace pent::train {

struct SourceRecipe {
  std::string path;                // relative to data_dir; .jsonl: lines {prompt, text, finish}; else plain text
  std::string window = "example";  // "example": one per window; "packed": documents run on, cut where a window is full
  double weight = 1;               // passes over this source per epoch
  double drop_prompt = 0;          // share of examples shown without their prompt
};

struct Recipe {
  std::string name;
  uint64_t seed = 1;
  std::string data_dir = ".";
  std::string data;            // one file that stands in for all sources; its tail is held out for validation
  std::string out;             // run directory; default runs/NAME, with `data` runs/ and the file's stem
  std::string size = "given";  // "auto": what the recipe leaves out of the sizes is chosen from the amount of text
  int threads = 0;             // 0: all this process may use

  struct {
    std::string file;  // an existing tokenizer.json; empty: train one on the sources
    int vocab_size = 4096;
  } tokenizer;

  struct {
    int d_model = 256, n_layers = 6, n_heads = 4, n_kv_heads = 4, ffn_dim = 704, context = 384;
    double rope_theta = 10000;
    bool tied_head = true;
    std::string init;              // a model directory to start from, weights and tokenizer; empty: random weights
    std::string compute = "bf16";  // "bf16" or "f32"
  } model;

  struct {
    std::string kind = "masked-diffusion";  // or "next-token"
    double epsilon = 1e-3;                  // p = (1 - epsilon) t + epsilon
    // Diffusion: shares of windows noised as block-by-block decoding and as infilling meet them.
    double block_windows = 0, infill_windows = 0;
    double token_mask = 0;    // next-token: share of inputs hidden behind the mask token
    bool pad_in_loss = true;  // end-of-text padding of random length inside the loss
  } objective;

  struct {
    std::string kind = "adamw";  // or "muon"
    double lr = 1.5e-3, beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8, weight_decay = 0.1, clip = 1;
    double momentum = 0.95;  // of Muon
    double ema = 0;          // 0: off; else the decay per step, and what is exported
    double residual_dropout = 0, mlp_dropout = 0;
  } optimizer;

  struct {
    std::string kind = "wsd";  // or "cosine"
    int64_t steps = 1000, warmup = 100;
    double decay = 0.2;      // wsd: the share of the steps that goes down, linearly
    double final_lr = 0.02;  // share of lr at the end
    double max_minutes = 0;  // 0: none; else the decay begins in time to end within it (not reproducible)
  } schedule;

  struct {
    int sequences = 32, micro = 8;  // per step; at once in memory
  } batch;

  struct {
    int64_t every = 200;     // steps; 0: never
    int draws = 2;           // masks per validation sequence
    int sequences = 128;     // at most so many
    bool keep_best = false;  // export the weights of the best validation instead of the last
    std::vector<SourceRecipe> sources;
  } validation;

  struct {
    int64_t every = 200;
    int keep = 2;
  } checkpoint;

  struct {
    std::string prompt;  // what the run ends with a sample of
    int block_length = 32, steps = 128, max_tokens = 256;
    double temperature = 0.7;
    double repetition_penalty = 1;
    std::string remasking =
        "low_confidence";        // which cells are decided first; or "random" (LLaDA), "entropy", "margin"
    std::string cache = "none";  // or "prefix", "dual" (sample/cache.h)
  } generation;

  std::vector<SourceRecipe> sources;
};

// Fills in the sizes that a recipe with size = "auto" leaves open (0): vocabulary, net, context, steps, answer.
void choose_sizes(Recipe& recipe, int64_t bytes_of_text);

// What no single key can say: widths that divide, a source that has a path. Throws kInvalidArgument beginning with
// `where`.
void check_recipe(const Recipe& recipe, const std::string& where);

// `overrides` are "key=value" with dotted keys. Throws kInvalidArgument naming file, line and key.
Recipe parse_recipe(std::string_view toml, const std::string& where, const std::vector<std::string>& overrides = {});
Recipe load_recipe(const std::filesystem::path& path, const std::vector<std::string>& overrides = {});

}  // namespace pent::train
