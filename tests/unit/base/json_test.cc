#include "base/json.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "support/expect_error.h"

namespace pent {
namespace {

std::string nested(int depth) { return std::string(depth, '[') + std::string(depth, ']'); }

TEST(Json, KeepsKeysInTheirOrder) {
  const Json json = parse_json(R"({"z": [1, -2, 3.5, true, null, "é"], "a": {"b": {}}})", "x.json");
  EXPECT_EQ(to_json_line(json), R"({"z":[1,-2,3.5,true,null,"é"],"a":{"b":{}}})");
}

TEST(Json, OfEqualKeysTheLastWinsUnlessRefused) {
  EXPECT_EQ(to_json_line(parse_json(R"({"a": 1, "b": 2, "a": [3]})", "x.json")), R"({"a":[3],"b":2})");
  EXPECT_ERROR(parse_json(R"({"a": 1, "b": {"c": 1, "c": 2}})", "x.json", 128, DuplicateKeys::kRefuse), kCorrupt,
               "x.json", "'c'");
}

TEST(Json, ErrorsNameTheFileAndTheByte) {
  EXPECT_ERROR(parse_json(R"({"a": 12,})", "dir/x.json"), kCorrupt, "dir/x.json: not valid JSON at byte 10");
  EXPECT_ERROR(parse_json("", "x.json"), kCorrupt, "x.json: not valid JSON at byte 1");
  EXPECT_ERROR(parse_json("[1] [2]", "x.json"), kCorrupt, "byte 5");
  EXPECT_ERROR(parse_json("[1e999]", "x.json"), kCorrupt, "x.json", "1e999");
  EXPECT_ERROR(parse_json("[\"\xff\"]", "x.json"), kCorrupt, "x.json");
  EXPECT_ERROR(parse_json(std::string_view("[1\0]", 4), "x.json"), kCorrupt, "x.json");
}

TEST(Json, LongTokensDoNotFloodTheMessage) {
  try {
    parse_json("[\"" + std::string(100000, 'x') + "\n\"]", "x.json");
    FAIL();
  } catch (const Error& problem) {
    EXPECT_LT(std::string(problem.what()).size(), 400u);
  }
}

TEST(Json, DepthIsLimited) {
  EXPECT_NO_THROW(parse_json(nested(128), "x.json"));
  EXPECT_ERROR(parse_json(nested(129), "x.json"), kCorrupt, "x.json", "nested deeper than 128");
  EXPECT_ERROR(parse_json(std::string(10'000'000, '['), "x.json"), kCorrupt, "nested deeper than 128");
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += "{\"a\":";
  EXPECT_ERROR(parse_json(objects, "x.json"), kCorrupt, "nested deeper than 128");
  EXPECT_NO_THROW(parse_json("[\"" + std::string(1000, '[') + "\"]", "x.json"));  // brackets in a string are text
}

TEST(Json, EveryTruncationIsAnError) {
  const std::string whole =
      R"({"vocab": {"a": 0, "\u00e9": 1}, "merges": ["a b", ["c", "d"]], "x": [1.5e3, false, null]})";
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_ERROR(parse_json(std::string_view(whole).substr(0, size), "x.json"), kCorrupt, "x.json");
  }
}

TEST(Json, VocabulariesWithManyKeysAreRead) {
  std::string text = "{";
  for (int i = 0; i < 200'000; ++i) text += fmt::format("{}\"token{}\":{}", i ? "," : "", i, i);
  const Json json = parse_json(text + "}", "x.json");
  EXPECT_EQ(json.size(), 200'000u);
  EXPECT_EQ(json.back(), 199'999);
}

TEST(Json, TypedLookUpsNameFileAndKey) {
  const Json json =
      parse_json(R"({"i": -7, "u": 18446744073709551615, "f": 1.5, "w": 4096.0, "b": true, "s": "x", "n": null})", "c");
  EXPECT_EQ(get_int(json, "i", "c"), -7);
  EXPECT_EQ(get_int(json, "w", "c"), 4096);
  EXPECT_EQ(get_int(json, "n", "c"), std::nullopt);
  EXPECT_EQ(get_int(json, "absent", "c"), std::nullopt);
  EXPECT_EQ(get_number(json, "i", "c"), -7.0);
  EXPECT_EQ(get_number(json, "f", "c"), 1.5);
  EXPECT_EQ(get_bool(json, "b", "c"), true);
  EXPECT_EQ(get_string(json, "s", "c"), "x");
  EXPECT_EQ(get_required_int(json, "i", "c"), -7);
  EXPECT_EQ(get_required_string(json, "s", "c"), "x");

  EXPECT_ERROR(get_int(json, "u", "c.json"), kCorrupt, "c.json: 'u' is 18446744073709551615, expected an integer");
  EXPECT_ERROR(get_int(json, "f", "c.json"), kCorrupt, "'f'");
  EXPECT_ERROR(get_number(json, "s", "c.json"), kCorrupt, "'s'", "a number");
  EXPECT_ERROR(get_bool(json, "i", "c.json"), kCorrupt, "'i'", "true or false");
  EXPECT_ERROR(get_string(json, "b", "c.json"), kCorrupt, "'b'", "a string");
  EXPECT_ERROR(get_required_int(json, "absent", "c.json"), kCorrupt, "c.json", "'absent' is missing");
  EXPECT_ERROR(get_required_string(json, "n", "c.json"), kCorrupt, "'n' is missing");
  EXPECT_ERROR(get_int(Json::array(), "i", "c.json"), kCorrupt, "c.json");
}

TEST(Json, OutputSurvivesTextThatIsNotUtf8) {
  EXPECT_EQ(to_json_line(Json{{"text", "a\xffz"}}), "{\"text\":\"a\xEF\xBF\xBDz\"}");
  EXPECT_EQ(to_json_file(Json{{"text", "a"}}, "x"), "{\n  \"text\": \"a\"\n}\n");
  EXPECT_ERROR(to_json_file(Json{{"text", "a\xffz"}}, "model.gguf"), kCorrupt,
               "model.gguf: has text that is not UTF-8, which JSON cannot hold");
}

}  // namespace
}  // namespace pent
