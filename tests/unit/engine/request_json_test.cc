#include "engine/request_json.h"

#include <gtest/gtest.h>

#include <limits>

#include "engine/fill_template.h"
#include "support/expect_error.h"

namespace pent {
namespace {

TEST(RequestJson, HoldsWhatATemplateSaysAndMore) {
  const Request request = parse_request(R"({
    "messages": [{"role": "user", "content": "Who?"}],
    "canvas": [{"text": "She is "}, {"hole": {"id": "age", "constraint": {"chars": "0-9"}, "length": 3}},
               {"hole": {"length": "auto"}}, {"hole": {"length": {"min": 4}, "priority": "Infinity"}},
               {"hole": {"init": "old", "strength": 0.5}}, {"hole": {"length": 7}}],
    "budget": {"max_nfe": 9}, "seed": 9007199254740992, "temperature": 1, "stop": ["x"], "include": ["a", "b c"],
    "json_schema": {"type": "integer"}, "diffusion": {"length": 12, "steps": 4, "trim_tail": true}})",
                                        "request");
  EXPECT_EQ(request.messages, (std::vector<ChatMessage>{{"user", "Who?"}}));
  ASSERT_EQ(request.canvas.size(), 6u);
  EXPECT_EQ(request.canvas[0].text, "She is ");
  EXPECT_EQ(request.canvas[1].hole->name, "age");
  EXPECT_EQ(request.canvas[1].hole->constraint->text, "[0\\-9]*");
  EXPECT_EQ(request.canvas[1].hole->max_tokens, 3);
  EXPECT_EQ(request.canvas[2].hole->max_tokens, kFreeHoleTokens);
  EXPECT_EQ(request.canvas[2].hole->name, "2");
  EXPECT_EQ(request.canvas[3].hole->min_tokens, 4);
  EXPECT_EQ(request.canvas[3].hole->priority, std::numeric_limits<double>::infinity());
  EXPECT_EQ(request.canvas[4].hole->draft, "old");
  EXPECT_EQ(request.canvas[4].hole->strength, 0.5);
  EXPECT_EQ(request.canvas[5].hole->min_tokens, 7);
  EXPECT_EQ(request.options.max_nfe, 9);
  EXPECT_EQ(request.options.seed, uint64_t{1} << 53);
  EXPECT_EQ(request.options.json_schema, R"({"type":"integer"})");
  EXPECT_EQ(request.options.include, (std::vector<std::string>{"a", "b c"}));
  EXPECT_EQ(request.options.length, "12");
  EXPECT_TRUE(request.options.trim_tail);
  EXPECT_EQ(parse_request(to_json_line(to_json(request)), "printed"), request);
}

TEST(RequestJson, ToolsAndTheirCallsAreThoseOfChatApis) {
  const std::string tools =
      R"([{"type":"function","function":{"name":"weather","parameters":{"type":"object","properties":{"b":{},"a":{}}}}}])";
  const std::string calls = R"([{"id":"c1","type":"function","function":{"name":"weather","arguments":{"b":1}}}])";
  const Request request =
      parse_request(R"({"tools": )" + tools + R"(, "messages": [{"role": "user", "content": "Rain?"},
    {"role": "assistant", "content": null, "tool_calls": )" +
                        calls + R"(},
    {"role": "tool", "content": "wet", "tool_call_id": "c1", "name": "weather"}]})",
                    "request");
  EXPECT_EQ(to_json_line(request.tools), tools);  // keys in their order: the template prints them
  ASSERT_EQ(request.messages.size(), 3u);
  EXPECT_EQ(request.messages[0].more, Json::object());
  EXPECT_EQ(request.messages[1].content, "");
  EXPECT_EQ(to_json_line(request.messages[1].more["tool_calls"]), calls);
  EXPECT_EQ(request.messages[2].more, (Json{{"tool_call_id", "c1"}, {"name", "weather"}}));
  EXPECT_EQ(parse_request(to_json_line(to_json(request)), "printed"), request);
  EXPECT_EQ(parse_tools(tools, "tools.json"), request.tools);
}

TEST(RequestJson, ATemplatePrintedIsTheTemplateAgain) {
  Request request;
  request.canvas = parse_fill_template("a [[3]] [[n:2..5]][[*]] \\[[ [[regex:[0-9]]]] [[choice:x|y|]] [[~old words]]");
  request.options = {.preset = "dream", .cfg_scale = 1.5, .logit_bias = {"3:-1"}, .seed = 4, .best_of = 2};
  EXPECT_EQ(parse_request(to_json_line(to_json(request)), "printed"), request);
  EXPECT_EQ(to_json(Request{}), Json::object());
  EXPECT_EQ(parse_request("{}", "printed"), Request{});
}

TEST(RequestJson, EveryNumberMayBeInfinite) {
  const Request request = parse_request(R"({"temperature": "Infinity", "budget": {"deadline_ms": "Infinity"},
    "diffusion": {"threshold": "Infinity"}})",
                                        "request");
  EXPECT_EQ(request.options.temperature, std::numeric_limits<double>::infinity());
  EXPECT_EQ(parse_request(to_json_line(to_json(request)), "printed"), request);
}

TEST(RequestJson, WhatIsWrongIsToldWithItsPath) {
  const std::pair<const char*, const char*> wrong[] = {
      {R"([])", "r: the request is []; expected an object"},
      {R"({"max_tokenz": 4})", "r: the request has a key 'max_tokenz'; known are messages, prompt, tools, canvas"},
      {R"({"max_tokens": 4.5})", "r: max_tokens is 4.5; expected a whole number"},
      {R"({"max_tokens": 4294967296})", "r: max_tokens is 4294967296; expected a whole number"},
      {R"({"seed": -1})", "r: seed is -1; expected a whole number from 0 to 2^53"},
      {R"({"seed": 18446744073709551615})", "r: seed is"},
      {R"({"temperature": "hot"})", "r: temperature is \"hot\"; expected a number"},
      {R"({"stop": "x"})", "r: stop is \"x\"; expected an array"},
      {R"({"stop": [1]})", "r: stop[0] is 1; expected a text"},
      {R"({"budget": {"nfe": 1}})", "r: budget has a key 'nfe'; known are max_nfe, deadline_ms"},
      {R"({"diffusion": {"trim_tail": 1}})", "r: diffusion.trim_tail is 1; expected true or false"},
      {R"({"messages": []})", "r: messages is empty"},
      {R"({"messages": [{"role": "user"}]})", "r: messages[0] has no content"},
      {R"({"messages": [{"role": "user", "content": null}]})", "r: messages[0] has no content"},
      {R"({"messages": [{"role": "assistant", "tool_calls": []}]})", "r: messages[0].tool_calls is empty"},
      {R"({"messages": [{"role": "assistant", "tool_calls": [{"function": "f"}]}]})",
       "r: messages[0].tool_calls[0] is {\"function\":\"f\"}; expected {\"type\": \"function\", \"function\": "
       "{\"name\""},
      {R"({"messages": [{"role": "tool", "content": "x", "name": 1}]})", "r: messages[0].name is 1; expected a text"},
      {R"({"messages": [{"role": "user", "content": "x"}], "tools": {}})", "r: tools is {}; expected an array"},
      {R"({"messages": [{"role": "user", "content": "x"}], "tools": [{"name": "f"}]})", "r: tools[0] is {"},
      {R"({"prompt": "x", "tools": [{"function": {"name": "f"}}]})", "r: the request has tools without messages"},
      {R"({"messages": [{"role": "user", "content": "x"}], "prompt": "y"})",
       "r: the request has messages and a prompt"},
      {R"({"canvas": {}})", "r: canvas is {}; expected an array"},
      {R"({"canvas": []})", "r: canvas makes no sense: the text has no hole"},
      {R"({"canvas": [{"text": "x"}]})", "r: canvas makes no sense: the text has no hole"},
      {R"({"canvas": [{}]})", "r: canvas[0] is neither"},
      {R"({"canvas": [{"text": "x", "hole": {}}]})", "r: canvas[0] is neither"},
      {R"({"canvas": [{"hole": {}}]})", "r: canvas makes no sense: the hole '1' says no length"},
      {R"({"canvas": [{"hole": {"length": 0}}]})", "r: canvas[0].hole.length is 0 to 0 tokens; expected 1 <= min"},
      {R"({"canvas": [{"hole": {"length": {"min": 5, "max": 4}}}]})", "r: canvas[0].hole.length is 5 to 4 tokens"},
      {R"({"canvas": [{"hole": {"length": "long"}}]})", "r: canvas[0].hole.length is \"long\"; expected a number"},
      {R"({"canvas": [{"hole": {"constraint": {}}}]})", "r: canvas[0].hole.constraint has 0 of regex, choice"},
      {R"({"canvas": [{"hole": {"constraint": {"regex": "a", "chars": "b"}}}]})",
       "r: canvas[0].hole.constraint has 2 of"},
      {R"({"canvas": [{"hole": {"constraint": {"choice": []}}}]})", "r: canvas[0].hole.constraint.choice has no text"},
      {R"({"canvas": [{"hole": {"constraint": {"regex": "a"}, "length": {"min": 2, "max": 3}}}]})",
       "r: canvas makes no sense: the hole '1' has a constraint, which says where it ends"},
      {R"({"canvas": [{"hole": {"init": "a", "length": 3}}]})", "r: canvas makes no sense: the hole '1' has a draft"},
      {R"({"canvas": [{"hole": {"length": 3, "strength": 0.5}}]})",
       "r: canvas makes no sense: the hole '1' has a strength"},
      {R"({"canvas": [{"hole": {"init": "a", "strength": 1.5}}]})", "the hole '1' has strength 1.5; expected 0 to 1"},
      {R"({"canvas": [{"hole": {"id": "a b", "length": 1}}]})",
       "r: canvas makes no sense: 'a b' is no name for a hole"},
      {R"({"canvas": [{"hole": {"id": "a", "length": 1}}, {"hole": {"id": "a", "length": 1}}]})",
       "two holes are named 'a'"},
  };
  for (const auto& [json, why] : wrong) EXPECT_ERROR(parse_request(json, "r"), kInvalidArgument, why) << json;
  EXPECT_ERROR(parse_request("{", "r"), kCorrupt, "r: not valid JSON");
  EXPECT_ERROR(parse_tools("[]", "t.json"), kInvalidArgument, "t.json: tools is empty");
  EXPECT_ERROR(parse_tools("[", "t.json"), kCorrupt, "t.json: not valid JSON");
}

}  // namespace
}  // namespace pent
