// Tiny checkpoints in the published form of each family against transformers (tests/parity/family_goldens.py): logits in one
// pass, from kept keys and values and in ragged batches; the defaults taken from the files; block-wise decoding.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "sample/decode.h"
#include "sample/preset.h"
#include "sample/sampler.h"
#include "unit/parity/golden.h"

namespace pent {
namespace {

constexpr const char* kTinyFamilies[] = {
    "tiny-llada",     "tiny-llada-tied", "tiny-llama",       "tiny-llama3", "tiny-llama-linear", "tiny-qwen2",
    "tiny-qwen3",     "tiny-dream",      "tiny-open-dcoder", "tiny-sdar",   "tiny-fast-dllm-v2", "tiny-diffullama",
    "tiny-a2d-llama", "tiny-a2d-qwen2",  "tiny-a2d-qwen3",   "tiny-gpt2",   "tiny-diffugpt"};

std::unique_ptr<Denoiser> load_tiny(const std::string& name, ThreadPool& pool, bool precise = true) {
  return load_native(open_model_files(golden_dir() / name), pool, {.precise = precise});
}

class TinyFamily : public ::testing::TestWithParam<const char*> {
 protected:
  std::string golden_name() const { return std::string(GetParam()) + ".safetensors"; }
  ThreadPool pool_{2};
};
std::string test_name(const testing::TestParamInfo<const char*>& info) {
  std::string name = info.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}
INSTANTIATE_TEST_SUITE_P(Families, TinyFamily, testing::ValuesIn(kTinyFamilies), test_name);

// Rows as the model's attention wants them, positions [begin, end) of `tokens`; earlier ones have their keys stored.
void add_rows(const ModelSpec& spec, int32_t sequence, std::span<const int32_t> tokens, int32_t begin, int32_t end,
              PassPlan& plan) {
  const auto part = tokens.subspan(static_cast<size_t>(begin), static_cast<size_t>(end - begin));
  switch (spec.attention) {
    case AttentionKind::kCausal: plan.add_causal(sequence, part, begin); break;
    case AttentionKind::kBlockCausal: plan.add_block_causal(sequence, part, spec.block_size, begin); break;
    case AttentionKind::kFull: plan.add_window(sequence, part, begin, static_cast<int32_t>(tokens.size())); break;
  }
}

std::vector<float> logits_of(Denoiser& denoiser, PassPlan& plan) {
  for (uint32_t row = 0; row < plan.rows.size(); ++row) plan.head_rows.push_back(row);
  PassResult result;
  denoiser.forward(plan, {.full_logits = true}, result);
  return result.logits;
}

size_t arg_max(std::span<const float> row) {
  return static_cast<size_t>(std::max_element(row.begin(), row.end()) - row.begin());
}

void expect_close(std::span<const float> got, std::span<const float> want, size_t vocab) {
  ASSERT_EQ(got.size(), want.size());
  float worst = 0;
  for (size_t i = 0; i < got.size(); ++i) worst = std::max(worst, std::abs(got[i] - want[i]));
  EXPECT_LE(worst, 5e-4f);
  for (size_t i = 0; i < got.size(); i += vocab)
    EXPECT_EQ(arg_max(got.subspan(i, vocab)), arg_max(want.subspan(i, vocab))) << "row " << i / vocab;
}

TEST_P(TinyFamily, PreciseLogitsAgreeWithTransformers) {
  const auto denoiser = load_tiny(GetParam(), pool_);
  const GoldenTensors golden(golden_name());
  std::vector<float> got;
  for (const auto& text : golden.texts()) {
    const PassResult result = forward_all(*denoiser, text);
    got.insert(got.end(), result.logits.begin(), result.logits.end());
  }
  expect_close(got, golden.floats("logits"), static_cast<size_t>(denoiser->spec().vocab_size));
}

// Causal: a prefix, then row by row. Block-causal: block by block. Full: the canvas, then two windows of it again.
TEST_P(TinyFamily, LogitsFromKeptKeysAndValuesAgreeWithTransformers) {
  const auto denoiser = load_tiny(GetParam(), pool_);
  const ModelSpec& spec = denoiser->spec();
  const GoldenTensors golden(golden_name());
  std::vector<float> got;
  for (const auto& text : golden.texts()) {
    const auto n = static_cast<int32_t>(text.size());
    const int32_t sequence = denoiser->open_sequence(n);
    const int32_t piece = spec.attention == AttentionKind::kCausal        ? 1
                          : spec.attention == AttentionKind::kBlockCausal ? spec.block_size
                                                                          : (n + 1) / 2;
    PassPlan plan;
    if (spec.attention == AttentionKind::kFull) {
      add_rows(spec, sequence, text, 0, n, plan);
      logits_of(*denoiser, plan);
    }
    for (int32_t begin = 0; begin < n; begin += piece) {
      plan.clear();
      add_rows(spec, sequence, text, begin, std::min(n, begin + piece), plan);
      const auto rows = logits_of(*denoiser, plan);
      got.insert(got.end(), rows.begin(), rows.end());
    }
    denoiser->close_sequence(sequence);
  }
  expect_close(got, golden.floats("logits"), static_cast<size_t>(spec.vocab_size));
}

TEST_P(TinyFamily, ARaggedBatchGivesTheSameBitsAsEachTextAlone) {
  for (const bool precise : {true, false}) {
    const auto denoiser = load_tiny(GetParam(), pool_, precise);
    PassPlan plan;
    std::vector<float> alone;
    for (const auto& text : GoldenTensors(golden_name()).texts()) {
      const auto n = static_cast<int32_t>(text.size());
      add_rows(denoiser->spec(), denoiser->open_sequence(n), text, 0, n, plan);
      const PassResult result = forward_all(*denoiser, text);
      alone.insert(alone.end(), result.logits.begin(), result.logits.end());
    }
    EXPECT_EQ(logits_of(*denoiser, plan), alone);
  }
}

TEST_P(TinyFamily, Int8LogitsStayNearTheReference) {
  const auto denoiser = load_tiny(GetParam(), pool_, /*precise=*/false);
  const GoldenTensors golden(golden_name());
  const std::vector<float> want = golden.floats("logits");
  double off = 0, spread = 0;
  size_t at = 0;
  for (const auto& text : golden.texts()) {
    for (const float z : forward_all(*denoiser, text).logits) {
      off += (z - want[at]) * (z - want[at]);
      spread += want[at] * want[at];
      ++at;
    }
  }
  EXPECT_LE(std::sqrt(off / spread), 0.1);
}

struct Defaults {
  const char* model;
  const char* family;
  AttentionKind attention;
  int block_size;
  bool shift;
  int32_t mask_id;
  const char* preset;
};

TEST(TinyFamilies, DefaultsComeFromTheCheckpoint) {
  constexpr auto kFull = AttentionKind::kFull, kCausal = AttentionKind::kCausal, kBlocks = AttentionKind::kBlockCausal;
  constexpr Defaults kExpected[] = {{"tiny-llama3", "llama", kCausal, 0, false, -1, "ar"},
                                    {"tiny-llama-linear", "llama", kCausal, 0, false, -1, "ar"},
                                    {"tiny-qwen2", "qwen2", kCausal, 0, false, -1, "ar"},
                                    {"tiny-qwen3", "qwen3", kCausal, 0, false, -1, "ar"},
                                    {"tiny-dream", "dream", kFull, 0, true, 284, "dream"},
                                    {"tiny-open-dcoder", "open-dcoder", kFull, 0, true, 284, "p2"},
                                    {"tiny-sdar", "sdar", kBlocks, 4, false, 284, "sdar"},
                                    {"tiny-fast-dllm-v2", "fast-dllm-v2", kBlocks, 16, true, 284, "fast-dllm-v2"},
                                    {"tiny-diffullama", "diffullama", kFull, 0, true, 284, "diffullama"},
                                    {"tiny-a2d-llama", "a2d-llama", kBlocks, 8, false, 284, "llada"},
                                    {"tiny-a2d-qwen2", "a2d-qwen2", kFull, 0, false, 284, "llada"},
                                    {"tiny-a2d-qwen3", "a2d-qwen3", kFull, 0, false, 284, "llada"},
                                    {"tiny-gpt2", "gpt2", kCausal, 0, false, -1, "ar"},
                                    {"tiny-diffugpt", "diffugpt", kFull, 0, true, 284, "diffugpt"}};
  for (const Defaults& expected : kExpected) {
    const ModelSpec spec = read_spec(open_model_files(golden_dir() / expected.model));
    EXPECT_EQ(spec.family, expected.family);
    EXPECT_EQ(spec.attention, expected.attention) << expected.model;
    EXPECT_EQ(spec.block_size, expected.block_size) << expected.model;
    EXPECT_EQ(spec.shift, expected.shift) << expected.model;
    EXPECT_EQ(spec.mask_id, expected.mask_id) << expected.model;
    EXPECT_EQ(spec.default_preset, expected.preset);
    EXPECT_EQ(spec.eos_id, 283) << expected.model;
    EXPECT_NO_THROW(resolve({}, spec)) << expected.model;
  }
}

TEST(TinyFamilies, BlockPresetsHaveTheirPapersDefaults) {
  const SamplingParams sdar = resolve({.max_tokens = 64}, read_spec(open_model_files(golden_dir() / "tiny-sdar")));
  EXPECT_EQ(sdar.preset, "sdar");
  EXPECT_EQ(sdar.block_length, 4);
  EXPECT_EQ(sdar.attention_block, 4);
  EXPECT_EQ(sdar.threshold, 0.9);
  EXPECT_EQ(sdar.temperature, 1);
  EXPECT_EQ(sdar.cache, CacheKind::kBlock);
  EXPECT_FALSE(sdar.shift);
  const ModelSpec v2_spec = read_spec(open_model_files(golden_dir() / "tiny-fast-dllm-v2"));
  const SamplingParams v2 = resolve({.max_tokens = 64}, v2_spec);
  EXPECT_EQ(v2.preset, "fast-dllm-v2");
  EXPECT_EQ(v2.block_length, 8);
  EXPECT_EQ(v2.attention_block, 16);
  EXPECT_EQ(v2.threshold, 0.9);
  EXPECT_EQ(v2.temperature, 0);
  EXPECT_EQ(v2.cache, CacheKind::kBlock);
  EXPECT_TRUE(v2.shift);
  EXPECT_THROW(resolve({.max_tokens = 64, .block_length = 5}, v2_spec), Error);
  EXPECT_THROW(resolve({.max_tokens = 64, .cache = "dual"}, v2_spec), Error);
}

// spec 10 §5
TEST(TinyFamilies, DiffuGptAndDiffuLlamaDecodeAsTheirScriptSays) {
  for (const auto& [name, temperature] : {std::pair("tiny-diffugpt", 0.95f), {"tiny-diffullama", 0.9f}}) {
    const SamplingParams params = resolve({}, read_spec(open_model_files(golden_dir() / name)));
    EXPECT_EQ(params.select.kind, SelectKind::kAncestral);
    EXPECT_EQ(params.steps, 64);
    EXPECT_EQ(params.temperature, temperature);
    EXPECT_EQ(params.top_p, 0.9f);
    EXPECT_EQ(params.cache, CacheKind::kNone);
    EXPECT_TRUE(params.shift);
  }
}

struct Decoded {
  std::vector<int32_t> tokens;
  int nfe;
};

Decoded decode_case(Denoiser& denoiser, const std::vector<int32_t>& prompt, const GenerationOptions& options) {
  const ModelSpec& spec = denoiser.spec();
  const SamplingParams params = resolve(options, spec, static_cast<int>(prompt.size()));
  Canvas canvas(spec.mask_id);
  canvas.append_fixed(prompt);
  canvas.append_masked(params.max_tokens);
  std::vector<std::unique_ptr<Sampler>> samplers;
  samplers.push_back(make_diffusion_sampler(canvas, params, {}));
  const auto outcomes = decode(denoiser, samplers, params, {.banned = {spec.mask_id}});
  return {samplers[0]->completion(), outcomes[0].nfe};
}

GenerationOptions options_of(const Json& item, const std::string& cache) {
  GenerationOptions options;
  options.max_tokens = item["length"].get<int>();
  options.threshold = item["threshold"].get<double>();
  options.temperature = 0;
  options.top_p = 1;
  options.cache = cache;
  return options;
}

TEST(TinyFamilies, BlockwiseDecodingGivesTheIdsAndForwardsOfThePapersLoops) {
  ThreadPool pool(2);
  for (const std::string name : {"tiny-sdar", "tiny-fast-dllm-v2"}) {
    const auto denoiser = load_tiny(name, pool);
    for (const Json& item : golden_json(name + "-decoding.json")) {
      for (const char* cache : {"none", "block"}) {
        const Decoded got = decode_case(*denoiser, item["prompt"].get<std::vector<int32_t>>(), options_of(item, cache));
        EXPECT_EQ(got.tokens, item["tokens"].get<std::vector<int32_t>>()) << name << " cache " << cache;
        EXPECT_EQ(got.nfe, item["nfe"].get<int>()) << name << " cache " << cache;
      }
    }
  }
}

// Finished blocks are kept: what LLaDA2's own generate() computes again in every step.
TEST(TinyFamilies, Llada2sBlockCacheIsExact) {
  ThreadPool pool(2);
  for (const char* model : {"tiny-llada2", "tiny-llada22"}) {  // the latter's experts are chosen by block
    const auto denoiser = load_tiny(model, pool);
    for (const char* preset : {"llada2", "llada2.1"}) {
      GenerationOptions kept{.preset = preset, .max_tokens = 40}, anew = kept;
      anew.cache = "none";
      EXPECT_EQ(resolve(kept, denoiser->spec()).cache, CacheKind::kBlock);
      const Decoded got = decode_case(*denoiser, {5, 6, 7}, kept), expected = decode_case(*denoiser, {5, 6, 7}, anew);
      EXPECT_EQ(got.tokens, expected.tokens) << model << ", " << preset;
      EXPECT_EQ(got.nfe, expected.nfe) << model << ", " << preset;
    }
  }
}

// Tiny-A2D trained as BD3-LM is seen block by block: finished ones are kept unasked.
TEST(TinyFamilies, BlockCausalTinyA2dsBlockCacheIsExact) {
  ThreadPool pool(2);
  const auto denoiser = load_tiny("tiny-a2d-llama", pool);
  EXPECT_EQ(resolve({}, denoiser->spec()).preset, "llada");
  EXPECT_EQ(resolve({}, denoiser->spec()).cache, CacheKind::kBlock);
  for (const int length : {8, 29, 64}) {
    const std::vector<int32_t> prompt = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5};
    const Decoded kept = decode_case(*denoiser, prompt, {.max_tokens = length}),
                  anew = decode_case(*denoiser, prompt, {.max_tokens = length, .cache = "none"});
    EXPECT_EQ(kept.tokens, anew.tokens) << length;
    EXPECT_EQ(kept.nfe, anew.nfe) << length;
  }
}

// With a sub-block as long as the block nothing outside it is kept that could change.
TEST(TinyFamilies, ASubBlockCacheOfWholeBlocksIsExact) {
  ThreadPool pool(2);
  const auto denoiser = load_tiny("tiny-fast-dllm-v2", pool);
  for (const Json& item : golden_json("tiny-fast-dllm-v2-decoding.json")) {
    const auto prompt = item["prompt"].get<std::vector<int32_t>>();
    GenerationOptions whole = options_of(item, "sub-block"), exact = options_of(item, "block");
    whole.block_length = exact.block_length = 16;
    EXPECT_EQ(decode_case(*denoiser, prompt, whole).tokens, decode_case(*denoiser, prompt, exact).tokens);
  }
}

// The approximate caches keep other rows; whichever they leave out, the row that decides a cell is computed.
TEST(TinyFamilies, ShiftedModelsDecodeUnderEveryCache) {
  ThreadPool pool(2);
  const auto dream = load_tiny("tiny-dream", pool), v2 = load_tiny("tiny-fast-dllm-v2", pool);
  const auto run = [](Denoiser& denoiser, const char* cache, int block_length) {
    GenerationOptions options{.max_tokens = 40, .block_length = block_length, .temperature = 0, .cache = cache};
    const Decoded got = decode_case(denoiser, {5, 6, 7}, options);
    EXPECT_EQ(got.tokens.size(), 40u) << cache;
    EXPECT_EQ(std::count(got.tokens.begin(), got.tokens.end(), denoiser.spec().mask_id), 0) << cache;
    return got.tokens;
  };
  for (const char* cache : {"none", "prefix", "dual", "delayed"}) run(*dream, cache, 8);
  for (const char* cache : {"none", "block", "sub-block"}) run(*v2, cache, 8);
  // One cell per block: every forward is a block's first, which computes all.
  EXPECT_EQ(run(*dream, "dual", 1), run(*dream, "none", 1));
}

TEST(TinyFamilies, AdaptedModelsDecodeByTheirOwnPresets) {
  ThreadPool pool(2);
  for (const char* name : {"tiny-diffugpt", "tiny-diffullama", "tiny-a2d-llama", "tiny-a2d-qwen2", "tiny-a2d-qwen3"}) {
    const auto denoiser = load_tiny(name, pool, /*precise=*/false);
    const Decoded got = decode_case(*denoiser, {5, 6, 7}, {.max_tokens = 24});
    EXPECT_EQ(got.tokens.size(), 24u) << name;
    EXPECT_EQ(std::count(got.tokens.begin(), got.tokens.end(), denoiser->spec().mask_id), 0) << name;
    EXPECT_LE(got.nfe, 24) << name;
  }
}

// Keys and values of learned positions do not move: there is no vector for the cell behind the last.
TEST(TinyFamilies, AContextOfLearnedPositionsEndsThere) {
  ThreadPool pool(1);
  const auto gpt2 = load_tiny("tiny-gpt2", pool);
  ASSERT_EQ(gpt2->spec().max_positions, 128);
  PassPlan plan;
  plan.add_causal(gpt2->open_sequence(130), std::vector<int32_t>(129, 5));
  PassResult result;
  try {
    gpt2->forward(plan, {}, result);
    ADD_FAILURE() << "accepted";
  } catch (const Error& failure) {
    EXPECT_NE(std::string(failure.what()).find("position 128 is outside the context of 128"), std::string::npos)
        << failure.what();
  }
  EXPECT_THROW(resolve({.max_tokens = 29}, gpt2->spec(), 100), Error);
  EXPECT_EQ(resolve({}, gpt2->spec(), 100).max_tokens, 28);
}

TEST(TinyFamilies, AShiftedModelCannotWriteTheFirstToken) {
  ThreadPool pool(1);
  const auto dream = load_tiny("tiny-dream", pool);
  EXPECT_THROW(decode_case(*dream, {}, {.max_tokens = 8}), Error);
}

}  // namespace
}  // namespace pent
