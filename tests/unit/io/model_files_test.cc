#include "io/model_files.h"

#include <gtest/gtest.h>

#include "base/mapped_file.h"
#include "support/expect_error.h"
#include "support/gguf_builder.h"
#include "support/temp_dir.h"
#include "unit/io/malformed.h"

namespace pent {
namespace {

class ModelDirectory : public testing::Test {
 protected:
  void SetUp() override {
    put("config.json", R"({"model_type":"llada"})");
    put("tokenizer.json", R"({"model":{}})");
    const float value = 3;
    write_safetensors(dir_ / "model.safetensors", {{"a", DType::kF32, {1}, std::as_bytes(std::span(&value, 1))}});
  }
  void put(const std::string& name, const std::string& content) { write_file_atomically(dir_ / name, content); }
  void remove(const std::string& name) { std::filesystem::remove(dir_ / name); }
  ModelFiles open() { return open_model_files(dir_.path()); }
  TempDir dir_;
};

TEST_F(ModelDirectory, NeedsOnlyConfigTokenizerAndWeights) {
  const ModelFiles files = open();
  EXPECT_EQ(files.where, dir_.path().string());
  EXPECT_EQ(files.config["model_type"], "llada");
  EXPECT_TRUE(files.generation_config.is_null());
  EXPECT_TRUE(files.tokenizer_config.is_null());
  EXPECT_EQ(files.chat_template, "");
  EXPECT_NE(files.weights->find("a"), nullptr);
  EXPECT_EQ(files.gguf, nullptr);
}

TEST_F(ModelDirectory, Gpt2sVocabularyAndMergesStandForATokenizerJson) {
  remove("tokenizer.json");
  EXPECT_ERROR(open(), kNotFound, "tokenizer.json: no such file, nor vocab.json with merges.txt");
  put("vocab.json", R"({"a": 0, "b": 1, "ab": 2, "<|endoftext|>": 3, "<pad>": 4})");
  EXPECT_ERROR(open(), kNotFound, "vocab.json with merges.txt");
  put("merges.txt", "#version: 0.2\r\na b\r\n\n");
  put("tokenizer_config.json", R"({"tokenizer_class": "GPT2Tokenizer", "add_prefix_space": true,
      "pad_token": {"content": "<pad>"}, "additional_special_tokens": ["<|endoftext|>", "<none>"],
      "added_tokens_decoder": {"5": {"content": "<x>", "lstrip": true, "special": false}}})");
  const ModelFiles files = open();
  EXPECT_EQ(files.tokenizer_name, "vocab.json and merges.txt");
  const Json made = parse_json(files.tokenizer_json, "made");
  EXPECT_EQ(made["model"]["merges"].dump(), R"([["a","b"]])");
  EXPECT_EQ(made["model"]["vocab"]["ab"], 2);
  EXPECT_EQ(made["pre_tokenizer"]["add_prefix_space"], true);
  ASSERT_EQ(made["added_tokens"].size(), 3u);
  EXPECT_EQ(made["added_tokens"][0]["id"], 5);
  EXPECT_EQ(made["added_tokens"][0]["lstrip"], true);
  EXPECT_EQ(made["added_tokens"][0]["special"], false);
  EXPECT_EQ(made["added_tokens"][1]["content"], "<|endoftext|>");
  EXPECT_EQ(made["added_tokens"][2]["id"], 4);
  EXPECT_EQ(made["added_tokens"][2]["special"], true);
}

TEST_F(ModelDirectory, DamagedVocabulariesAndMergesAreNamed) {
  remove("tokenizer.json");
  put("vocab.json", R"({"a": 0})");
  for (const char* merges : {"a", "a b\na  b", "#version\n b", "a b c", "a "}) {
    put("merges.txt", merges);
    EXPECT_ERROR(open(), kCorrupt, "merges.txt: line", "is not a pair of tokens");
  }
  put("merges.txt", "a a");
  for (const char* vocab : {"[]", R"({"a": [[0]]})", R"({"a": 0, "a": 1})", "3"}) {
    put("vocab.json", vocab);
    EXPECT_ERROR(open(), kCorrupt, "vocab.json");
  }
  put("vocab.json", R"({"a": 0})");
  for (const char* added :
       {R"({"x": {"content": "b"}})", R"({"1": "b"})", R"({"1": {}})", R"({"99999999999": {"content": "b"}})"}) {
    put("tokenizer_config.json", std::string(R"({"added_tokens_decoder": )") + added + "}");
    EXPECT_ERROR(open(), kCorrupt, "tokenizer_config.json", "is no id of a token");
  }
  put("tokenizer_config.json", R"({"tokenizer_class": "CodeGenTokenizer"})");
  EXPECT_ERROR(open(), kUnsupported, "of a CodeGenTokenizer are not read", "save_pretrained");
}

TEST_F(ModelDirectory, TheTemplateFileWinsOverTheConfig) {
  put("tokenizer_config.json", R"({"chat_template":"from config","eos_token":"</s>"})");
  put("generation_config.json", R"({"eos_token_id":[1,2]})");
  EXPECT_EQ(open().chat_template, "from config");
  EXPECT_EQ(open().generation_config["eos_token_id"].size(), 2u);
  put("chat_template.jinja", "from file");
  EXPECT_EQ(open().chat_template, "from file");
}

TEST_F(ModelDirectory, OfNamedTemplatesTheDefaultIsTaken) {
  put("tokenizer_config.json",
      R"({"chat_template":[{"name":"tool_use","template":"t"},{"name":"default","template":"d"}]})");
  EXPECT_EQ(open().chat_template, "d");
  // What cannot be taken is no reason not to open the model: only a template's use needs one.
  const auto refuse = [&] {
    const ModelFiles files = open();
    EXPECT_EQ(files.chat_template, "");
    throw files.chat_template_refusal.value();
  };
  put("tokenizer_config.json", R"({"chat_template":7})");
  EXPECT_ERROR(refuse(), kCorrupt, "tokenizer_config.json", "chat_template");
  put("tokenizer_config.json", R"({"chat_template":["d"]})");
  EXPECT_ERROR(refuse(), kCorrupt, "tokenizer_config.json", "an entry of 'chat_template'");
  put("tokenizer_config.json",
      R"({"chat_template":[{"name":"rag","template":"r"},{"name":"tool_use","template":"t"}]})");
  EXPECT_ERROR(refuse(), kUnsupported, "tokenizer_config.json", "rag, tool_use", "chat_template.jinja");
  put("chat_template.jinja", "chosen");
  EXPECT_EQ(open().chat_template, "chosen");
  EXPECT_FALSE(open().chat_template_refusal);
}

TEST_F(ModelDirectory, TheProcessorsTemplateIsTheLastResort) {
  put("chat_template.json", R"({"chat_template":"from the processor"})");
  EXPECT_EQ(open().chat_template, "from the processor");
  put("tokenizer_config.json", R"({"chat_template":null})");
  EXPECT_EQ(open().chat_template, "from the processor");
  put("tokenizer_config.json", R"({"chat_template":[]})");
  EXPECT_EQ(open().chat_template, "from the processor");
  put("tokenizer_config.json", R"({"chat_template":"from config"})");
  EXPECT_EQ(open().chat_template, "from config");
  remove("tokenizer_config.json");
  put("chat_template.json", R"("text")");
  EXPECT_EQ(open().chat_template, "");
}

TEST_F(ModelDirectory, WritesTheTemplateThatIsInEffect) {
  const auto copied = [&] {
    const TempDir copy;
    write_model_descriptions(open(), copy.path());
    return std::filesystem::exists(copy / "chat_template.jinja") ? read_file(copy / "chat_template.jinja") : "none";
  };
  EXPECT_EQ(copied(), "none");
  put("chat_template.json", R"({"chat_template":"p"})");
  EXPECT_EQ(copied(), "p");
  put("tokenizer_config.json", R"({"chat_template":"c"})");
  EXPECT_EQ(copied(), "none");
  put("tokenizer_config.json", R"({"chat_template":[{"name":"rag","template":"r"}]})");
  put("chat_template.jinja", "chosen");
  EXPECT_EQ(copied(), "chosen");
}

TEST_F(ModelDirectory, TheMissingFileIsNamed) {
  remove("tokenizer.json");
  EXPECT_ERROR(open(), kNotFound, (dir_ / "tokenizer.json").string());
  remove("config.json");
  EXPECT_ERROR(open(), kNotFound, (dir_ / "config.json").string());
  SetUp();
  remove("model.safetensors");
  EXPECT_ERROR(open(), kNotFound, "no model.safetensors");
  EXPECT_ERROR(open_model_files(dir_ / "absent"), kNotFound, "absent");
}

TEST_F(ModelDirectory, PicklesAreNeverOpened) {
  remove("model.safetensors");
  put("pytorch_model.bin", "PK");
  EXPECT_ERROR(open(), kUnsupported, "pytorch_model.bin", "convert it to safetensors");
}

TEST_F(ModelDirectory, BrokenJsonNamesItsFile) {
  put("config.json", "{\"a\":");
  EXPECT_ERROR(open(), kCorrupt, (dir_ / "config.json").string(), "not valid JSON");
  put("config.json", "[]");
  EXPECT_ERROR(open(), kCorrupt, "config.json", "not a JSON object");
}

TEST_F(ModelDirectory, AnIndexStandsInForOneFile) {
  std::filesystem::rename(dir_ / "model.safetensors", dir_ / "model-00001-of-00001.safetensors");
  put("model.safetensors.index.json", R"({"weight_map":{"a":"model-00001-of-00001.safetensors"}})");
  EXPECT_NE(open().weights->find("a"), nullptr);
}

TEST(ModelFilesFromGguf, CarryItsTemplate) {
  const TempDir dir;
  write_file_atomically(dir / "m.gguf", GgufBuilder().string("tokenizer.chat_template", "{{ x }}").build());
  const ModelFiles files = open_model_files(dir / "m.gguf");
  EXPECT_EQ(files.chat_template, "{{ x }}");
  EXPECT_TRUE(files.config.is_null());
  EXPECT_EQ(files.weights, files.gguf);
  EXPECT_EQ(open_model_files(dir.path()).where, (dir / "m.gguf").string());  // a folder with nothing else in it
}

TEST(ModelFilesFromGguf, OtherFilesAreNoModels) {
  const TempDir dir;
  write_file_atomically(dir / "m.bin", "x");
  EXPECT_ERROR(open_model_files(dir / "m.bin"), kInvalidArgument, "m.bin", ".gguf");
}

TEST_F(ModelDirectory, CanBeHeldInMemory) {
  const std::string config = R"({"model_type":"llada"})", tokenizer = "{}",
                    weights = read_file(dir_ / "model.safetensors");
  std::map<std::string, std::span<const std::byte>> held{{"config.json", as_bytes(config)},
                                                         {"tokenizer.json", as_bytes(tokenizer)},
                                                         {"model.safetensors", as_bytes(weights)}};
  const ModelFiles files = open_model_files(held, "embedded");
  EXPECT_EQ(files.where, "embedded");
  EXPECT_EQ(files.tokenizer_json, "{}");
  EXPECT_NE(files.weights->find("a"), nullptr);
  held.erase("model.safetensors");
  EXPECT_ERROR(open_model_files(held, "embedded"), kNotFound, "embedded/model.safetensors");
}

}  // namespace
}  // namespace pent
