// Tokenizers from GGUF metadata, through a stand-in for the file.
#include <gtest/gtest.h>

#include "base/error.h"
#include "text/tokenizer.h"

namespace pent {
namespace {

class FakeGguf : public GgufFile {
 public:
  explicit FakeGguf(std::map<std::string, GgufValue> metadata) : metadata_(std::move(metadata)) {}

  int version() const override { return 3; }
  const std::map<std::string, GgufValue>& metadata() const override { return metadata_; }
  std::optional<int64_t> get_int(const std::string& key) const override { return get<int64_t>(key); }
  std::optional<double> get_number(const std::string& key) const override { return get<double>(key); }
  std::optional<bool> get_bool(const std::string& key) const override { return get<bool>(key); }
  std::optional<std::string> get_string(const std::string& key) const override { return get<std::string>(key); }
  const std::vector<std::string>* get_strings(const std::string& key) const override {
    return find<std::vector<std::string>>(key);
  }
  const std::vector<int64_t>* get_ints(const std::string& key) const override {
    return find<std::vector<int64_t>>(key);
  }
  std::vector<std::string> names() const override { return {}; }
  const TensorView* find(std::string_view) const override { return nullptr; }
  std::string describe() const override { return "model.gguf"; }
  void check_intact() const override {}

 private:
  template <typename T>
  const T* find(const std::string& key) const {
    const auto entry = metadata_.find(key);
    return entry == metadata_.end() ? nullptr : std::get_if<T>(&entry->second);
  }
  template <typename T>
  std::optional<T> get(const std::string& key) const {
    const T* value = find<T>(key);
    return value ? std::optional(*value) : std::nullopt;
  }
  std::map<std::string, GgufValue> metadata_;
};

using Metadata = std::map<std::string, GgufValue>;
using Strings = std::vector<std::string>;
using Ints = std::vector<int64_t>;

Metadata tiny(const std::string& pre) {
  return {{"tokenizer.ggml.model", std::string("gpt2")},
          {"tokenizer.ggml.pre", pre},
          {"tokenizer.ggml.tokens",
           Strings{"<|s|>", "a", "b", "ab", "1", "2", "12", "Ġ", "<user>", "Ã", "©", "e", "Ì", "ģ"}},
          {"tokenizer.ggml.token_type", Ints{3, 1, 1, 1, 1, 1, 1, 1, 4, 1, 1, 1, 1, 1}},
          {"tokenizer.ggml.merges", Strings{"a b", "1 2"}},
          {"tokenizer.ggml.bos_token_id", int64_t{0}}};
}

std::vector<TokenId> encode(const Metadata& metadata, const char* text, bool add_special = false) {
  return make_tokenizer_from_gguf(FakeGguf(metadata))->encode(text, add_special);
}

using Ids = std::vector<TokenId>;

TEST(TokenizerGguf, TheNameOfThePreTokenizerDecidesOverDigits) {
  EXPECT_EQ(encode(tiny("gpt-2"), "ab12"), (Ids{3, 6}));
  EXPECT_EQ(encode(tiny("default"), "ab12"), (Ids{3, 6}));
  EXPECT_EQ(encode(tiny("smollm"), "ab12"), (Ids{3, 4, 5}));
  EXPECT_EQ(encode(tiny("qwen2"), "ab12"), (Ids{3, 4, 5}));
  EXPECT_EQ(encode(tiny("llama-bpe"), "ab12"), (Ids{3, 6}));
}

TEST(TokenizerGguf, Qwen2Composes) {
  EXPECT_EQ(encode(tiny("qwen2"), "e\u0301"), (Ids{9, 10}));
  EXPECT_EQ(encode(tiny("smollm"), "e\u0301"), (Ids{11, 12, 13}));
}

TEST(TokenizerGguf, ControlAndUserDefinedTokensAreFoundInText) {
  const auto tokenizer = make_tokenizer_from_gguf(FakeGguf(tiny("smollm")));
  EXPECT_EQ(tokenizer->encode("a<|s|>b<user>"), (Ids{1, 0, 2, 8}));
  EXPECT_TRUE(tokenizer->is_special(0));
  EXPECT_FALSE(tokenizer->is_special(8));
  EXPECT_EQ(tokenizer->size(), 14);
}

TEST(TokenizerGguf, AddBosIsFollowedAndLlamasDefault) {
  Metadata metadata = tiny("smollm");
  EXPECT_EQ(encode(metadata, "a", true), (Ids{1}));
  metadata["tokenizer.ggml.add_bos_token"] = true;
  EXPECT_EQ(encode(metadata, "a", true), (Ids{0, 1}));
  EXPECT_EQ(encode(tiny("llama-bpe"), "a", true), (Ids{0, 1}));
}

TEST(TokenizerGguf, AHuggingFaceTokenizerInsideIsPreferred) {
  Metadata metadata = tiny("unheard-of");
  metadata["tokenizer.huggingface.json"] =
      std::string(R"({"model": {"vocab": {"a": 0}, "merges": []}, "decoder": {"type": "ByteLevel"}})");
  EXPECT_EQ(encode(metadata, "aa"), (Ids{0, 0}));
}

void expect_error(const Metadata& metadata, ErrorKind kind, const std::string& part) {
  try {
    make_tokenizer_from_gguf(FakeGguf(metadata));
    ADD_FAILURE() << "no error, expected '" << part << "'";
  } catch (const Error& problem) {
    EXPECT_EQ(problem.kind(), kind) << problem.what();
    EXPECT_NE(std::string(problem.what()).find("model.gguf"), std::string::npos) << problem.what();
    EXPECT_NE(std::string(problem.what()).find(part), std::string::npos) << problem.what();
  }
}

TEST(TokenizerGguf, WhatIsWrongIsNamed) {
  const auto with = [](const char* key, GgufValue value) {
    Metadata metadata = tiny("smollm");
    metadata[std::string("tokenizer.ggml.") + key] = std::move(value);
    return metadata;
  };
  expect_error({}, ErrorKind::kNotFound, "has no tokenizer");
  expect_error(with("model", std::string("llama")), ErrorKind::kUnsupported, "'llama'");
  expect_error(with("pre", std::string("tekken")), ErrorKind::kUnsupported, "'tekken'");
  expect_error(with("tokens", Strings{"a", "a"}), ErrorKind::kCorrupt, "'a' is both 0 and 1");
  expect_error(with("token_type", Ints{1}), ErrorKind::kCorrupt, "1 entries for 14 tokens");
  expect_error(with("merges", Strings{"ab"}), ErrorKind::kCorrupt, "merges[0]: 'ab' is not a pair");
  expect_error(with("merges", Strings{"a x"}), ErrorKind::kCorrupt, "merges[0]: 'x' is not in the vocabulary");
  Metadata metadata = with("add_bos_token", true);
  metadata["tokenizer.ggml.bos_token_id"] = int64_t{14};
  expect_error(metadata, ErrorKind::kCorrupt, "bos_token_id is 14");
  metadata.erase("tokenizer.ggml.bos_token_id");
  expect_error(metadata, ErrorKind::kCorrupt, "bos_token_id is missing");
  Metadata no_tokens = tiny("smollm");
  no_tokens.erase("tokenizer.ggml.tokens");
  expect_error(no_tokens, ErrorKind::kCorrupt, "tokenizer.ggml.tokens is missing");
}

}  // namespace
}  // namespace pent
