// Generation on the native engine with random weights: the same tokens whatever the threads and whatever else is in the pass.
#include <gtest/gtest.h>

#include "engine/generate.h"
#include "model/synth.h"
#include "support/fake_tokenizer.h"

namespace pent {
namespace {

constexpr int kVocabulary = 96;

ModelSpec small_spec(bool diffusion) {
  ModelSpec spec{.family = diffusion ? "llada" : "llama",
                 .attention = diffusion ? AttentionKind::kFull : AttentionKind::kCausal,
                 .vocab_size = kVocabulary,
                 .d_model = 64,
                 .n_layers = 2,
                 .n_heads = 4,
                 .n_kv_heads = diffusion ? 4 : 2,
                 .head_dim = 16,
                 .ffn_dim = 96,
                 .max_positions = 128};
  if (diffusion) spec.mask_id = kVocabulary - 1;
  spec.eos_id = 0;
  spec.stop_ids = {0};
  return spec;
}

Model random_model(bool diffusion, ThreadPool& pool, bool precise) {
  std::vector<std::string> tokens = {"<eos>"};
  for (int i = 1; i < kVocabulary; ++i) tokens.push_back(fmt::format(" w{}", i));
  Model model;
  model.name = "random";
  model.files = make_random_model(small_spec(diffusion), 7);
  model.tokenizer = std::make_shared<FakeTokenizer>(std::move(tokens));
  model.denoiser = load_native(model.files, pool, {.precise = precise});
  return model;
}

std::vector<std::vector<TokenId>> answers(bool diffusion, bool precise, int threads, int width,
                                          const std::string& cache = "none") {
  ThreadPool pool(threads);
  Model model = random_model(diffusion, pool, precise);
  GenerationOptions options{.max_tokens = 24, .temperature = 0.8};
  if (diffusion) {
    options.block_length = 10;
    options.steps = 14;
    options.cache = cache;
  }
  std::vector<BatchItem> items;
  for (uint32_t i = 0; i < 5; ++i)
    items.push_back({std::vector<TokenId>(3 + 4 * i, static_cast<TokenId>(5 + i)), 3, i});
  std::vector<std::vector<TokenId>> all;
  for (const Generation& each : generate_batch(model, items, options, width)) all.push_back(each.token_ids);
  return all;
}

TEST(NativeGenerate, SameTokensWithAnyThreadsAloneOrInABatch) {
  for (const bool diffusion : {true, false})
    for (const bool precise : {true, false}) {
      const auto expected = answers(diffusion, precise, 1, 1);
      size_t written = 0;
      for (const auto& tokens : expected) written += tokens.size();
      EXPECT_GT(written, 20u);
      for (const int threads : {1, 2, 3})
        for (const int width : {1, 2, 5})
          EXPECT_EQ(answers(diffusion, precise, threads, width), expected)
              << "diffusion " << diffusion << ", precise " << precise << ", threads " << threads << ", width " << width;
    }
}

TEST(NativeGenerate, CachesAreAloneAndInABatchTheSameToo) {
  for (const char* cache : {"prefix", "dual"}) {
    const auto expected = answers(true, false, 1, 1, cache);
    EXPECT_NE(expected, answers(true, false, 1, 1)) << cache << ": five answers of random weights, and none differs";
    for (const int threads : {1, 3})
      for (const int width : {2, 5})
        EXPECT_EQ(answers(true, false, threads, width, cache), expected)
            << cache << ", threads " << threads << ", width " << width;
  }
}

// A row that verifies is bit for bit the row that autoregression computes.
TEST(NativeGenerate, SpeculationWritesWhatAutoregressionWrites) {
  for (const bool precise : {true, false})
    for (const int threads : {1, 3}) {
      ThreadPool pool(threads);
      Model model = random_model(false, pool, precise);
      std::vector<BatchItem> items;
      for (uint32_t i = 0; i < 6; ++i)
        items.push_back({std::vector<TokenId>(1 + 5 * i, static_cast<TokenId>(9 + i)), 3, i});
      for (const double temperature : {0.0, 0.8}) {
        GenerationOptions options{.mode = "ar", .max_tokens = 40, .temperature = temperature};
        const std::vector<Generation> expected = generate_batch(model, items, options, 1);
        options.mode = "speculative";
        for (const int width : {1, 4})
          for (const int draft_length : {1, 4, 7}) {
            options.block_length = draft_length;
            const std::vector<Generation> drafted = generate_batch(model, items, options, width);
            for (size_t i = 0; i < items.size(); ++i) {
              EXPECT_EQ(drafted[i].token_ids, expected[i].token_ids)
                  << "answer " << i << ", drafts of " << draft_length;
              EXPECT_EQ(drafted[i].mode, Mode::kSpeculative);
              EXPECT_GT(drafted[i].draft.drafted, 0);
            }
          }
      }
    }
}

TEST(NativeGenerate, ADiffusionModelWithShiftedLogitsSpeculatesToo) {
  ThreadPool pool(2);
  ModelSpec spec = small_spec(true);
  spec.family = "dream";
  spec.n_kv_heads = 2;
  spec.qkv_bias = spec.shift = true;
  Model model = random_model(true, pool, false);
  model.files = make_random_model(spec, 7);
  model.denoiser = load_native(model.files, pool);
  ASSERT_TRUE(model.denoiser->spec().shift);
  GenerationOptions options{.mode = "ar", .max_tokens = 30, .temperature = 0.9, .seed = 4};
  const Generation expected = generate(model, {5, 6}, options);
  EXPECT_EQ(expected.mode, Mode::kAr);
  options.mode = "speculative";
  EXPECT_EQ(generate(model, {5, 6}, options).token_ids, expected.token_ids);
  options.mode = "auto";
  EXPECT_EQ(generate(model, {5, 6}, options).mode, Mode::kDiffusion);
}

// A block of one cell is decided by its first forward, which keeps nothing.
TEST(NativeGenerate, CachesRefreshedEveryStepChangeNothing) {
  ThreadPool pool(1);
  Model model = random_model(true, pool, false);
  GenerationOptions options{.max_tokens = 12, .block_length = 1, .temperature = 0.8, .seed = 5};
  const std::vector<TokenId> prompt = {5, 6, 7}, expected = generate(model, prompt, options).token_ids;
  for (const char* cache : {"prefix", "dual"}) {
    options.cache = cache;
    EXPECT_EQ(generate(model, prompt, options).token_ids, expected) << cache;
  }
}

TEST(NativeGenerate, AnUnknownTokenInThePromptIsNamed) {
  ThreadPool pool(1);
  for (const bool diffusion : {true, false}) {
    Model model = random_model(diffusion, pool, false);
    for (const TokenId token : {-1, kVocabulary}) {
      try {
        generate(model, {token}, {.max_tokens = 4});
        ADD_FAILURE() << "token " << token << " was accepted";
      } catch (const Error& problem) {
        EXPECT_NE(std::string(problem.what()).find(std::to_string(token)), std::string::npos) << problem.what();
      }
    }
    EXPECT_NO_THROW(generate(model, {1}, {.max_tokens = 4})) << "the model is usable after a refusal";
  }
}

TEST(NativeGenerate, FillingWithRandomWeightsKeepsTheText) {
  ThreadPool pool(2);
  Model model = random_model(true, pool, false);
  const Filling filling = fill(model, " w1 [[5]] w2 w3[[end:2]]", {.seed = 1});
  EXPECT_EQ(filling.holes.at(0).tokens, 5);
  EXPECT_EQ(filling.generation.text, " w1 " + filling.holes[0].text + " w2 w3" + filling.holes.at(1).text);
}

}  // namespace
}  // namespace pent
