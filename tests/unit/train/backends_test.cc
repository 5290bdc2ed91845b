// Same weights in, same logits out: the trainer's net and the native engine, through a model directory.
#include <gtest/gtest.h>

#include <cmath>

#include "model/synth.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"
#include "train/blas_check.h"
#include "train/torch_denoiser.h"

namespace pent::train {
namespace {

ModelSpec spec_of(bool diffusion) {
  ModelSpec spec{.family = diffusion ? "llada" : "llama",
                 .attention = diffusion ? AttentionKind::kFull : AttentionKind::kCausal,
                 .vocab_size = 131,
                 .d_model = 48,
                 .n_layers = 3,
                 .n_heads = 6,
                 .n_kv_heads = 2,
                 .head_dim = 8,
                 .ffn_dim = 88,
                 .max_positions = 64,
                 .rope_theta = 5000,
                 .tied_head = diffusion};
  spec.mask_id = diffusion ? 130 : -1;
  spec.bos_id = 1;
  spec.eos_id = spec.pad_id = 0;
  spec.stop_ids = {0};
  return spec;
}

ModelFiles write_and_open(const ModelSpec& spec, const std::filesystem::path& directory) {
  ModelFiles files = make_random_model(spec, 4);
  files.tokenizer_json = "{}";  // nobody reads it here, but a directory must have one
  write_model_directory(files, directory);
  return open_model_files(directory);
}

std::vector<int32_t> tokens_of(int n) {
  std::vector<int32_t> tokens;
  for (int i = 0; i < n; ++i) tokens.push_back((i * 37 + 5) % 130);
  return tokens;
}

PassResult logits_of(Denoiser& denoiser, const std::vector<std::vector<int32_t>>& texts) {
  PassPlan plan;
  for (const auto& tokens : texts) {
    const int32_t sequence = denoiser.open_sequence(static_cast<int32_t>(tokens.size()));
    if (denoiser.spec().attention == AttentionKind::kFull)
      plan.add_full(sequence, tokens);
    else
      plan.add_causal(sequence, tokens);
  }
  for (uint32_t row = 0; row < plan.rows.size(); ++row) plan.head_rows.push_back(row);
  PassResult result;
  denoiser.forward(plan, {.full_logits = true}, result);
  return result;
}

TEST(Backends, GiveTheSameLogitsForTheSameWeights) {
  for (const bool diffusion : {true, false}) {
    SCOPED_TRACE(diffusion ? "llada, full attention" : "llama, causal");
    const TempDir directory;
    const ModelFiles files = write_and_open(spec_of(diffusion), directory.path());
    ThreadPool pool(2);
    const auto native = load_native(files, pool, {.precise = true});
    const auto torch = load_torch(files);
    const std::vector<std::vector<int32_t>> texts = {tokens_of(1), tokens_of(33), tokens_of(64)};
    const PassResult a = logits_of(*native, texts), b = logits_of(*torch, texts);
    ASSERT_EQ(a.logits.size(), b.logits.size());
    double worst = 0, largest = 0;
    for (size_t i = 0; i < a.logits.size(); ++i) {
      worst = std::max(worst, std::abs(static_cast<double>(a.logits[i]) - b.logits[i]));
      largest = std::max(largest, std::abs(static_cast<double>(a.logits[i])));
    }
    EXPECT_LT(worst, 1e-3);
    EXPECT_GT(largest, 0.5);
    for (size_t row = 0; row < a.rows.size(); ++row) EXPECT_EQ(a.rows[row].argmax, b.rows[row].argmax) << row;
  }
}

TEST(TorchBackend, RefusesPlansOfPartsOfASequence) {
  const TempDir directory;
  const auto torch = load_torch(write_and_open(spec_of(true), directory.path()));
  const int32_t sequence = torch->open_sequence(32);
  PassResult result;
  PassPlan later, causal, foreign, longer;
  later.add_full(sequence, tokens_of(4), 3);
  EXPECT_ERROR(torch->forward(later, {}, result), kUnsupported, "whole sequences");
  causal.add_causal(sequence, tokens_of(4));
  EXPECT_ERROR(torch->forward(causal, {}, result), kUnsupported, "must see slots [0, 4)");
  foreign.add_full(sequence, std::vector<int32_t>{1, 2, 131});
  EXPECT_ERROR(torch->forward(foreign, {}, result), kInvalidArgument, "token 131");
  longer.add_full(sequence, tokens_of(33));
  EXPECT_ERROR(torch->forward(longer, {}, result), kInvalidArgument, "33 rows");
}

TEST(Blas, IsRightOnThisMachine) {
  const BlasReport report = check_blas();
  EXPECT_TRUE(report.correct) << report.text;
  EXPECT_GT(report.gflops_f32, 0);
}

}  // namespace
}  // namespace pent::train
