#include "text/chat_template.h"

#include <gtest/gtest.h>

#include <map>
#include <sstream>

#include "base/error.h"
#include "base/json.h"
#include "base/mapped_file.h"

namespace pent {
namespace {

// Blocks of "# name" and "key: JSON", parted by empty lines.
std::vector<std::map<std::string, std::string>> read_cases(const std::string& name) {
  std::vector<std::map<std::string, std::string>> cases;
  std::istringstream lines(read_file(PENT_SOURCE_DIR "/tests/cases/" + name));
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# ")) {
      cases.push_back({{"name", line.substr(2)}});
    } else if (const size_t colon = line.find(": "); colon != std::string::npos && !cases.empty()) {
      cases.back()[line.substr(0, colon)] = line.substr(colon + 2);
    }
  }
  return cases;
}

// make_template_cases.py renders at this local time.
std::time_t golden_time() {
  std::tm local{};
  local.tm_year = 2026 - 1900, local.tm_mon = 2, local.tm_mday = 7;
  local.tm_hour = 15, local.tm_min = 4, local.tm_sec = 5, local.tm_isdst = -1;
  return std::mktime(&local);
}

TEST(ChatTemplate, RendersAndRefusesAsJinja2) {
  const auto cases = read_cases("chat_template.case");
  EXPECT_GT(cases.size(), 150u);
  for (auto fields : cases) {
    SCOPED_TRACE(fields["name"]);
    const auto field = [&](const char* key) { return parse_json(fields[key], key); };
    const ChatInput input{.messages = field("messages"),
                          .tools = field("tools"),
                          .add_generation_prompt = field("add_generation_prompt"),
                          .variables = field("variables"),
                          .now = golden_time()};
    const Json expected = field("expected");
    try {
      const std::string text = ChatTemplate::parse(field("template").get<std::string>(), "test").apply(input);
      ASSERT_TRUE(expected.is_string()) << "jinja2 refuses this; we write " << text;
      EXPECT_EQ(text, expected.get<std::string>());
    } catch (const Error& problem) {
      EXPECT_TRUE(expected.is_null()) << problem.what();
      EXPECT_TRUE(std::string(problem.what()).starts_with("test:1: ")) << problem.what();
      EXPECT_EQ(std::string(problem.what()).find('\n'), std::string::npos) << problem.what();
    }
  }
}

std::string render(const std::string& source) {
  return ChatTemplate::parse(source, "t.jinja").apply({{"user", "hi"}}, true);
}

void expect_error(const std::string& source, ErrorKind kind, const std::string& part) {
  SCOPED_TRACE(source.substr(0, 100));
  try {
    render(source);
    ADD_FAILURE() << "no error";
  } catch (const Error& problem) {
    EXPECT_EQ(problem.kind(), kind) << problem.what();
    EXPECT_NE(std::string(problem.what()).find(part), std::string::npos) << problem.what();
    EXPECT_TRUE(std::string(problem.what()).starts_with("t.jinja:")) << problem.what();
  }
}

TEST(ChatTemplate, WhatItCannotDoIsNamedWithItsLine) {
  for (const auto& [source, part] : std::vector<std::pair<std::string, std::string>>{
           {"a\n{% include 'x' %}", "2: the block 'include'"},
           {"{% extends 'x' %}", "1: the block 'extends'"},
           {"\n\n{{ x | batch(3) }}", "3: the filter 'batch'"},
           {"{{ ['a'] | map('urlize') | list }}", "1: the filter 'urlize'"},
           {"{{ x is interesting }}", "the test 'interesting'"},
           {"\n{{ cycler(3) }}", "2: there is no function 'cycler'"},
           {"{{ 'a'.center(3) }}", "1: there is no function '….center'"},
           {"{{ messages[0].content.swapcase() }}", "1: there is no function 'messages[0].content.swapcase'"},
           {"{{ messages.append(1) }}", "1: there is no function 'messages.append'"},
           {"{% for a, (b, c) in d %}{% endfor %}", "unpacking within unpacking"},
           {"{% for a in b recursive %}{% endfor %}", "a recursive loop"},
           {"{{ f(*a) }}", "an argument with a star"},
           {"{{ '%e' % 1 }}", "the format '%e'"},
           {"{{ '{:>8}'.format(1) }}", "the format '{:>8}'"},
           {"{{ strftime_now('%Q') }}", "the time format '%Q'"},
           {"{{ 99999999999999999999 }}", "too large"}}) {
    expect_error(source, ErrorKind::kUnsupported, part);
  }
}

TEST(ChatTemplate, WrongSyntaxIsNamedWithItsLine) {
  for (const auto& [source, part] : std::vector<std::pair<std::string, std::string>>{
           {"\n{% if x %}", "2: the block 'if' is not closed"},
           {"{% for x in y %}", "'for' is not closed"},
           {"{% endif %}", "'endif' ends no block"},
           {"{% if x %}{% endfor %}", "'if' is not closed"},
           {"{{ 1", "is not closed"},
           {"{{ 'abc }}", "a string is not closed"},
           {"{# abc", "comment"},
           {"{{ ) }}", "')' closes nothing"},
           {"{{ }}", "expected an expression"},
           {"{{ 1 2 }}", "found '2'"},
           {"{% %}", "the name of a block"},
           {"{{ a ! b }}", "unexpected character '!'"},
           {"{{ '\\ud800' }}", "escape"},
           {"{{ and }}", "found 'and'"},
           {"{% raw %}{{{% endra %}", "'raw' is not closed"},
           {"{% set a, b %}", "expected '='"},
           {"{% macro f %}{% endmacro %}", "expected '('"},
           {"{% macro f(a=1, b) %}{% endmacro %}", "a parameter without a default"},
           {"{% call 1 %}{% endcall %}", "needs a call"},
           {"\n{% continue %}", "2: 'continue' outside of a loop"},
           {"{{ f(a=1, 2) }}", "without a name after"},
           {"{{ " + std::string(500, '(') + "1" + std::string(500, ')') + " }}", "deeper"},
           {"{{ " + std::string(500, '-') + "1 }}", "deeper"},
           {"{{ 1" +
                [] {
                  std::string s;
                  for (int i = 0; i < 500; ++i) s += "+1";
                  return s;
                }() +
                " }}",
            "deeper"}}) {
    expect_error(source, ErrorKind::kCorrupt, part);
  }
  std::string blocks;
  for (int i = 0; i < 500; ++i) blocks += "{% if 1 %}";
  expect_error(blocks, ErrorKind::kCorrupt, "deeper");
}

TEST(ChatTemplate, RaisedExceptionsAndWrongTypesAreTheCallersErrors) {
  expect_error("\n{{ raise_exception('Only\n' ~ 'users!') }}", ErrorKind::kInvalidArgument, "2: Only\\x0Ausers!");
  expect_error("\n{{ absent.x }}", ErrorKind::kInvalidArgument, "2: .x of 'absent', which is undefined");
  expect_error("{{ messages[3]['role'][0] }}", ErrorKind::kInvalidArgument, "an item of 'messages[3]'");
  expect_error("{{ 'a' + messages[0].name }}", ErrorKind::kInvalidArgument, "'messages[0].name' is undefined");
  expect_error("{{ 'a' + 1 }}", ErrorKind::kInvalidArgument, "'+' between a string and an integer");
  expect_error("{{ 1 // 0 }}", ErrorKind::kInvalidArgument, "division by zero");
  expect_error("{{ 999999999999999999 * 999999999999999999 }}", ErrorKind::kInvalidArgument, "too large");
  expect_error("{{ 10 ** 19 }}", ErrorKind::kInvalidArgument, "too large");
  expect_error("{{ 1 < 'a' }}", ErrorKind::kInvalidArgument, "'<' between");
  expect_error("{% for x in 1 %}{% endfor %}", ErrorKind::kInvalidArgument, "cannot loop over an integer");
  expect_error("{{ messages | tojson(indentation=2) }}", ErrorKind::kInvalidArgument, "no argument 'indentation'");
  expect_error("{% macro f(a) %}{% endmacro %}\n{{ f(1, 2) }}", ErrorKind::kInvalidArgument,
               "2: the macro 'f' takes at most 1 arguments, not 2");
  expect_error("{% set x.y = 1 %}", ErrorKind::kInvalidArgument, "'x' is not a namespace");
  expect_error("{{ [1] | map('upper') }}", ErrorKind::kInvalidArgument, "a generator cannot be printed");
}

TEST(ChatTemplate, EndlessGrowthIsStopped) {
  const auto repeated = [](const std::string& part, int count) {
    std::string all;
    for (int i = 0; i < count; ++i) all += part;
    return all;
  };
  const auto stopped = [](const std::string& source, const std::string& part) {
    expect_error(source, ErrorKind::kResourceExhausted, part);
  };
  stopped("{% set x = 'aaaaaaaaaaaaaaaa' %}" + repeated("{% set x = x + x %}", 40), "more work");
  stopped(repeated("{% for a in 'aaaaaaaaaa' %}", 12) + repeated("{% endfor %}", 12), "more work");
  stopped("{% set x = [] %}" + repeated("{% set x = [x, x] %}", 100), "nested");
  stopped("{% set f = 'a' %}" + repeated("{% set f = {'a': f}.get %}", 100), "nested");
  stopped("{{ 'a' * 999999999 }}", "more work");
  stopped("{{ [1] * 999999999 }}", "more work");
  stopped("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "deeper");
  stopped("{% macro f() %}{{ f() }}{{ f() }}{% endmacro %}{{ f() }}", "deeper");
  stopped("{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(30) }}", "more work");
  stopped("{% set ns = namespace() %}{% set ns.x = [ns] %}{{ ns }}", "too deep");
  stopped("{% set x = 'a' * 9999 %}" + repeated("{% set x = x.replace('a', 'aaaaaaaaaa') %}", 9), "more work");
  stopped(repeated("{{ ('a\\n' * 99999) | indent(999) }}", 9), "more work");
}

TEST(ChatTemplate, SpecialTokensAreStringsOrObjects) {
  const auto variables = [](const char* config) {
    return special_token_variables(parse_json(config, "config"), "m/tokenizer_config.json");
  };
  EXPECT_EQ(variables(R"({"bos_token": "<s>", "eos_token": {"content": "</s>", "lstrip": false}, "pad_token": null,
                          "mask_token": {"content": "<|mask|>"}, "additional_special_tokens": ["<a>", {"content": "<b>"}],
                          "extra_special_tokens": {"image_token": "<img>"}, "model_max_length": 7})"),
            parse_json(R"({"bos_token": "<s>", "eos_token": "</s>", "mask_token": "<|mask|>",
                           "additional_special_tokens": ["<a>", "<b>"], "image_token": "<img>"})",
                       "expected"));
  EXPECT_EQ(variables("null"), Json::object());
  EXPECT_EQ(variables(R"({"extra_special_tokens": ["<a>"], "additional_special_tokens": []})"), Json::object());
  for (const char* config : {R"({"bos_token": 1})", R"({"bos_token": {"content": null}})", R"({"bos_token": {}})",
                             R"({"additional_special_tokens": [1]})", R"({"extra_special_tokens": {"x": []}})"}) {
    EXPECT_THROW(variables(config), Error) << config;
  }
  EXPECT_EQ(ChatTemplate::parse("{{ bos_token }}{{ pad_token is defined }}{{ eos_token }}", "t")
                .apply({{"user", "hi"}}, true, variables(R"({"bos_token": "<s>", "pad_token": null})")),
            "<s>False");
}

// Jinja2 writes "missing" here, which is an accident of how it compiles.
TEST(ChatTemplate, AMacroMayOutliveItsBlock) {
  EXPECT_EQ(render("{% set ns = namespace(f=none) %}{% for i in [1, 2, 3] %}{% macro f() %}{{ i }}{% endmacro %}"
                   "{% if i == 2 %}{% set ns.f = f %}{% endif %}{% endfor %}{{ ns.f() }}"),
            "2");
}

TEST(ChatTemplate, MessagesThatNoTemplateCanHaveAreRefused) {
  const auto chat_template = ChatTemplate::parse("{{ messages }}", "t.jinja");
  Json deep = 1;
  for (int i = 0; i < 100; ++i) deep = Json::array({deep});
  EXPECT_THROW(chat_template.apply({.messages = deep}), Error);
  EXPECT_THROW(chat_template.apply({.messages = 18446744073709551615u}), Error);
  EXPECT_EQ(chat_template.apply({.messages = Json::array({"\xFF"})}), "['\uFFFD']");
}

}  // namespace
}  // namespace pent
