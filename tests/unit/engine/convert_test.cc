#include "engine/convert.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/mapped_file.h"
#include "io/gguf_mixture.h"
#include "io/gguf_write.h"
#include "model/denoiser.h"
#include "model/synth.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"
#include "text/bpe_trainer.h"
#include "text/gguf_vocabulary.h"

namespace pent {
namespace {

constexpr int kVocabulary = 280;

// Wide enough for blocks of 256.
ModelSpec wide_spec(const std::string& family) {
  ModelSpec spec;
  spec.family = family;
  spec.vocab_size = kVocabulary + 8;  // more rows than tokens
  spec.d_model = 256;
  spec.n_layers = 8;
  spec.n_heads = 4;
  spec.n_kv_heads = 2;
  spec.head_dim = 64;
  spec.ffn_dim = 512;
  spec.max_positions = 64;
  spec.attention = family == "llada" ? AttentionKind::kFull : AttentionKind::kCausal;
  spec.mask_id = family == "llada" ? kVocabulary - 1 : -1;
  return spec;
}

class Convert : public ::testing::Test {
 protected:
  Convert() {
    const std::string tokenizer =
        train_bpe([](const auto& document) { document("the sea the sea the mouse"); },
                  {.vocab_size = kVocabulary, .special_tokens = {"<|endoftext|>", "<|user|>"}, .min_frequency = 1});
    ModelSpec spec = wide_spec("llada");
    spec.eos_id = parse_tokenizer_json(tokenizer, "tokenizer")->find("<|endoftext|>").value();
    spec.stop_ids = {spec.eos_id};
    ModelFiles files = make_random_model(spec, 3);
    files.tokenizer_json = tokenizer;
    files.generation_config = {{"temperature", 0.5}, {"repetition_penalty", 1.2}};
    write_model_directory(files, source_);
  }

  ConvertReport convert(const std::filesystem::path& from, const std::filesystem::path& to,
                        const std::string& type = "") {
    return convert_model(open_model_files(from), to, {.type = type}, pool_);
  }
  std::vector<float> logits(const std::filesystem::path& model) {
    const auto denoiser = load_native(open_model_files(model), pool_, {.precise = true});
    const std::vector<int32_t> tokens = {3, 50, kVocabulary - 1, 7, 100, kVocabulary - 1, 9, 11};
    PassPlan plan;
    plan.add_window(denoiser->open_sequence(8), tokens, 0, 8);
    for (uint32_t row = 0; row < 8; ++row) plan.head_rows.push_back(row);
    PassResult result;
    denoiser->forward(plan, {.full_logits = true}, result);
    return result.logits;
  }
  double distance(const std::vector<float>& got, const std::vector<float>& want) {
    double off = 0, size = 0;
    for (size_t i = 0; i < want.size(); ++i) {
      off += std::pow(double{got[i]} - want[i], 2);
      size += std::pow(double{want[i]}, 2);
    }
    return std::sqrt(off / size);
  }

  TempDir dir_;
  std::filesystem::path source_ = dir_ / "source";
  ThreadPool pool_{2};
};

// Root mean square of what the logits are off by, over that of the logits: random weights, eight layers.
TEST_F(Convert, EveryTypeIsAsNearToFloat32AsItsBitsAllow) {
  const std::vector<float> want = logits(source_);
  const std::map<std::string, double> most = {{"f32", 1e-6},  {"f16", 2e-3},    {"bf16", 1.5e-2}, {"q8_0", 3e-2},
                                              {"q6_k", 0.08}, {"q5_k_m", 0.16}, {"q5_k_s", 0.17}, {"q5_1", 0.18},
                                              {"q5_0", 0.2},  {"q4_k_m", 0.3},  {"q4_k_s", 0.33}, {"q4_1", 0.36},
                                              {"q4_0", 0.4}};
  for (const GgufMixture& mixture : gguf_mixtures()) {
    const auto path = dir_ / (std::string(mixture.name) + ".gguf");
    const ConvertReport report = convert(source_, path, mixture.name);
    const double off = distance(logits(path), want);
    EXPECT_LE(off, most.at(mixture.name)) << mixture.name;
    EXPECT_EQ(open_gguf(path)->get_int("general.file_type"), mixture.file_type);
    EXPECT_EQ(report.family, "llada");
    EXPECT_TRUE(report.notes.empty()) << report.notes[0];
    EXPECT_GT(std::filesystem::file_size(path), report.bytes);
  }
}

TEST_F(Convert, AMixtureIsTheSameFromADirectoryAndFromAGguf) {
  convert(source_, dir_ / "f32.gguf", "f32");
  convert(source_, dir_ / "direct.gguf", "q4_k_m");
  const ConvertReport report = convert(dir_ / "f32.gguf", dir_ / "again.gguf", "q4_k_m");
  EXPECT_EQ(report.family, "llada");
  const auto direct = open_gguf(dir_ / "direct.gguf"), again = open_gguf(dir_ / "again.gguf");
  ASSERT_EQ(direct->names(), again->names());
  for (const std::string& name : direct->names()) {
    const TensorView *a = direct->find(name), *b = again->find(name);
    EXPECT_EQ(a->dtype, b->dtype) << name;
    EXPECT_TRUE(std::equal(a->bytes.begin(), a->bytes.end(), b->bytes.begin(), b->bytes.end())) << name;
  }
}

TEST_F(Convert, ThreadsDoNotMatter) {
  ThreadPool one(1);
  convert(source_, dir_ / "two.gguf", "q6_k");
  convert_model(open_model_files(source_), dir_ / "one.gguf", {.type = "q6_k"}, one);
  // Only the names differ, as long as each other.
  EXPECT_EQ(std::filesystem::file_size(dir_ / "one.gguf"), std::filesystem::file_size(dir_ / "two.gguf"));
  EXPECT_EQ(logits(dir_ / "one.gguf"), logits(dir_ / "two.gguf"));
}

TEST_F(Convert, BlocksBecomePlainNumbersInADirectory) {
  convert(source_, dir_ / "q8.gguf", "q8_0");
  EXPECT_ERROR(convert(dir_ / "q8.gguf", dir_ / "directory"), kUnsupported, "--type f32, f16 or bf16");
  EXPECT_FALSE(std::filesystem::exists(dir_ / "directory"));
  convert(dir_ / "q8.gguf", dir_ / "directory", "f32");
  EXPECT_EQ(logits(dir_ / "directory"), logits(dir_ / "q8.gguf"));
  EXPECT_EQ(open_model_files(dir_ / "directory").config["torch_dtype"], "float32");
}

TEST_F(Convert, QuantisingAgainIsNoted) {
  convert(source_, dir_ / "q4.gguf", "q4_0");
  EXPECT_NE(convert(dir_ / "q4.gguf", dir_ / "q8.gguf", "q8_0").notes.at(0).find("again"), std::string::npos);
  EXPECT_TRUE(convert(dir_ / "q4.gguf", dir_ / "same.gguf").notes.empty());
}

// A GGUF of an architecture that is none of ours: its metadata is kept byte for byte, whatever the types.
TEST_F(Convert, AnyGgufCanBeRequantised) {
  const std::vector<float> values(512, 0.5f);
  write_gguf(dir_ / "a.gguf",
             {{"general.architecture", std::string("mamba9")},
              {"mamba9.block_count", uint32_t{1}},
              {"odd.int", int32_t{-3}},
              {"odd.list", std::vector<int32_t>{1, -2}},
              {"general.file_type", uint32_t{0}},
              {"split.count", uint32_t{1}}},
             {{"blk.0.mix.weight", DType::kF32, {2, 256}, [&](const ByteSink& sink) { sink(values.data(), 2048); }},
              {"blk.0.norm", DType::kF32, {4}, [&](const ByteSink& sink) { sink(values.data(), 16); }},
              {"table", DType::kI32, {2, 2}, [&](const ByteSink& sink) { sink(values.data(), 16); }}});
  const ConvertReport report = convert(dir_ / "a.gguf", dir_ / "b.gguf", "q5_k_m");
  EXPECT_EQ(report.family, "");
  const auto before = open_gguf(dir_ / "a.gguf"), after = open_gguf(dir_ / "b.gguf");
  EXPECT_EQ(after->find("blk.0.mix.weight")->dtype, DType::kQ5_K);
  EXPECT_EQ(after->find("blk.0.norm")->dtype, DType::kF32);
  EXPECT_EQ(after->find("table")->dtype, DType::kI32);
  EXPECT_EQ(after->get_int("general.file_type"), 17);
  EXPECT_FALSE(after->get_int("split.count"));
  for (const GgufStoredPair& pair : before->stored_pairs()) {
    if (pair.key == "general.file_type" || pair.key == "split.count") continue;
    const auto pairs = after->stored_pairs();
    const auto kept = std::find_if(pairs.begin(), pairs.end(), [&](const auto& each) { return each.key == pair.key; });
    ASSERT_NE(kept, pairs.end()) << pair.key;
    EXPECT_TRUE(std::equal(pair.value.begin(), pair.value.end(), kept->value.begin(), kept->value.end())) << pair.key;
  }
}

// An axis of length 0 leaves nothing to be converted, whatever the others say.
TEST_F(Convert, TensorsWithoutElementsStaySo) {
  constexpr int64_t kMany = int64_t{1} << 60;
  const auto nothing = [](const ByteSink&) {};
  write_gguf(dir_ / "a.gguf", {{"general.architecture", std::string("mamba9")}},
             {{"no_columns.weight", DType::kF32, {kMany, 0}, nothing},
              {"no_rows.weight", DType::kF32, {0, kMany}, nothing},
              {"nothing.weight", DType::kF32, {0}, nothing}});
  convert(dir_ / "a.gguf", dir_ / "b.gguf", "q4_k_m");
  const auto after = open_gguf(dir_ / "b.gguf");
  EXPECT_EQ(after->find("no_columns.weight")->shape, (std::vector<int64_t>{kMany, 0}));
  EXPECT_EQ(after->find("no_rows.weight")->shape, (std::vector<int64_t>{0, kMany}));
  EXPECT_EQ(after->find("nothing.weight")->elements(), 0);
}

TEST_F(Convert, TargetsThatMakeNoSenseAreRefused) {
  convert(source_, dir_ / "m.gguf");
  EXPECT_ERROR(convert(dir_ / "m.gguf", dir_ / "m.gguf", "q8_0"), kInvalidArgument, "is the source itself");
  EXPECT_ERROR(convert(source_, source_), kInvalidArgument, "is the source itself");
  EXPECT_ERROR(convert(dir_ / "m.gguf", source_), kInvalidArgument, "not empty");
  EXPECT_ERROR(convert(source_, dir_ / "directory", "q4_0"), kInvalidArgument, "name the target .gguf");
  EXPECT_ERROR(convert(source_, dir_ / "x.gguf", "q9"), kInvalidArgument, "--type q9");
  write_file_atomically(dir_ / "file", "x");
  EXPECT_ERROR(convert(source_, dir_ / "file"), kInvalidArgument, "expected a directory");
  std::filesystem::create_directories(dir_ / "folder.gguf");
  EXPECT_ERROR(convert(source_, dir_ / "folder.gguf"), kInvalidArgument, "a directory");
  EXPECT_ERROR(convert(source_, dir_ / "no/such/folder/x.gguf"), kNotFound, "x.gguf");
}

class Damaged : public Convert {
 protected:
  // The model with one float32 tensor changed; a null name: with one more.
  void write(const std::string& tensor, float value) {
    const ModelFiles files = open_model_files(source_);
    std::vector<TensorToWrite> tensors;
    for (const std::string& name : files.weights->names()) {
      const TensorView& view = *files.weights->find(name);
      tensors.push_back({name, view.dtype, view.shape, view.bytes});
      if (name != tensor) continue;
      changed_.resize(static_cast<size_t>(view.elements()));
      dequantize_rows(view, 0, view.rows(), changed_.data());
      changed_[changed_.size() / 2] = value;
      tensors.back().bytes = std::as_bytes(std::span(changed_));
    }
    if (changed_.empty()) {
      changed_ = {value};
      tensors.push_back({tensor, DType::kF32, {1}, std::as_bytes(std::span(changed_))});
    }
    write_model_descriptions(files, damaged_);
    write_safetensors(damaged_ / "model.safetensors", tensors);
  }

  std::filesystem::path damaged_ = [this] {
    std::filesystem::create_directories(dir_ / "damaged");
    return dir_ / "damaged";
  }();
  std::vector<float> changed_;
};

TEST_F(Damaged, WhatIsNotANumberIsNamedAndNoFileIsLeft) {
  write("model.transformer.blocks.3.up_proj.weight", std::nanf(""));
  for (const char* type : {"q8_0", "f16", "q4_k_m"}) {
    EXPECT_ERROR(convert(damaged_, dir_ / "x.gguf", type), kCorrupt, "blocks.3.up_proj", "not finite");
    EXPECT_FALSE(std::filesystem::exists(dir_ / "x.gguf"));
  }
  for (const auto& entry : std::filesystem::directory_iterator(dir_.path()))
    EXPECT_EQ(entry.path().string().find(".tmp"), std::string::npos) << entry.path();
}

TEST_F(Damaged, WhatAFormatCannotHoldIsNamed) {
  write("model.transformer.blocks.3.up_proj.weight", 1e6f);
  EXPECT_ERROR(convert(damaged_, dir_ / "x.gguf", "f16"), kUnsupported, "blocks.3.up_proj", "F16", "bf16 or f32");
  convert(damaged_, dir_ / "x.gguf", "bf16");
}

TEST_F(Damaged, ATensorWithoutAPlaceIsRefused) {
  write("model.transformer.blocks.3.extra.weight", 1);
  EXPECT_ERROR(convert(damaged_, dir_ / "x.gguf"), kUnsupported, "extra.weight", "has no place");
}

TEST_F(Convert, StoppingLeavesNothing) {
  CancelToken cancel;
  int calls = 0;
  const ConvertOptions options{
      .type = "q8_0", .cancel = &cancel, .progress = [&](uint64_t written, uint64_t total, const std::string&) {
        EXPECT_LE(written, total);
        if (++calls == 5) cancel.cancel();
      }};
  EXPECT_ERROR(convert_model(open_model_files(source_), dir_ / "x.gguf", options, pool_), kCancelled, "stopped");
  EXPECT_EQ(calls, 5);
  EXPECT_FALSE(std::filesystem::exists(dir_ / "x.gguf"));
}

TEST_F(Convert, GenerationDefaultsGoAlongBothWays) {
  convert(source_, dir_ / "m.gguf");
  convert(dir_ / "m.gguf", dir_ / "directory");
  const Json wanted = open_model_files(source_).generation_config;
  EXPECT_EQ(open_model_files(dir_ / "m.gguf").generation_config, wanted);
  EXPECT_EQ(open_model_files(dir_ / "directory").generation_config, wanted);
  write_gguf(dir_ / "bad.gguf", {{kGenerationConfigKey, std::string("[1]")}}, {});
  EXPECT_ERROR(open_model_files(dir_ / "bad.gguf"), kCorrupt, "pent.generation_config", "not a JSON object");
}

// The vocabulary alone, without the tokenizer.json that goes along in our own files.
TEST_F(Convert, ATokenizerJsonIsMadeFromAVocabulary) {
  convert(source_, dir_ / "m.gguf", "q8_0");
  const auto file = open_gguf(dir_ / "m.gguf");
  GgufPairs pairs;
  for (const GgufStoredPair& pair : file->stored_pairs()) {
    if (pair.key != "tokenizer.huggingface.json") pairs.emplace_back(pair.key, GgufStoredValue{pair.value});
  }
  std::vector<StreamedTensor> tensors;
  for (const std::string& name : file->names()) {
    const TensorView& view = *file->find(name);
    tensors.push_back(
        {name, view.dtype, view.shape, [&view](const ByteSink& sink) { sink(view.bytes.data(), view.bytes.size()); }});
  }
  write_gguf(dir_ / "bare.gguf", pairs, tensors);
  const auto made = parse_tokenizer_json(tokenizer_json_of_gguf(*open_gguf(dir_ / "bare.gguf")), "made");
  const auto want = make_tokenizer(open_model_files(source_));
  EXPECT_EQ(made->size(), want->size()) << "the embedding's spare rows are no tokens";
  for (const char* text : {"the sea", "The mouse's 1234 cheeses <|user|>\n\n  the ", "ärger 大 🐭"})
    EXPECT_EQ(made->encode(text, true), want->encode(text, true)) << text;
  convert(dir_ / "bare.gguf", dir_ / "directory", "bf16");
  const Json config = open_model_files(dir_ / "directory").tokenizer_config;
  EXPECT_EQ(config.value("eos_token", ""), "<|endoftext|>");
  EXPECT_FALSE(config.contains("mask_token")) << "the mask is a row of the embedding without a token";
}

}  // namespace
}  // namespace pent
