// Vocabularies that are written into GGUF and read again without the tokenizer.json that goes along: the same ids.
#include "text/gguf_vocabulary.h"

#include <gtest/gtest.h>

#include "support/expect_error.h"
#include "support/temp_dir.h"
#include "test_tokenizers.h"
#include "text/bpe.h"
#include "text/word_model_json.h"

namespace pent {
namespace {

class GgufVocabularies : public ::testing::Test {
 protected:
  // The pairs of a model with eight more rows than tokens.
  GgufVocabulary vocabulary_of(const Json& json) {
    ModelFiles files;
    files.where = "model";
    files.tokenizer_json = to_json_line(json);
    wanted_ = parse_tokenizer_json(files.tokenizer_json, "tokenizer.json");
    return gguf_vocabulary(files, *wanted_, wanted_->size() + 8, -1, -1);
  }
  std::unique_ptr<GgufFile> written(GgufPairs pairs) {
    std::erase_if(pairs, [](const auto& pair) { return pair.first == "tokenizer.huggingface.json"; });
    write_gguf(dir_ / "model.gguf", pairs, {});
    return open_gguf(dir_ / "model.gguf");
  }
  void expect_same(const Tokenizer& got) const {
    MixedLines lines(22);
    for (int i = 0; i < 300; ++i) {
      const std::string line = lines.next();
      const std::vector<TokenId> ids = wanted_->encode(line, true);
      ASSERT_EQ(got.encode(line, true), ids) << line;
      ASSERT_EQ(got.decode(ids), wanted_->decode(ids)) << line;
    }
  }
  void expect_round_trip(const Json& json, const char* model) {
    const GgufVocabulary vocabulary = vocabulary_of(json);
    EXPECT_EQ(vocabulary.note, "");
    const auto file = written(vocabulary.pairs);
    EXPECT_EQ(file->get_string("tokenizer.ggml.model"), model);
    EXPECT_EQ(file->get_strings("tokenizer.ggml.tokens")->size(), static_cast<size_t>(wanted_->size()) + 8);
    expect_same(*make_tokenizer_from_gguf(*file));
    // And as a tokenizer.json made of the vocabulary, without the spare rows.
    const auto made = parse_tokenizer_json(tokenizer_json_of_gguf(*file), "made");
    EXPECT_EQ(made->size(), wanted_->size());
    expect_same(*made);
  }
  std::string refusal_note(const Json& json) {
    const GgufVocabulary vocabulary = vocabulary_of(json);
    EXPECT_EQ(std::get<std::string>(vocabulary.pairs.front().second), "none");
    return vocabulary.note;
  }

  TempDir dir_;
  std::shared_ptr<const Tokenizer> wanted_;
};

// As transformers converts SentencePiece's BPE: a merge for every pair of tokens that makes a token, by score.
Json sentence_piece() {
  Json json = parse_json(golden_file("spm.json"), "spm.json");
  const TokenIndex vocabulary = parse_vocabulary(JsonPart::checked(json["model"], "spm.json").part("vocab"));
  std::vector<std::string> tokens(vocabulary.size());
  std::vector<double> scores(vocabulary.size());
  for (const auto& [token, id] : vocabulary) {
    tokens[static_cast<size_t>(id)] = token;
    scores[static_cast<size_t>(id)] = -id;
  }
  json["model"]["merges"] = Json::array();
  for (const Bpe::Merge& merge : merges_of_scores(vocabulary, scores)) {
    if (merge.merged > 2)  // not the special tokens
      json["model"]["merges"].push_back(tokens[static_cast<size_t>(merge.left)] + " " +
                                        tokens[static_cast<size_t>(merge.right)]);
  }
  json["post_processor"] = {{"type", "TemplateProcessing"},
                            {"single", {{{"SpecialToken", {{"id", "<s>"}}}}, {{"Sequence", {{"id", "A"}}}}}},
                            {"special_tokens", {{"<s>", {{"id", "<s>"}, {"ids", {1}}, {"tokens", {"<s>"}}}}}}};
  return json;
}

TEST_F(GgufVocabularies, SentencePiecesGoIntoGgufAndBack) { expect_round_trip(sentence_piece(), "llama"); }

// Metaspace puts no space before one, llama.cpp does.
TEST_F(GgufVocabularies, SentencePiecesWithMetaspaceAreTheSameButForSpaces) {
  Json json = sentence_piece();
  json["normalizer"] = nullptr;
  json["pre_tokenizer"] = {
      {"type", "Metaspace"}, {"replacement", "\u2581"}, {"prepend_scheme", "always"}, {"split", false}};
  const GgufVocabulary always = vocabulary_of(json);
  EXPECT_EQ(std::get<std::string>(always.pairs.front().second), "llama");
  EXPECT_NE(always.note.find("space before text that begins with one"), std::string::npos);
  const auto read = make_tokenizer_from_gguf(*written(always.pairs));
  for (const char* text : {"they're 1234", "a", "def f(x):\treturn  x"})
    EXPECT_EQ(read->encode(text, true), wanted_->encode(text, true)) << text;
  json["pre_tokenizer"]["prepend_scheme"] = "never";
  expect_round_trip(json, "llama");
  json["pre_tokenizer"]["split"] = true;
  EXPECT_NE(refusal_note(json).find("ids only"), std::string::npos);
}

TEST_F(GgufVocabularies, MergesThatScoresCannotSayAreNotWritten) {
  EXPECT_NE(refusal_note(parse_json(golden_file("spm.json"), "spm.json")).find("ids only"), std::string::npos);
  Json twice = sentence_piece();
  Json& merges = twice["model"]["merges"];
  for (size_t i = 1; i < merges.size(); ++i) {  // the two ways to make one token far from each other
    std::string a = merges[i - 1], b = merges[i];
    a.erase(a.find(' '), 1), b.erase(b.find(' '), 1);
    if (a != b) continue;
    merges.push_back(merges[i]);
    merges.erase(i);
    break;
  }
  EXPECT_NE(refusal_note(twice).find("ids only"), std::string::npos);
  Json without_bytes = sentence_piece();
  without_bytes["model"]["vocab"].erase("<0x41>");
  EXPECT_NE(refusal_note(without_bytes).find("ids only"), std::string::npos);
}

TEST_F(GgufVocabularies, UnigramGoesIntoGgufAndBack) {
  Json json = parse_json(golden_file("unigram.json"), "unigram.json");
  expect_round_trip(json, "t5");
  json["model"]["byte_fallback"] = true;
  EXPECT_NE(vocabulary_of(json).note.find("not as its bytes"), std::string::npos);
  json["normalizer"] = {{"type", "Lowercase"}};
  EXPECT_NE(refusal_note(json).find("ids only"), std::string::npos);
}

TEST_F(GgufVocabularies, WordPiecesGoIntoGgufAndBack) {
  Json json = parse_json(golden_file("wordpiece.json"), "wordpiece.json");
  expect_round_trip(json, "bert");
  json["normalizer"]["lowercase"] = false;
  expect_round_trip(json, "bert");
  json["post_processor"] = nullptr;
  EXPECT_NE(vocabulary_of(json).note.find("will not put around"), std::string::npos);
  json["normalizer"]["clean_text"] = false;
  EXPECT_NE(refusal_note(json).find("ids only"), std::string::npos);
}

TEST_F(GgufVocabularies, TokensThatAreNotUtf8StayInGguf) {
  GgufPairs pairs = vocabulary_of(sentence_piece()).pairs;
  for (auto& [key, value] : pairs)
    if (key == "tokenizer.ggml.tokens") std::get<std::vector<std::string>>(value).back() = "\xA2";
  const auto file = written(pairs);
  EXPECT_NO_THROW(make_tokenizer_from_gguf(*file));
  for (auto& [key, value] : pairs)
    if (key == "tokenizer.ggml.token_type") std::get<std::vector<int32_t>>(value).back() = 1;
  EXPECT_ERROR(tokenizer_json_of_gguf(*written(pairs)), kCorrupt, "has text that is not UTF-8, which JSON cannot hold");
}

TEST_F(GgufVocabularies, AFlagThatIsNullIsNotSet) {
  Json json = sentence_piece();
  for (Json& added : json["added_tokens"]) added["special"] = nullptr;
  const auto file = written(vocabulary_of(json).pairs);
  EXPECT_EQ(file->get_ints("tokenizer.ggml.token_type")->at(1), 4);  // user-defined, not control
}

TEST_F(GgufVocabularies, ByteLevelBpeGoesIntoGgufAndBack) { expect_round_trip(base_tokenizer_json(), "gpt2"); }

}  // namespace
}  // namespace pent
