#include "text/grammar/json_schema.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "base/error.h"
#include "text/grammar/automaton.h"
#include "text/grammar/json_text.h"

namespace pent::grammar {
namespace {

Automaton automaton(const std::string& schema) {
  return Automaton::compile(parse_json_schema(parse_json(schema, "--json-schema"), "--json-schema"), "--json-schema");
}

std::string problem(const std::string& schema) {
  try {
    automaton(schema);
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing";
}

void expect(const std::string& schema, const std::vector<std::string>& valid, const std::vector<std::string>& others) {
  const Automaton made = automaton(schema);
  for (const std::string& text : valid) EXPECT_TRUE(made.matches(text)) << schema << " on " << text;
  for (const std::string& text : others) EXPECT_FALSE(made.matches(text)) << schema << " on " << text;
}

TEST(JsonSchema, ScalarTypes) {
  expect(R"({"type":"string"})", {R"("")", R"("aé\n\u00e9\"\\")"},
         {"", "a", R"("a)", R"("\x")", "\"\n\"", R"("\ud800")"});
  expect(R"({"type":"integer"})", {"0", "-7", "1234567890123456"}, {"", "01", "1.0", "+1", "12345678901234567"});
  expect(R"({"type":"number"})", {"0", "-7.25", "1e5", "2.5E-10"}, {"", ".5", "1.", "1e", "-"});
  expect(R"({"type":"boolean"})", {"true", "false"}, {"null", "tru"});
  expect(R"({"type":["null","boolean"]})", {"null", "true"}, {"1"});
  expect(R"({"type":"string","minLength":2,"maxLength":3})", {R"("ab")", R"("éé\n")"}, {R"("a")", R"("abcd")"});
}

TEST(JsonSchema, PatternsAreOfCharactersAndWrittenAsJson) {
  expect(R"({"type":"string","pattern":"^[a-c]{2}$"})", {R"("ab")"}, {R"("abc")", "ab", R"("a")"});
  expect(R"({"type":"string","pattern":"^a.b\"\\\\$"})", {R"("a\"b\"\\")", R"("a\\b\"\\")", R"("a\tb\"\\")"},
         {R"("a"b"\")"});
  expect(R"({"type":"string","pattern":"x"})", {R"("axb")", R"("x")"}, {R"("ab")"});
  expect(R"({"type":"string","format":"date"})", {R"("2026-11-28")"}, {R"("2026-13-28")", R"("2026-1-1")"});
  expect(R"({"type":"string","format":"ipv4"})", {R"("192.168.0.255")"}, {R"("256.1.1.1")"});
  expect(R"({"type":"string","format":"made-up"})", {R"("x")"}, {});
}

TEST(JsonSchema, Bounds) {
  expect(R"({"type":"integer","minimum":-3,"exclusiveMaximum":12})", {"-3", "0", "11"}, {"-4", "12", "111", "-10"});
  expect(R"({"type":"number","minimum":0,"maximum":1})", {"0", "1", "0.5"}, {"1.5", "-0.5", "2"});
  expect(R"({"type":"number","exclusiveMinimum":-2,"maximum":1})", {"-1.5", "-0.25", "1"}, {"-2", "-2.5", "1.0"});
}

TEST(JsonSchema, Objects) {
  const std::string schema =
      R"({"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"null"},"c":{"const":"x"}},
                                 "required":["b"]})";
  expect(schema, {R"({"a":1,"b":null,"c":"x"})", R"({"b": null})", R"({"b":null, "c": "x"})"},
         {R"({})", R"({"a":1})", R"({"b":null,"a":1})", R"({"b":null,})", R"({"b":null,"d":1})"});
  expect(R"({"properties":{"a":true}})", {"{}", R"({"a":[1,{"b":null}]})"}, {R"({"b":1})", "1"});
  expect(R"({"type":"object","additionalProperties":{"type":"boolean"},"maxProperties":2})",
         {"{}", R"({"x":true,"y":false})"}, {R"({"x":1})", R"({"x":true,"y":true,"z":true})"});
  expect(R"({"type":"object","properties":{},"additionalProperties":false})", {"{}"}, {R"({"a":1})"});
  expect(R"({"type":"object","required":["k"]})", {R"({"k":[]})"}, {"{}"});
}

TEST(JsonSchema, Arrays) {
  expect(R"({"type":"array","items":{"type":"boolean"},"minItems":1,"maxItems":2})", {"[true]", "[true, false]"},
         {"[]", "[true,true,true]", "[1]", "[true,]"});
  expect(R"({"type":"array","prefixItems":[{"const":1},{"const":2}],"items":false})", {"[1,2]"}, {"[1]", "[1,2,3]"});
  expect(R"({"type":"array","prefixItems":[{"const":1}],"items":{"type":"null"}})", {"[1]", "[1,null]"},
         {"[]", "[1,2]"});
  expect(R"({"type":"array","maxItems":0})", {"[]"}, {"[1]"});
}

TEST(JsonSchema, CombinationsAndReferences) {
  expect(R"({"enum":["a",1,null,{"k":[1,2]}]})", {R"("a")", "1", "null", R"({"k":[1,2]})", R"({"k": [1, 2]})"},
         {"2", "a"});
  expect(R"({"anyOf":[{"type":"null"},{"enum":["x","y"]}]})", {"null", R"("x")"}, {R"("z")"});
  expect(R"({"oneOf":[{"type":"null"},{"type":"integer"}]})", {"null", "3"}, {"true"});
  expect(R"({"$defs":{"n":{"type":"integer"}},"type":"array","items":{"$ref":"#/$defs/n"}})", {"[1,2]"}, {"[null]"});
  const Automaton tree = automaton(R"({"type":"object","properties":{"v":{"type":"boolean"},"next":{"$ref":"#"}}})");
  EXPECT_TRUE(tree.matches(R"({"v":true,"next":{"next":{}}})"));
  EXPECT_FALSE(tree.matches(R"({"v":true,"next":{"next":{}})"));
  EXPECT_GE(tree.nesting(), 2);
}

TEST(JsonSchema, AnyValueNestsAtLeastThreeDeep) {
  const Automaton any = automaton("true");
  for (const char* text : {"1", "[[[]]]", R"({"a":{"b":[{"c":"d"}]}})", R"("x")"})
    EXPECT_TRUE(any.matches(text)) << text;
  for (const char* text : {"", "[[", "{1:2}", "[1,]", "nul"}) EXPECT_FALSE(any.matches(text)) << text;
  EXPECT_GE(any.nesting(), 3);
}

TEST(JsonSchema, RefusesInOneLine) {
  const auto refuse = [](const std::string& schema, const std::string& why) {
    EXPECT_NE(problem(schema).find(why), std::string::npos) << schema << "\n" << problem(schema);
  };
  refuse("3", "the schema: expected an object or true");
  refuse("false", "the schema: it allows nothing");
  refuse(R"({"type":"strin"})", "'type' is \"strin\"");
  refuse(R"({"properties":{"a":{"not":{}}}})", "/properties/a: 'not' is not supported");
  refuse(R"({"type":"array","uniqueItems":true})", "'uniqueItems' is not supported");
  refuse(R"({"type":"string","pattern":"a","minLength":2})", "'minLength' beside 'pattern' is not supported");
  refuse("{\"type\":\"string\",\"pattern\":\"(?=a)\"}", "/pattern: look-around");
  refuse(R"({"type":"string","minLength":3,"maxLength":2})", "'maxLength' is below 'minLength'");
  refuse(R"({"type":"string","minLength":-1})", "'minLength' is no count");
  refuse(R"({"anyOf":[{}],"type":"object","properties":{}})", "'properties' beside 'anyOf' is not supported");
  refuse(R"({"oneOf":[{"type":"integer"},{"type":"number"}]})", "the schemas may allow the same value");
  refuse(R"({"oneOf":[{"const":1},{"const":1.0}]})", "the schemas may allow the same value");
  refuse(R"({"allOf":[{},{}]})", "'allOf' of more than one is not supported");
  refuse(R"({"enum":[]})", "'enum' is no list of values");
  refuse(R"({"enum":["a"],"type":"integer"})", "no value of 'enum' is of the type");
  refuse(R"({"enum":[1,5],"minimum":3})", "'minimum' beside 'enum' is not supported");
  refuse(R"({"$ref":"other.json"})", "'$ref' leads out of the schema");
  refuse(R"({"$ref":"#/x"})", "'$ref' leads to '/x', which is not there");
  refuse(R"({"$ref":"#/~2"})", "which is not there");
  refuse(R"({"$ref":"#"})", "no text matches it");
  refuse(R"({"type":"integer","minimum":3,"maximum":2})", "no whole number of at most 16 digits is between the bounds");
  refuse(R"({"type":"number","minimum":0.2,"maximum":0.8})", "neither a whole number nor room");
  refuse(R"({"type":"number","multipleOf":3})", "'multipleOf' is not supported, but for 1");
  refuse(R"({"type":"object","required":["a"],"additionalProperties":false})", "'a' is required and not allowed");
  refuse(R"({"type":"array","minItems":100000000})", "it needs an automaton of more than 16384 states");
}

TEST(JsonTextProperty, IntegersBetweenBoundsAndNoOthers) {
  EXPECT_TRUE(rc::check([] {
    const auto min = *rc::gen::inRange<int64_t>(-1500, 1500);
    const auto max = min + *rc::gen::inRange<int64_t>(0, 1200);
    const Automaton made = Automaton::compile(grammar_of(json_integer(min, max)), "integers");
    for (int64_t value = -3000; value <= 3000; ++value)
      if (made.matches(std::to_string(value)) != (value >= min && value <= max)) RC_FAIL(std::to_string(value));
    RC_ASSERT(!made.matches("00") && !made.matches("-0") && !made.matches("01"));
  }));
}

TEST(JsonTextProperty, NumbersStayWithinTheirBounds) {
  EXPECT_TRUE(rc::check([] {
    NumberBounds bounds;
    bounds.min = *rc::gen::inRange(-50, 50) / 2.0;
    bounds.min_excluded = *rc::gen::arbitrary<bool>();
    bounds.max_excluded = *rc::gen::arbitrary<bool>();
    bounds.max = *bounds.min + *rc::gen::inRange(4, 60) / 2.0;
    const Automaton made = Automaton::compile(grammar_of(json_number(bounds)), "numbers");
    for (int tenths = -400; tenths <= 400; ++tenths) {
      const std::string text =
          fmt::format("{}{}.{}", tenths < 0 ? "-" : "", std::abs(tenths) / 10, std::abs(tenths) % 10);
      if (!made.matches(text)) continue;
      const double value = tenths / 10.0;
      const bool above = bounds.min_excluded ? value > *bounds.min : value >= *bounds.min;
      const bool below = bounds.max_excluded ? value < *bounds.max : value <= *bounds.max;
      RC_ASSERT(above && below);
    }
  }));
}

}  // namespace
}  // namespace pent::grammar
