#include "model/synth.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/mapped_file.h"
#include "model/denoiser.h"
#include "model/shapes.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace pent {
namespace {

RandomGguf small_model(DType type) {
  RandomGguf model;
  model.spec = {.family = "llada",
                .vocab_size = 96,
                .d_model = 64,
                .n_layers = 2,
                .n_heads = 4,
                .n_kv_heads = 2,
                .head_dim = 16,
                .ffn_dim = 96,
                .max_positions = 128,
                .rope_theta = 5e5,
                .mask_id = 95,
                .eos_id = 94};
  model.type = type;
  model.seed = 3;
  model.name = "small";
  for (int i = 0; i < 96; ++i) model.vocabulary.push_back(fmt::format("t{}", i));
  model.control = 2;
  return model;
}

double deviation(const TensorView& tensor) {
  std::vector<float> values(static_cast<size_t>(tensor.elements()));
  dequantize_rows(tensor, 0, tensor.rows(), values.data());
  double sum = 0, squares = 0;
  for (const float x : values) sum += x, squares += double{x} * x;
  const double mean = sum / static_cast<double>(values.size());
  EXPECT_LT(std::fabs(mean), 0.1 * std::sqrt(squares / static_cast<double>(values.size())));
  return std::sqrt(squares / static_cast<double>(values.size()) - mean * mean);
}

class EveryType : public testing::TestWithParam<DType> {};
INSTANTIATE_TEST_SUITE_P(Synth, EveryType,
                         testing::Values(DType::kF32, DType::kF16, DType::kBF16, DType::kQ8_0, DType::kQ4_0,
                                         DType::kQ4_1),
                         [](const auto& info) { return dtype_info(info.param).name; });

TEST_P(EveryType, TheFileIsAModelOfThatShape) {
  const TempDir dir;
  const auto path = dir / "small.gguf";
  ThreadPool pool(2);
  const RandomGguf model = small_model(GetParam());
  write_random_gguf(model, path, pool);
  const ModelFiles files = open_model_files(path);
  const ModelSpec spec = read_spec(files);
  EXPECT_EQ(spec.family, "llada");
  EXPECT_EQ(spec.parameters(), model.spec.parameters());
  EXPECT_EQ(spec.n_kv_heads, 2);
  EXPECT_EQ(spec.rope_theta, 5e5);
  EXPECT_EQ(spec.mask_id, 95);
  EXPECT_EQ(spec.stop_ids, std::vector<int32_t>{94});
  EXPECT_EQ(files.weights->find("blk.1.ffn_down.weight")->dtype, GetParam());
  EXPECT_EQ(files.weights->find("output.weight")->dtype, is_four_bit(GetParam()) ? DType::kQ8_0 : GetParam());
  EXPECT_NEAR(deviation(*files.weights->find("blk.0.attn_q.weight")), 1 / 8.0, 0.1 / 8);
  EXPECT_NEAR(deviation(*files.weights->find("blk.1.ffn_down.weight")), 1 / std::sqrt(96.0), 0.1 / std::sqrt(96.0));

  const auto denoiser = load_native(files, pool);
  const int32_t sequence = denoiser->open_sequence(4);
  PassPlan plan;
  plan.add_full(sequence, std::vector<int32_t>{1, 2, 95, 3});
  plan.head_rows = {0, 3};
  PassResult result;
  denoiser->forward(plan, {.full_logits = true}, result);
  EXPECT_EQ(result.logits.size(), 2u * 96);
}

TEST(Synth, ThreadsDoNotChangeTheFile) {
  const TempDir dir;
  ThreadPool one(1), three(3);
  write_random_gguf(small_model(DType::kQ4_1), dir / "one.gguf", one);
  write_random_gguf(small_model(DType::kQ4_1), dir / "three.gguf", three);
  EXPECT_EQ(read_file(dir / "one.gguf"), read_file(dir / "three.gguf"));
}

TEST(Synth, AWidthThatBlocksDoNotDivideIsRefused) {
  const TempDir dir;
  ThreadPool pool(1);
  RandomGguf model = small_model(DType::kQ4_0);
  model.spec.ffn_dim = 100;
  EXPECT_ERROR((write_random_gguf(model, dir / "w.gguf", pool)), kInvalidArgument, "blk.0.ffn_down.weight");
}

TEST(PublishedShapes, HaveTheSizesTheirNamesSay) {
  const auto billions = [](const char* name) {
    return static_cast<double>(find_published_shape(name).spec.parameters()) / 1e9;
  };
  EXPECT_NEAR(billions("smollm2-135m"), 0.1345, 1e-4);
  EXPECT_NEAR(billions("qwen2.5-0.5b"), 0.494, 1e-3);
  EXPECT_NEAR(billions("llama-3-8b"), 8.03, 0.01);
  EXPECT_NEAR(billions("llada-8b"), 8.02, 0.01);
  EXPECT_ERROR((find_published_shape("gpt-5")), kInvalidArgument, "no shape 'gpt-5'; there are smollm2-135m");
}

}  // namespace
}  // namespace pent
