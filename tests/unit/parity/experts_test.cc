// Tiny random checkpoints with mixtures of experts in the published naming: logits against transformers and against nets in plain
// torch (tests/parity/experts_goldens.py), at once, from kept keys, and side by side; and what is taken from the checkpoint unasked.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "sample/preset.h"
#include "unit/parity/golden.h"

namespace pent {
namespace {

constexpr double kTolerance = 2e-4;

void add_by_kind(const ModelSpec& spec, PassPlan& plan, int32_t sequence, std::span<const int32_t> tokens,
                 int32_t first) {
  switch (spec.attention) {
    case AttentionKind::kFull: plan.add_full(sequence, tokens, first); break;
    case AttentionKind::kCausal: plan.add_causal(sequence, tokens, first); break;
    case AttentionKind::kBlockCausal: plan.add_block_causal(sequence, tokens, spec.block_size, first); break;
  }
}

class TinyExperts : public ::testing::TestWithParam<const char*> {
 protected:
  std::unique_ptr<Denoiser> load(bool precise) {
    return load_native(open_model_files(golden_dir() / GetParam()), pool_, {.precise = precise});
  }

  // All rows of the plan.
  static PassResult forward(Denoiser& denoiser, PassPlan& plan) {
    plan.head_rows.clear();
    for (uint32_t row = 0; row < plan.rows.size(); ++row) plan.head_rows.push_back(row);
    HeadRequest request;
    request.full_logits = true;
    PassResult result;
    denoiser.forward(plan, request, result);
    return result;
  }

  // Rows [first, …) of the golden against the result's.
  void expect_golden(const PassResult& result, size_t first) const {
    const std::vector<float> want = golden_.floats("logits");
    const size_t vocab = result.logits.size() / result.rows.size();
    double worst = 0;
    for (size_t row = 0; row < result.rows.size(); ++row) {
      const float* expected = want.data() + (first + row) * vocab;
      for (size_t v = 0; v < vocab; ++v)
        worst = std::max(worst, std::abs(double{result.logits[row * vocab + v]} - expected[v]));
      EXPECT_EQ(result.rows[row].argmax, std::max_element(expected, expected + vocab) - expected)
          << "row " << first + row;
    }
    EXPECT_LE(worst, kTolerance);
  }

  ThreadPool pool_{2};
  GoldenTensors golden_{std::string(GetParam()) + ".safetensors"};
};
INSTANTIATE_TEST_SUITE_P(Checkpoints, TinyExperts,
                         ::testing::Values("tiny-qwen3-moe", "tiny-rnd1", "tiny-sdar-moe", "tiny-llada-moe",
                                           "tiny-llada2", "tiny-llada22"));

TEST_P(TinyExperts, PreciseLogitsAgreeWithTheReferenceAloneAndSideBySide) {
  const auto denoiser = load(/*precise=*/true);
  PassPlan together;
  size_t first = 0;
  for (const std::vector<int32_t>& text : golden_.texts()) {  // of lengths 1, 2, 9 and 20
    const int32_t sequence = denoiser->open_sequence(32);
    PassPlan plan;
    add_by_kind(denoiser->spec(), plan, sequence, text, 0);
    expect_golden(forward(*denoiser, plan), first);
    add_by_kind(denoiser->spec(), together, denoiser->open_sequence(32), text, 0);
    first += text.size();
  }
  EXPECT_EQ(first, 32u);
  expect_golden(forward(*denoiser, together), 0);
}

TEST_P(TinyExperts, CachedLogitsAgreeWithTheReference) {
  const auto denoiser = load(/*precise=*/true);
  const std::vector<int32_t> text = golden_.texts().back();
  const int32_t sequence = denoiser->open_sequence(32);
  PassPlan plan;
  if (denoiser->spec().attention == AttentionKind::kFull) {
    // The canvas once, then parts of it over the keys and values that are kept.
    plan.add_full(sequence, text, 0);
    forward(*denoiser, plan);
    for (const auto& [begin, count] : {std::pair(0, 5), {5, 8}, {13, 7}}) {
      plan.clear();
      plan.add_window(sequence, std::span(text).subspan(static_cast<size_t>(begin), static_cast<size_t>(count)), begin,
                      20);
      expect_golden(forward(*denoiser, plan), 12 + static_cast<size_t>(begin));
    }
    return;
  }
  for (const auto& [begin, count] : {std::pair(0, 8), {8, 8}, {16, 4}}) {
    plan.clear();
    add_by_kind(denoiser->spec(), plan, sequence,
                std::span(text).subspan(static_cast<size_t>(begin), static_cast<size_t>(count)), begin);
    expect_golden(forward(*denoiser, plan), 12 + static_cast<size_t>(begin));
  }
}

TEST_P(TinyExperts, Int8LogitsStayNearTheReference) {
  const auto denoiser = load(/*precise=*/false);
  const std::vector<float> want = golden_.floats("logits");
  double off = 0, spread = 0;
  size_t at = 0;
  for (const std::vector<int32_t>& text : golden_.texts()) {
    PassPlan plan;
    add_by_kind(denoiser->spec(), plan, denoiser->open_sequence(32), text, 0);
    for (const float z : forward(*denoiser, plan).logits) {
      off += (z - want[at]) * (z - want[at]);
      spread += want[at] * want[at];
      ++at;
    }
  }
  EXPECT_EQ(at, want.size());
  EXPECT_LE(std::sqrt(off / spread), 0.2);  // a row near a tie may go to another expert
}

ModelSpec spec_of(const char* name) { return read_spec(open_model_files(golden_dir() / name)); }

TEST(ExpertDefaults, ComeFromTheCheckpoint) {
  const ModelSpec rnd1 = spec_of("tiny-rnd1"), sdar = spec_of("tiny-sdar-moe"), moe = spec_of("tiny-llada-moe"),
                  llada2 = spec_of("tiny-llada2"), llada22 = spec_of("tiny-llada22"), qwen = spec_of("tiny-qwen3-moe");
  EXPECT_EQ(qwen.attention, AttentionKind::kCausal);
  EXPECT_FALSE(qwen.is_diffusion());
  EXPECT_EQ(qwen.default_preset, "ar");
  EXPECT_EQ(qwen.moe.dense_layers, std::vector<int>{1});
  EXPECT_FALSE(qwen.moe.normalize);

  EXPECT_EQ(rnd1.attention, AttentionKind::kFull);
  EXPECT_TRUE(rnd1.shift);
  EXPECT_TRUE(rnd1.moe.normalize);

  EXPECT_EQ(sdar.attention, AttentionKind::kBlockCausal);
  EXPECT_EQ(sdar.block_size, 4);
  EXPECT_FALSE(sdar.shift);
  EXPECT_EQ(sdar.stop_ids.size(), 2u);

  EXPECT_EQ(moe.attention, AttentionKind::kFull);
  EXPECT_FALSE(moe.moe.normalize);
  EXPECT_EQ(moe.moe.dense_layers, std::vector<int>{0});

  EXPECT_EQ(llada2.attention, AttentionKind::kBlockCausal);
  EXPECT_EQ(llada2.block_size, 8);
  EXPECT_EQ(llada2.rope_dim, 4);
  EXPECT_EQ(llada2.moe.n_groups, 4);
  EXPECT_EQ(llada2.moe.block_pool, 0);
  EXPECT_EQ(llada22.moe.n_groups, 1);
  EXPECT_EQ(llada22.moe.block_pool, 4);
  EXPECT_EQ(rnd1.default_preset, "rnd1");
  EXPECT_EQ(sdar.default_preset, "sdar");
  EXPECT_EQ(moe.default_preset, "llada");
  EXPECT_EQ(llada2.default_preset, "llada2");
  EXPECT_EQ(llada22.default_preset, "llada2.2");
  const SamplingParams edits = resolve({.max_tokens = 64}, llada22);
  EXPECT_EQ(edits.remask, (RemaskRule{RemaskKind::kLevenshtein, 0}));
  EXPECT_EQ(edits.threshold, 0.5);
  EXPECT_EQ(edits.cache, CacheKind::kBlock);
  EXPECT_EQ(edits.editing.delete_id, 280);
  EXPECT_EQ(edits.editing.insert_id, 281);
  for (const ModelSpec& spec : {rnd1, sdar, moe, llada2, llada22}) {
    EXPECT_EQ(spec.mask_id, 284) << spec.family;
    EXPECT_EQ(spec.eos_id, 283) << spec.family;
    EXPECT_NE(find_preset(spec.default_preset), nullptr) << spec.family;
    EXPECT_NO_THROW(resolve({}, spec)) << spec.family;
  }
}

ModelSpec spec_of_config(const char* text) {
  ModelFiles files;
  files.where = "model";
  files.config = parse_json(text, "config.json");
  return read_spec(files);
}

// What the published files leave out is in the families.
TEST(ExpertDefaults, OfPublishedSizesNeedNoMaskInTheConfig) {
  const ModelSpec mini = spec_of_config(R"({"architectures": ["LLaDA2MoeModelLM"], "model_type": "llada2_moe",
    "hidden_size": 2048, "num_hidden_layers": 20, "num_attention_heads": 16, "num_key_value_heads": 4, "head_dim": 128,
    "intermediate_size": 5120, "moe_intermediate_size": 512, "num_experts": 256, "num_experts_per_tok": 8,
    "num_shared_experts": 1, "n_group": 8, "topk_group": 4, "routed_scaling_factor": 2.5, "first_k_dense_replace": 1,
    "partial_rotary_factor": 0.5, "rope_theta": 600000, "max_position_embeddings": 32768, "rms_norm_eps": 1e-06,
    "vocab_size": 157184, "pad_token_id": 156892, "eos_token_id": 156892, "use_qk_norm": true, "use_qkv_bias": false,
    "use_bias": false, "tie_word_embeddings": false, "norm_head": false, "score_function": "sigmoid",
    "router_dtype": "fp32", "norm_topk_prob": true, "moe_router_enable_expert_bias": true, "hidden_act": "silu"})");
  EXPECT_EQ(mini.mask_id, 156895);
  EXPECT_EQ(mini.block_size, 32);
  EXPECT_EQ(mini.stop_ids, (std::vector<int32_t>{156892, 156900}));
  EXPECT_EQ(mini.rope_dim, 64);
  EXPECT_EQ(mini.moe.shared_dim, 512);
  EXPECT_NEAR(static_cast<double>(mini.parameters()), 16.3e9, 0.1e9);
  EXPECT_NEAR(static_cast<double>(mini.active_parameters()), 1.44e9, 0.01e9);

  const char* qwen = R"({"architectures": ["%s"], "hidden_size": 2048, "num_hidden_layers": 48,
    "num_attention_heads": 32, "num_key_value_heads": 4, "head_dim": 128, "intermediate_size": 6144,
    "moe_intermediate_size": 768, "num_experts": 128, "num_experts_per_tok": 8, "norm_topk_prob": true,
    "decoder_sparse_step": 1, "mlp_only_layers": [], "rope_theta": 1000000, "rms_norm_eps": 1e-06,
    "max_position_embeddings": 40960, "vocab_size": 151936, "eos_token_id": 151645, "tie_word_embeddings": false})";
  const auto as = [&](const std::string& architecture) {
    std::string text = qwen;
    return spec_of_config(text.replace(text.find("%s"), 2, architecture).c_str());
  };
  EXPECT_EQ(as("RND1LM").mask_id, 151669);
  EXPECT_TRUE(as("RND1").shift);
  EXPECT_EQ(as("SDARMoeForCausalLM").mask_id, 151669);
  EXPECT_EQ(as("SDARMoeForCausalLM").block_size, 4);
  EXPECT_NEAR(static_cast<double>(as("Qwen3MoeForCausalLM").parameters()), 30.5e9, 0.1e9);
  EXPECT_NEAR(static_cast<double>(as("Qwen3MoeForCausalLM").active_parameters()), 3.35e9, 0.05e9);
}

}  // namespace
}  // namespace pent
