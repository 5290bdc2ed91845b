#include "io/refused_formats.h"

#include <gtest/gtest.h>

#include "base/mapped_file.h"
#include "io/model_files.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace pent {
namespace {

void refuse(const char* config) { refuse_quantized_config(parse_json(config, "config.json"), "config.json"); }

TEST(RefusedFormats, TheConfigsMethodIsNamed) {
  EXPECT_ERROR(refuse(R"({"quantization_config":{"quant_method":"gptq","bits":4}})"), kUnsupported, "config.json",
               "quantization_config", "with GPTQ,", "GGUF");
  EXPECT_ERROR(refuse(R"({"quantization_config":{"quant_method":"awq"}})"), kUnsupported, "with AWQ,");
  EXPECT_ERROR(refuse(R"({"quantization_config":{"quant_method":"fp8"}})"), kUnsupported, "with FP8,");
  EXPECT_ERROR(refuse(R"({"quantization_config":{"quant_method":"bitsandbytes"}})"), kUnsupported,
               "with bitsandbytes,");
  EXPECT_ERROR(refuse(R"({"quantization_config":{"load_in_4bit":true}})"), kUnsupported, "with bitsandbytes,");
  for (const char* key : {"quantization_config", "compression_config"}) {
    const std::string config =
        fmt::format(R"({{"{}":{{"quant_method":"compressed-tensors","format":"pack-quantized"}}}})", key);
    EXPECT_ERROR(refuse(config.c_str()), kUnsupported, key, "with compressed-tensors (pack-quantized),");
  }
}

TEST(RefusedFormats, UnknownAndUnnamedMethodsAreRefusedToo) {
  EXPECT_ERROR(refuse(R"({"quantization_config":{"quant_method":"new\nthing"}})"), kUnsupported, "quantised with 'new");
  EXPECT_ERROR(refuse(R"({"quantization_config":{}})"), kUnsupported, "an unnamed method");
  EXPECT_ERROR(refuse(R"({"quantization_config":[]})"), kCorrupt, "not an object");
  EXPECT_ERROR(refuse(R"({"quantization_config":{"quant_method":4}})"), kCorrupt, "quant_method");
}

TEST(RefusedFormats, PlainConfigsPass) {
  EXPECT_NO_THROW(refuse(R"({"model_type":"llada"})"));
  EXPECT_NO_THROW(refuse(R"({"quantization_config":null})"));
}

class QuantizedDirectory : public testing::Test {
 protected:
  QuantizedDirectory() {
    write_file_atomically(dir_ / "config.json", "{}");
    write_file_atomically(dir_ / "tokenizer.json", "{}");
  }
  // Opens a model whose file has one tensor "m.weight" and those named.
  void open_with(const std::vector<std::string>& names) {
    const float value = 1;
    const auto bytes = std::as_bytes(std::span(&value, 1));
    std::vector<TensorToWrite> tensors{{"m.weight", DType::kF32, {1}, bytes}};
    for (const std::string& name : names) tensors.push_back({name, DType::kF32, {1}, bytes});
    write_safetensors(dir_ / "model.safetensors", tensors);
    open_model_files(dir_.path());
  }
  TempDir dir_;
};

TEST_F(QuantizedDirectory, IsRecognisedByItsTensors) {
  EXPECT_NO_THROW(open_with({"m.scale", "weight_scale_norm.bias"}));
  EXPECT_ERROR(open_with({"m.qweight", "m.g_idx"}), kUnsupported, "model.safetensors", "'m.g_idx'", "GPTQ");
  EXPECT_ERROR(open_with({"m.qweight", "m.qzeros"}), kUnsupported, "'m.qweight'", "AWQ");
  EXPECT_ERROR(open_with({"m.weight_packed", "m.weight_scale"}), kUnsupported, "compressed-tensors (packed");
  EXPECT_ERROR(open_with({"m.weight.absmax"}), kUnsupported, "bitsandbytes (4 bits)");
  EXPECT_ERROR(open_with({"m.SCB"}), kUnsupported, "bitsandbytes (8 bits)");
  EXPECT_ERROR(open_with({"m.weight_scale_inv"}), kUnsupported, "FP8");
  EXPECT_ERROR(open_with({"m.weight_scale"}), kUnsupported, "compressed-tensors (scaled");
}

TEST_F(QuantizedDirectory, Fp8ElementsAreNamed) {
  const std::string header = R"({"m.weight":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]}})";
  const uint64_t length = header.size();
  std::string file(reinterpret_cast<const char*>(&length), sizeof length);
  write_file_atomically(dir_ / "model.safetensors", file + header + "x");
  EXPECT_ERROR(open_model_files(dir_.path()), kUnsupported, "'m.weight'", "F8_E4M3", "FP8 weights");
}

TEST_F(QuantizedDirectory, APickleIsRefusedWithTheCommandThatConvertsIt) {
  write_file_atomically(dir_ / "pytorch_model.bin", "PK");
  EXPECT_ERROR(open_model_files(dir_.path()), kUnsupported, "pytorch_model.bin", "python3 -c", "weights_only=True",
               "model.safetensors");
}

}  // namespace
}  // namespace pent
