// What holds for every byte-level tokenizer: round trips, added tokens, streaming, time.
#include "text/tokenizer.h"

#include <gtest/gtest.h>

#include <cstring>

#include "base/error.h"
#include "test_tokenizers.h"
#include "text/precompiled_charsmap.h"

namespace pent {
namespace {

std::vector<std::string> spelled(const Tokenizer& tokenizer, const std::vector<TokenId>& ids) {
  std::vector<std::string> tokens;
  for (const TokenId id : ids) tokens.emplace_back(tokenizer.token_text(id));
  return tokens;
}

std::string stream(const Tokenizer& tokenizer, const std::vector<TokenId>& ids, bool skip_special) {
  StreamDecoder decoder(tokenizer, skip_special);
  std::string text;
  for (const TokenId id : ids) {
    const std::string piece = decoder.push(id);
    EXPECT_TRUE(is_valid_utf8(piece));
    text += piece;
  }
  return text + decoder.finish();
}

TEST(Tokenizer, DecodingWhatWasEncodedGivesTheTextBack) {
  const auto tokenizer = base_tokenizer();
  MixedLines lines(3);
  for (int i = 0; i < 3000; ++i) {
    const std::string line = lines.next();
    ASSERT_EQ(tokenizer->decode(tokenizer->encode(line)), line);
  }
}

class EveryTokenizer : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Stored, EveryTokenizer,
                         testing::Values("base.json", "spm.json", "unigram.json", "wordpiece.json"),
                         [](const auto& info) { return std::string(info.param, std::strchr(info.param, '.')); });

TEST_P(EveryTokenizer, StreamedTextIsTheDecodedText) {
  const auto tokenizer = parse_tokenizer_json(golden_file(GetParam()), GetParam());
  MixedLines lines(4);
  uint32_t state = 1;
  for (int i = 0; i < 1000; ++i) {
    std::vector<TokenId> ids = tokenizer->encode(lines.next());
    for (TokenId& id : ids) {  // a model may write anything: break some characters
      state = state * 1664525 + 1013904223;
      if (state >> 30 == 0) id = static_cast<TokenId>((state >> 8) % tokenizer->size());
    }
    for (const bool skip_special : {false, true}) {
      ASSERT_EQ(stream(*tokenizer, ids, skip_special), tokenizer->decode(ids, skip_special));
    }
  }
}

TEST(Tokenizer, TheSpaceOfTheFirstTokenBelongsToNoText) {
  const auto spm = parse_tokenizer_json(golden_file("spm.json"), "spm.json");
  MixedLines lines(5);
  for (int i = 0; i < 1000; ++i) {
    const std::string line = lines.next();
    if (line.find("\u2581") != std::string::npos || line.find("<0x") != std::string::npos) continue;
    ASSERT_EQ(spm->decode(spm->encode(line)), line);
  }
  const auto word_piece = parse_tokenizer_json(golden_file("wordpiece.json"), "wordpiece.json");
  const auto ids = word_piece->encode("the dog");
  EXPECT_EQ(word_piece->decode(ids), "the dog");
  EXPECT_EQ(word_piece->opening_bytes(ids[0]), "the");
  EXPECT_EQ(word_piece->token_bytes(ids[0]), " the");
}

TEST(Tokenizer, ADamagedCharsmapGivesTextOrAnError) {
  const Json json = parse_json(golden_file("unigram.json"), "unigram.json");
  const std::string whole =
      decode_base64(json["normalizer"]["normalizers"][0]["precompiled_charsmap"].get<std::string>(), "unigram.json");
  MixedLines lines(6);
  std::vector<std::string> texts;
  for (int i = 0; i < 20; ++i) texts.push_back(lines.next());
  uint32_t state = 7;
  const auto below = [&state](size_t n) {
    state = state * 1664525 + 1013904223;
    return (state >> 8) % n;
  };
  for (int round = 0; round < 3000; ++round) {
    std::string damaged = whole;
    for (size_t i = 0; i <= below(40); ++i) damaged[below(damaged.size())] = static_cast<char>(below(256));
    if (round % 3 == 0) damaged.resize(below(damaged.size()));
    try {
      const PrecompiledCharsmap charsmap(damaged, "charsmap");
      for (const std::string& text : texts) ASSERT_TRUE(is_valid_utf8(charsmap(text)));
    } catch (const Error& problem) {
      EXPECT_EQ(problem.kind(), ErrorKind::kCorrupt);
    }
  }
}

TEST(Tokenizer, AnEmojiIsHeldUntilItIsWhole) {
  const auto tokenizer = patched_tokenizer({{"model", {{"merges", Json::array()}}}});  // bytes only
  const auto ids = tokenizer->encode("a🙂");
  ASSERT_EQ(ids.size(), 5u);
  StreamDecoder decoder(*tokenizer);
  EXPECT_EQ(decoder.push(ids[0]), "a");
  for (int i = 1; i < 4; ++i) EXPECT_EQ(decoder.push(ids[i]), "");
  EXPECT_EQ(decoder.push(ids[4]), "🙂");
  decoder.push(ids[1]);
  EXPECT_EQ(decoder.push(ids[0]), "\uFFFDa");  // it can no longer become whole
  decoder.push(ids[1]);
  EXPECT_EQ(decoder.finish(), "\uFFFD");
  EXPECT_EQ(decoder.finish(), "");
}

TEST(Tokenizer, SpecialTokensAreRecognisedAndCanBeLeftOut) {
  const auto tokenizer = base_tokenizer();
  const TokenId bos = tokenizer->find("<|bos|>").value();
  EXPECT_TRUE(tokenizer->is_special(bos));
  EXPECT_FALSE(tokenizer->is_special(0));
  const auto ids = tokenizer->encode("<|bos|>a");
  EXPECT_EQ(ids.front(), bos);
  EXPECT_EQ(tokenizer->decode(ids), "<|bos|>a");
  EXPECT_EQ(tokenizer->decode(ids, true), "a");
  EXPECT_EQ(tokenizer->find("no such token"), std::nullopt);
}

TEST(Tokenizer, AddSpecialPutsWhatThePostProcessorSays) {
  const auto tokenizer = patched_tokenizer(parse_json(R"({"post_processor": {"type": "TemplateProcessing", "single": [
      {"SpecialToken": {"id": "<|bos|>"}}, {"Sequence": {"id": "A"}}, {"SpecialToken": {"id": "end"}}],
      "special_tokens": {"<|bos|>": {"ids": [1]}, "end": {"ids": [2, 3]}}}})",
                                                      "patch"));
  EXPECT_EQ(tokenizer->encode("", true), (std::vector<TokenId>{1, 2, 3}));
  EXPECT_TRUE(tokenizer->encode("", false).empty());
}

TEST(Tokenizer, TheLongestAddedTokenWins) {
  const int next = base_tokenizer()->size();
  Json json = base_tokenizer_json();
  for (const char* content : {"<|a", "<|a|>", "<|a|>b"}) {
    json["added_tokens"].push_back(
        {{"id", next + static_cast<int>(json["added_tokens"].size()) - 3}, {"content", content}});
  }
  const auto tokenizer = parse_tokenizer_json(to_json_line(json), "tokenizer.json");
  EXPECT_EQ(spelled(*tokenizer, tokenizer->encode("<|a|>b<|a|><|a")),
            (std::vector<std::string>{"<|a|>b", "<|a|>", "<|a"}));
}

TEST(Tokenizer, InvalidUtf8IsReadAsReplacementCharacters) {
  const auto tokenizer = base_tokenizer();
  EXPECT_EQ(tokenizer->decode(tokenizer->encode("a\xFF"
                                                "b\xE4\xBD")),
            "a\uFFFDb\uFFFD");
}

TEST(Tokenizer, IdsThatDoNotExistAreRefused) {
  const auto tokenizer = base_tokenizer();
  for (const TokenId id : {-1, tokenizer->size(), INT32_MAX}) {
    EXPECT_THROW(tokenizer->decode({id}), Error);
    EXPECT_THROW(tokenizer->token_bytes(id), Error);
    EXPECT_THROW(tokenizer->is_special(id), Error);
  }
}

TEST(Tokenizer, UnknownCharactersBecomeUnkBytesOrNothing) {
  const char* base = R"({"decoder": {"type": "ByteLevel"}, "model": {"type": "BPE",
      "vocab": {"a": 0, "?": 1, "<0xC3>": 2, "<0xA9>": 3}, "merges": []}})";
  const auto ids = [&](const char* patch) {
    Json json = parse_json(base, "base");
    json.merge_patch(parse_json(patch, "patch"));
    return parse_tokenizer_json(to_json_line(json), "tokenizer.json")->encode("axéya");
  };
  using Ids = std::vector<TokenId>;
  EXPECT_EQ(ids("{}"), (Ids{0, 0}));
  EXPECT_EQ(ids(R"({"model": {"unk_token": "?"}})"), (Ids{0, 1, 1, 1, 0}));
  EXPECT_EQ(ids(R"({"model": {"unk_token": "?", "fuse_unk": true}})"), (Ids{0, 1, 0}));
  // The library's order: unknown characters wait for a known one, past bytes.
  EXPECT_EQ(ids(R"({"model": {"unk_token": "?", "byte_fallback": true, "fuse_unk": true}})"), (Ids{0, 2, 3, 1, 0}));
  EXPECT_EQ(ids(R"({"model": {"unk_token": "?", "byte_fallback": true}})"), (Ids{0, 2, 3, 1, 1, 0}));
}

// Quadratic work on these would take minutes.
TEST(Tokenizer, LongRunsOfOneCharacterAreNoTrouble) {
  const auto tokenizer = base_tokenizer();
  for (const std::string unit : {"a", " ", "\n", "é", "0", "!", "<"}) {
    const size_t size = size_t{1} << (unit == "a" ? 20 : 17);
    std::string text;
    while (text.size() < size) text += unit;
    EXPECT_EQ(tokenizer->decode(tokenizer->encode(text)), text);
  }
}

}  // namespace
}  // namespace pent
