// Tiny checkpoints in the published form of each family, written as GGUF and read again: the same model. (What llama.cpp makes of
// the same files is compared by script/parity llama.cpp.)
#include "engine/convert.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "engine/model.h"
#include "model/families/family.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"
#include "unit/parity/golden.h"

namespace pent {
namespace {

constexpr const char* kWithGguf[] = {"tiny-llada",        "tiny-llada-tied", "tiny-llama",  "tiny-llama3",
                                     "tiny-llama-linear", "tiny-qwen2",      "tiny-qwen3",  "tiny-dream",
                                     "tiny-llada-moe",    "tiny-rnd1",       "tiny-llada2", "tiny-gpt2"};

std::string test_name(const testing::TestParamInfo<const char*>& info) {
  std::string name = info.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

class Converted : public ::testing::TestWithParam<const char*> {
 protected:
  std::string name() const { return GetParam(); }
  std::filesystem::path original() const { return golden_dir() / GetParam(); }
  ConvertReport convert(const std::filesystem::path& from, const std::filesystem::path& to, const char* type = "") {
    return convert_model(open_model_files(from), to, {.type = type, .cancel = nullptr, .progress = {}}, pool_);
  }
  std::vector<float> logits(const std::filesystem::path& model) {
    const auto denoiser = load_native(open_model_files(model), pool_, {.precise = true});
    std::vector<float> all;
    for (const auto& text : GoldenTensors(name() + ".safetensors").texts()) {
      const std::vector<float> rows = forward_all(*denoiser, text).logits;
      all.insert(all.end(), rows.begin(), rows.end());
    }
    return all;
  }

  TempDir dir_;
  ThreadPool pool_{2};
};
INSTANTIATE_TEST_SUITE_P(Families, Converted, testing::ValuesIn(kWithGguf), test_name);

void expect_same_model(const ModelSpec& got, const ModelSpec& want) {
  EXPECT_EQ(got.family, want.family);
  EXPECT_EQ(got.attention, want.attention);
  EXPECT_EQ(got.block_size, want.block_size);
  EXPECT_EQ(got.max_positions, want.max_positions);
  EXPECT_EQ(got.shift, want.shift);
  EXPECT_EQ(got.mask_id, want.mask_id);
  EXPECT_EQ(got.eos_id, want.eos_id);
  EXPECT_EQ(got.stop_ids, want.stop_ids);
  EXPECT_EQ(got.default_preset, want.default_preset);
  EXPECT_EQ(got.rms_eps, want.rms_eps);
  EXPECT_EQ(got.tied_head, want.tied_head);
  EXPECT_EQ(got.moe, want.moe);
}

float worst(const std::vector<float>& got, const std::vector<float>& want) {
  EXPECT_EQ(got.size(), want.size());
  float most = 0;
  for (size_t i = 0; i < std::min(got.size(), want.size()); ++i) most = std::max(most, std::abs(got[i] - want[i]));
  return most;
}

// A power of two for a factor on the logits, divisors instead of RoPE's rescaling: all else is the same bits in another order.
TEST_P(Converted, GgufInFloat32GivesTheSameLogits) {
  const auto gguf = dir_ / "model.gguf";
  const ConvertReport report = convert(original(), gguf, "f32");
  EXPECT_EQ(report.elements.size(), 1u) << "float32 alone";
  const std::vector<float> got = logits(gguf), want = logits(original());
  if (name() == "tiny-llama3" || name() == "tiny-llada-tied")
    EXPECT_LE(worst(got, want), 1e-5f);
  else
    EXPECT_EQ(got, want);
  expect_same_model(read_spec(open_model_files(gguf)), read_spec(open_model_files(original())));
}

TEST_P(Converted, TheMatricesStayAsTheyAreWithoutAType) {
  const auto gguf = dir_ / "model.gguf";
  convert(original(), gguf);
  EXPECT_LE(worst(logits(gguf), logits(original())), 1e-5f);
  const ModelFiles files = open_model_files(gguf), from = open_model_files(original());
  EXPECT_EQ(files.weights->find("token_embd.weight")->dtype,
            from.weights->find(tensor_names(from, read_spec(from)).embedding)->dtype);
  EXPECT_EQ(files.weights->find("output_norm.weight")->dtype, DType::kF32);
}

TEST_P(Converted, TokenizerAndTemplateGoAlong) {
  const auto gguf = dir_ / "model.gguf";
  convert(original(), gguf);
  const ModelFiles files = open_model_files(gguf), from = open_model_files(original());
  EXPECT_EQ(files.chat_template, from.chat_template);
  const auto got = make_tokenizer(files), want = make_tokenizer(from);
  const std::string text = "The sea, 1234 times: <|eot_id|>ärger\r\n  大";
  EXPECT_EQ(got->encode(text, true), want->encode(text, true));
  // The vocabulary in GGUF's own keys, which is what llama.cpp reads, says the same.
  EXPECT_EQ(files.gguf->get_string("tokenizer.ggml.model"), "gpt2");
  EXPECT_EQ(files.gguf->get_string("tokenizer.ggml.pre"), "gpt-2");
  EXPECT_EQ(static_cast<int>(files.gguf->get_strings("tokenizer.ggml.tokens")->size()), read_spec(from).vocab_size);
}

TEST_P(Converted, AndBackItIsTheSameDirectory) {
  const auto gguf = dir_ / "model.gguf", back = dir_ / "back";
  convert(original(), gguf, "f32");
  convert(gguf, back, "f32");
  const ModelFiles files = open_model_files(back), from = open_model_files(original());
  expect_same_model(read_spec(files), read_spec(from));
  EXPECT_EQ(read_spec(files).rope_scaling, read_spec(from).rope_scaling);
  EXPECT_LE(worst(logits(back), logits(original())), 1e-5f);
  EXPECT_EQ(files.weights->names().size(), from.weights->names().size());
  EXPECT_EQ(files.chat_template, from.chat_template);
  EXPECT_EQ(files.tokenizer_json, from.tokenizer_json);
  for (const std::string& tensor : files.weights->names()) {
    if (name() == "tiny-llada-tied" && tensor.find("ln_f") != tensor.npos) continue;  // the logits' factor is in it
    const TensorView* got = files.weights->find(tensor);
    const TensorView* want = from.weights->find(tensor);
    if (want == nullptr)
      want = from.weights->find(tensor.substr(tensor.find('.') + 1));  // GPT-2's own files: bare names
    ASSERT_NE(want, nullptr) << tensor;
    ASSERT_EQ(got->shape, want->shape) << tensor;
    std::vector<float> a(static_cast<size_t>(got->elements())), b(a.size());
    dequantize_rows(*got, 0, got->rows(), a.data());
    dequantize_rows(*want, 0, want->rows(), b.data());
    EXPECT_EQ(a, b) << tensor;
  }
}

// Float32, 8 and 4 bits: what GGUF holds comes back bit for bit, and is near what went in.
TEST_P(Converted, TheSameWeightsAsHuggingFaceFloat32Q8AndQ4KRoundTrip) {
  for (const auto& [type, most] : {std::pair("f32", 0.0), {"q8_0", 0.01}, {"q4_k_m", 0.12}}) {
    const auto gguf = dir_ / fmt::format("{}.gguf", type), back = dir_ / fmt::format("{} as f32", type);
    convert(original(), gguf, type);
    convert(gguf, back, "f32");
    const auto stored = open_gguf(gguf);
    const ModelFiles files = open_model_files(back);
    EXPECT_EQ(logits(back), logits(gguf)) << type;
    convert(back, dir_ / "again.gguf", "f32");
    const auto again = open_gguf(dir_ / "again.gguf");
    const auto plain = open_gguf(dir_ / "f32.gguf");
    for (const std::string& tensor : stored->names()) {
      const auto values = [&](const GgufFile& file) {
        const TensorView& view = *file.find(tensor);
        std::vector<float> all(static_cast<size_t>(view.elements()));
        dequantize_rows(view, 0, view.rows(), all.data());
        return all;
      };
      const std::vector<float> got = values(*stored), want = values(*plain);
      EXPECT_EQ(values(*again), got) << type << " " << tensor;
      double off = 0, size = 0;
      for (size_t i = 0; i < got.size(); ++i) {
        off += std::pow(double{got[i]} - want[i], 2);
        size += std::pow(want[i], 2);
      }
      EXPECT_LE(std::sqrt(off), most * std::sqrt(size)) << type << " " << tensor;
    }
  }
}

TEST(Convert, FamiliesWithoutAGgufFormAreRefused) {
  const TempDir dir;
  ThreadPool pool(1);
  for (const char* name :
       {"tiny-sdar", "tiny-fast-dllm-v2", "tiny-sdar-moe", "tiny-open-dcoder", "tiny-diffusion-gemma"}) {
    EXPECT_ERROR(convert_model(open_model_files(golden_dir() / name), dir / "m.gguf", {}, pool), kUnsupported,
                 "no GGUF form");
    EXPECT_FALSE(std::filesystem::exists(dir / "m.gguf"));
    // Another type in the same layout is no question of families.
    convert_model(open_model_files(golden_dir() / name), dir / name, {.type = "f32"}, pool);
    EXPECT_EQ(read_spec(open_model_files(dir / name)).family, std::string(name).substr(5));
  }
}

// Layer 1 of tiny-qwen3-moe has no experts; GGUF can only count such layers from the first one on.
TEST(Convert, WhatGgufCannotSayIsRefused) {
  const TempDir dir;
  ThreadPool pool(1);
  EXPECT_ERROR(convert_model(open_model_files(golden_dir() / "tiny-qwen3-moe"), dir / "m.gguf", {}, pool), kUnsupported,
               "layers without experts");
  ModelFiles all_layers = open_model_files(golden_dir() / "tiny-rnd1");  // the same network, but for its attention
  all_layers.config["architectures"] = {"Qwen3MoeForCausalLM"};
  all_layers.config["model_type"] = "qwen3_moe";
  EXPECT_TRUE(convert_model(all_layers, dir / "m.gguf", {}, pool).notes.empty());
  EXPECT_EQ(read_spec(open_model_files(dir / "m.gguf")).moe, read_spec(all_layers).moe);
}

}  // namespace
}  // namespace pent
