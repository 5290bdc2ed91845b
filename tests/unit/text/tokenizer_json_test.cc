// Malformed and unsupported tokenizer.json files: a clear error, never a crash.
#include <gtest/gtest.h>

#include <functional>

#include "base/error.h"
#include "test_tokenizers.h"

namespace pent {
namespace {

void expect_error(const std::function<void()>& action, ErrorKind kind, const std::string& part) {
  try {
    action();
    ADD_FAILURE() << "no error, expected '" << part << "'";
  } catch (const Error& problem) {
    EXPECT_EQ(problem.kind(), kind) << problem.what();
    EXPECT_NE(std::string(problem.what()).find(part), std::string::npos) << problem.what() << "\nexpected: " << part;
    EXPECT_TRUE(std::string(problem.what()).starts_with("tokenizer.json")) << problem.what();
  }
}

// A tokenizer of three tokens, changed by `patch`.
std::string tiny(const char* patch) {
  Json json = parse_json(R"({"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]},
                             "decoder": {"type": "ByteLevel"}})",
                         "tiny");
  json.merge_patch(parse_json(patch, "patch"));
  return to_json_line(json);
}

void expect_refused(const char* patch, ErrorKind kind, const std::string& part) {
  SCOPED_TRACE(patch);
  expect_error([&] { parse_tokenizer_json(tiny(patch), "tokenizer.json"); }, kind, part);
}

TEST(TokenizerJson, TruncatedAnywhereItIsAnError) {
  const std::string whole = golden_file("base.json");
  for (size_t size = 0; size + 2 < whole.size(); size += 64) {
    expect_error([&] { parse_tokenizer_json(std::string_view(whole).substr(0, size), "tokenizer.json"); },
                 ErrorKind::kCorrupt, "not valid JSON");
  }
}

TEST(TokenizerJson, DeepNestingIsAnError) {
  const std::string deep = "{\"normalizer\":" + std::string(100000, '[');
  expect_error([&] { parse_tokenizer_json(deep, "tokenizer.json"); }, ErrorKind::kCorrupt, "deeper than");
  std::string sequences;
  for (int i = 0; i < 1000; ++i) sequences += R"({"type":"Sequence","normalizers":[)";
  expect_error([&] { parse_tokenizer_json("{\"normalizer\":" + sequences, "tokenizer.json"); }, ErrorKind::kCorrupt,
               "deeper than");
}

TEST(TokenizerJson, UnsupportedPartsAreNamed) {
  const auto k = ErrorKind::kUnsupported;
  expect_refused(R"({"model": {"type": "WordLevel"}})", k, "model 'WordLevel'");
  expect_refused(R"({"model": {"type": null, "merges": null}})", k, "only BPE, Unigram and WordPiece");
  expect_refused(R"({"model": {"type": "Unigram", "vocab": [["a", 0]]}})", k, "without unk_id");
  expect_refused(R"({"model": {"end_of_word_suffix": "</w>"}})", k, "end_of_word_suffix");
  expect_refused(R"({"model": {"continuing_subword_prefix": "##"}})", k, "continuing_subword_prefix");
  expect_refused(R"({"model": {"dropout": 0.1}})", k, "dropout");
  expect_refused(R"({"pre_tokenizer": {"type": "UnicodeScripts"}})", k, "pre-tokenizer 'UnicodeScripts'");
  expect_refused(R"({"normalizer": {"type": "Sequence", "normalizers": [{"type": "Odd"}]}})", k, "normalizer 'Odd'");
  expect_refused(R"({"post_processor": {"type": "Odd"}})", k, "post-processor 'Odd'");
  expect_refused(R"({"decoder": {"type": "CTC"}})", k, "decoder 'CTC'");
  expect_refused(R"({"decoder": {"type": "Sequence", "decoders": [{"type": "Fuse"}, {"type": "Metaspace"}]}})", k,
                 "decoder 'Metaspace' is not supported after the tokens were joined");
  expect_refused(R"({"decoder": {"type": "Sequence", "decoders": [{"type": "Fuse"},
                     {"type": "Replace", "pattern": {"String": "ab"}, "content": ""}]}})",
                 k, "for a single character only");
  expect_refused(R"({"decoder": {"type": "Sequence", "decoders": [{"type": "Fuse"},
                     {"type": "Strip", "content": " ", "start": 2, "stop": 0}]}})",
                 k, "Strip of 2 and 0 characters of the whole text");
}

TEST(TokenizerJson, ContradictionsAreNamed) {
  const auto k = ErrorKind::kCorrupt;
  expect_refused(R"({"model": null})", k, "model: expected an object, found null");
  expect_refused(R"({"model": {"vocab": []}})", k, "model.vocab: expected an object, found array");
  expect_refused(R"({"model": {"vocab": {"c": 2}}})", k, "both have id 2");
  expect_refused(R"({"model": {"vocab": {"c": 4000}}})", k, "'c' has id 4000, far beyond the number of tokens (4)");
  expect_refused(R"({"model": {"vocab": {"c": -1}}})", k, "model.vocab.c: -1 is not a token id");
  expect_refused(R"({"model": {"vocab": {"c": 3.5}}})", k, "3.5 is not a token id");
  expect_refused(R"({"model": {"vocab": {"c": 9223372036854775808}}})", k, "is not a token id");
  expect_refused(R"({"model": {"vocab": {"c": "3"}}})", k, "is not a token id");
  expect_refused(R"({"model": {"merges": {}}})", k, "merges: expected an array");
  expect_refused(R"({"model": {"merges": ["ab"]}})", k, "merges[0]: \"ab\" is not a pair");
  expect_refused(R"({"model": {"merges": ["a b", ["a", "b", "c"]]}})", k, "merges[1]");
  expect_refused(R"({"model": {"merges": ["a b", "b a"]}})", k, "merges[1]: 'ba' is not in the vocabulary");
  expect_refused(R"({"model": {"merges": ["x b"]}})", k, "merges[0]: 'x' is not in the vocabulary");
  expect_refused(R"({"model": {"unk_token": "?"}})", k, "unk_token: '?' is not in vocab");
  expect_refused(R"({"model": {"fuse_unk": "yes"}})", k, "fuse_unk");
  expect_refused(R"({"added_tokens": {}})", k, "added_tokens: expected an array");
  expect_refused(R"({"added_tokens": [3]})", k, "added_tokens[0]: expected an object");
  expect_refused(R"({"added_tokens": [{"id": 3}]})", k, "'content' is missing");
  expect_refused(R"({"added_tokens": [{"id": 3, "content": ""}]})", k, "is empty");
  expect_refused(R"({"added_tokens": [{"id": 2, "content": "x"}]})", k, "that is 'ab'");
  expect_refused(R"({"added_tokens": [{"id": 3, "content": "a"}]})", k, "the vocabulary gives it another");
  expect_refused(R"({"added_tokens": [{"id": 3, "content": "x"}, {"id": 4, "content": "x"}]})", k, "listed twice");
  expect_refused(R"({"added_tokens": [{"id": 4, "content": "x"}, {"id": 1000000000, "content": "y"}]})", k,
                 "'y' has id 1000000000");
  expect_refused(R"({"model": {"type": "Unigram", "vocab": {}}})", k, "model.vocab: expected an array");
  expect_refused(R"({"model": {"type": "Unigram", "vocab": [["a", 0], ["b"]]}})", k,
                 "vocab[1]: [\"b\"] is not a piece");
  expect_refused(R"({"model": {"type": "Unigram", "vocab": [["a", 0], ["a", 1]]}})", k, "'a' is token 0 already");
  expect_refused(R"({"model": {"type": "Unigram", "vocab": [["a", 0]], "unk_id": 1}})", k, "unk_id: 1 of 1 pieces");
  expect_refused(R"({"model": {"type": "WordPiece"}})", k, "unk_token: '[UNK]' is not in vocab");
  expect_refused(R"({"model": {"type": "WordPiece", "unk_token": "a", "max_input_chars_per_word": 100000}})", k,
                 "max_input_chars_per_word: 100000");
  expect_refused(R"({"normalizer": {"type": "Precompiled", "precompiled_charsmap": "A?"}})", k, "not base64 at byte 1");
  expect_refused(R"({"normalizer": {"type": "Precompiled", "precompiled_charsmap": "AA=="}})", k, "1 bytes");
  expect_refused(R"({"normalizer": {"type": "Precompiled", "precompiled_charsmap": "/////w=="}})", k,
                 "a trie of 4294967295 bytes in 4");
  expect_refused(R"({"normalizer": {"type": "Prepend", "prepend": 3}})", k, "prepend");
  expect_refused(R"({"pre_tokenizer": {"type": "Metaspace", "prepend_scheme": "last"}})", k, "'last'");
  expect_refused(R"({"pre_tokenizer": {"type": "Metaspace", "replacement": "ab"}})", k, "'ab' is not one character");
  expect_refused(R"({"post_processor": {"type": "BertProcessing", "cls": ["a", 0], "sep": 3}})", k,
                 "sep: expected an array");
  expect_refused(R"({"decoder": {"type": "Strip", "content": " ", "start": -1, "stop": 0}})", k, "start is -1");
  expect_refused(R"({"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "("}, "behavior": "Isolated"}})", k,
                 "pattern");
  expect_refused(R"({"pre_tokenizer": {"type": "Split", "pattern": {"String": ""}, "behavior": "Isolated"}})", k,
                 "must not be empty");
  expect_refused(R"({"pre_tokenizer": {"type": "Split", "pattern": {"String": "a"}, "behavior": "Sideways"}})", k,
                 "'Sideways'");
  expect_refused(R"({"pre_tokenizer": {"type": "Split", "pattern": "a", "behavior": "Isolated"}})", k,
                 "pattern: expected an object");
  expect_refused(R"({"post_processor": {"type": "TemplateProcessing", "single": []}})", k,
                 "the text itself is missing");
  expect_refused(R"({"post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "s"}}]}})", k,
                 "special_tokens");
  expect_refused(
      R"({"post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "s"}}, {"Sequence": {}}],
                     "special_tokens": {"s": {"ids": [77]}}}})",
      k, "adds token 77 of 3");
}

TEST(TokenizerJson, IdsThatNoTokenHasStandForNothing) {
  const auto tokenizer =
      parse_tokenizer_json(tiny(R"({"added_tokens": [{"id": 7, "content": "x"}]})"), "tokenizer.json");
  EXPECT_EQ(tokenizer->size(), 8);
  EXPECT_EQ(tokenizer->encode("abx"), (std::vector<TokenId>{2, 7}));
  EXPECT_EQ(tokenizer->decode({2, 5, 7}), "abx");
  EXPECT_EQ(tokenizer->token_bytes(5), "");
}

TEST(TokenizerJson, ANormalizerThatBlowsTextUpIsStopped) {
  Json steps = Json::array();
  for (int i = 0; i < 8; ++i)
    steps.push_back({{"type", "Replace"}, {"pattern", {{"String", "a"}}}, {"content", std::string(200, 'a')}});
  Json json = parse_json(tiny("{}"), "tiny");
  json["normalizer"] = {{"type", "Sequence"}, {"normalizers", steps}};
  const auto tokenizer = parse_tokenizer_json(to_json_line(json), "tokenizer.json");
  EXPECT_THROW(tokenizer->encode("aaaa"), Error);
  json["normalizer"]["normalizers"][0]["content"] = std::string(300, 'a');
  expect_error([&] { parse_tokenizer_json(to_json_line(json), "tokenizer.json"); }, ErrorKind::kCorrupt, "300 bytes");
}

TEST(TokenizerJson, TheSameTokenTwiceInTheVocabularyIsAnError) {
  const std::string twice =
      R"({"model":{"type":"BPE","vocab":{"a":0,"a":1},"merges":[]},"decoder":{"type":"ByteLevel"}})";
  expect_error([&] { parse_tokenizer_json(twice, "tokenizer.json"); }, ErrorKind::kCorrupt, "'a' occurs twice");
}

TEST(TokenizerJson, AnExplodingPatternIsStoppedWhenUsed) {
  const auto tokenizer = parse_tokenizer_json(
      tiny(R"({"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "(a+)+$"}, "behavior": "Isolated"}})"),
      "tokenizer.json");
  expect_error([&] { tokenizer->encode(std::string(200, 'a') + "b"); }, ErrorKind::kResourceExhausted, "gave up");
}

}  // namespace
}  // namespace pent
