// Tokenizers from GGUF metadata, through a stand-in for the file.
#include <gtest/gtest.h>

#include "base/error.h"
#include "test_tokenizers.h"
#include "text/precompiled_charsmap.h"
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

// The vocabulary of a stored tokenizer.json as GGUF has it: in the order of ids, special tokens as control tokens.
Metadata vocabulary_of(const Json& json, const char* model) {
  Strings tokens(json["model"]["vocab"].size());
  for (const auto& [token, id] : json["model"]["vocab"].items()) {
    if (id.is_array()) {
      tokens[std::stoul(token)] = id[0];
    } else {
      tokens[id.get<size_t>()] = token;
    }
  }
  Ints types(tokens.size(), 1);
  for (const Json& token : json["added_tokens"]) types[token["id"].get<size_t>()] = 3;
  return {{"tokenizer.ggml.model", std::string(model)},
          {"tokenizer.ggml.tokens", tokens},
          {"tokenizer.ggml.token_type", types}};
}

void expect_same_ids(const Metadata& metadata, const Json& json) {
  const auto wanted = parse_tokenizer_json(to_json_line(json), "tokenizer.json");
  const auto tokenizer = make_tokenizer_from_gguf(FakeGguf(metadata));
  MixedLines lines(21);
  for (int i = 0; i < 300; ++i) {
    const std::string line = lines.next();
    ASSERT_EQ(tokenizer->encode(line), wanted->encode(line)) << line;
    ASSERT_EQ(tokenizer->decode(wanted->encode(line)), wanted->decode(wanted->encode(line)));
  }
}

TEST(TokenizerGguf, AUnigramVocabularyGivesTheIdsOfItsTokenizerJson) {
  const Json json = parse_json(golden_file("unigram.json"), "unigram.json");
  Metadata metadata = vocabulary_of(json, "t5");
  std::vector<double> scores;
  for (const Json& piece : json["model"]["vocab"]) scores.push_back(piece[1]);
  const std::string charsmap =
      decode_base64(json["normalizer"]["normalizers"][0]["precompiled_charsmap"].get<std::string>(), "unigram.json");
  Ints bytes;
  for (const char byte : charsmap) bytes.push_back(static_cast<int8_t>(byte));  // some files have i8, some u8
  metadata["tokenizer.ggml.scores"] = scores;
  metadata["tokenizer.ggml.precompiled_charsmap"] = bytes;
  metadata["tokenizer.ggml.unknown_token_id"] = json["model"]["unk_id"].get<int64_t>();
  metadata["tokenizer.ggml.remove_extra_whitespaces"] = true;
  metadata["tokenizer.ggml.add_space_prefix"] = true;
  metadata["tokenizer.ggml.add_eos_token"] = false;
  expect_same_ids(metadata, json);
}

TEST(TokenizerGguf, AWordPieceVocabularyGivesTheIdsOfItsTokenizerJson) {
  const Json json = parse_json(golden_file("wordpiece.json"), "wordpiece.json");
  Metadata metadata = vocabulary_of(json, "bert");
  auto& tokens = std::get<Strings>(metadata["tokenizer.ggml.tokens"]);
  for (size_t id = 0; id < tokens.size(); ++id) {
    if (std::get<Ints>(metadata["tokenizer.ggml.token_type"])[id] == 3) continue;
    tokens[id] = tokens[id].starts_with("##") ? tokens[id].substr(2) : "\u2581" + tokens[id];
  }
  metadata["tokenizer.ggml.unknown_token_id"] = int64_t{1};
  metadata["tokenizer.ggml.cls_token_id"] = int64_t{2};
  metadata["tokenizer.ggml.seperator_token_id"] = int64_t{3};
  expect_same_ids(metadata, json);
  EXPECT_EQ(encode(metadata, "", true), (Ids{2, 3}));
}

TEST(TokenizerGguf, SentencePieceMergesGiveTheIdsOfTheirTokenizerJson) {
  const Json json = parse_json(golden_file("spm.json"), "spm.json");
  Metadata metadata = vocabulary_of(json, "gemma4");
  Strings merges;
  for (const Json& merge : json["model"]["merges"])
    merges.push_back(merge.is_string() ? merge.get<std::string>()
                                       : merge[0].get<std::string>() + " " + merge[1].get<std::string>());
  metadata["tokenizer.ggml.merges"] = merges;
  metadata["tokenizer.ggml.unknown_token_id"] = int64_t{0};
  metadata["tokenizer.ggml.add_space_prefix"] = true;
  metadata["tokenizer.ggml.add_bos_token"] = false;
  expect_same_ids(metadata, json);
}

TEST(TokenizerGguf, SentencePieceScoresSayWhatIsMergedFirst) {
  Metadata metadata{
      {"tokenizer.ggml.model", std::string("llama")},
      {"tokenizer.ggml.tokens", Strings{"<unk>", "<s>", "a", "b", "c", "\u2581", "ab", "bc", "<0xC3>", "<0xA9>"}},
      {"tokenizer.ggml.token_type", Ints{2, 3, 1, 1, 1, 1, 1, 1, 6, 6}},
      {"tokenizer.ggml.scores", std::vector<double>{0, 0, -1, -1, -1, -1, -9, -8, 0, 0}},
      {"tokenizer.ggml.bos_token_id", int64_t{1}}};
  EXPECT_EQ(encode(metadata, "abc", true), (Ids{1, 5, 2, 7}));
  EXPECT_EQ(encode(metadata, "é d"), (Ids{5, 8, 9, 5, 0}));
  metadata["tokenizer.ggml.scores"] = std::vector<double>{0, 0, -1, -1, -1, -1, -7, -8, 0, 0};
  EXPECT_EQ(encode(metadata, "abc", true), (Ids{1, 5, 6, 4}));
  const auto tokenizer = make_tokenizer_from_gguf(FakeGguf(metadata));
  EXPECT_EQ(tokenizer->decode({1, 5, 6, 4}, /*skip_special=*/true), "abc");
  EXPECT_EQ(tokenizer->token_bytes(5), " ");
  EXPECT_EQ(tokenizer->opening_bytes(5), "");
}

// A million places to cut it, and two that can give tokens.
TEST(TokenizerGguf, AVeryLongTokenCostsNoMoreThanItsLength) {
  const Metadata metadata{{"tokenizer.ggml.model", std::string("llama")},
                          {"tokenizer.ggml.tokens", Strings{"<unk>", "a", "\u2581", "b" + std::string(1'000'000, 'a')}},
                          {"tokenizer.ggml.token_type", Ints{2, 1, 1, 1}},
                          {"tokenizer.ggml.scores", std::vector<double>{0, -1, -1, -1}},
                          {"tokenizer.ggml.add_bos_token", false}};
  EXPECT_EQ(encode(metadata, "aa"), (Ids{2, 1, 1}));
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
  expect_error(with("model", std::string("rwkv")), ErrorKind::kUnsupported, "'rwkv'");
  expect_error(with("pre", std::string("kimi-k2")), ErrorKind::kUnsupported, "'kimi-k2'");
  Metadata twice = with("tokens", Strings{"a", "a"});
  twice.erase("tokenizer.ggml.token_type");
  expect_error(twice, ErrorKind::kCorrupt, "'a' is both 0 and 1");
  expect_error(with("token_type", Ints{1}), ErrorKind::kCorrupt, "1 entries for 14 tokens");
  expect_error(with("merges", Strings{"ab"}), ErrorKind::kCorrupt, "merges[0]: 'ab' is not a pair");
  expect_error(with("merges", Strings{"a x"}), ErrorKind::kCorrupt, "merges[0]: 'x' is not in the vocabulary");
  Metadata metadata = with("add_bos_token", true);
  metadata["tokenizer.ggml.bos_token_id"] = int64_t{14};
  expect_error(metadata, ErrorKind::kCorrupt, "bos_token_id is 14");
  metadata.erase("tokenizer.ggml.bos_token_id");
  expect_error(metadata, ErrorKind::kCorrupt, "bos_token_id is missing");
  expect_error(with("model", std::string("llama")), ErrorKind::kCorrupt, "tokenizer.ggml.scores is missing");
  Metadata scored = with("model", std::string("t5"));
  scored["tokenizer.ggml.scores"] = std::vector<double>{1};
  expect_error(scored, ErrorKind::kCorrupt, "unknown_token_id is missing");
  scored["tokenizer.ggml.unknown_token_id"] = int64_t{0};
  expect_error(scored, ErrorKind::kCorrupt, "scores has 1 entries for 14 tokens");
  expect_error(with("model", std::string("bert")), ErrorKind::kCorrupt, "unknown_token_id is missing");
  Metadata no_tokens = tiny("smollm");
  no_tokens.erase("tokenizer.ggml.tokens");
  expect_error(no_tokens, ErrorKind::kCorrupt, "tokenizer.ggml.tokens is missing");
}

}  // namespace
}  // namespace pent
