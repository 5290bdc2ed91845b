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

TEST(ChatTemplate, RendersAsJinja2) {
  const auto cases = read_cases("chat_template.case");
  EXPECT_GT(cases.size(), 40u);
  for (auto fields : cases) {
    SCOPED_TRACE(fields["name"]);
    const auto field = [&](const char* key) { return parse_json(fields[key], key); };
    std::vector<ChatMessage> messages;
    for (const Json& message : field("messages")) messages.push_back({message["role"], message["content"]});
    try {
      const auto chat_template = ChatTemplate::parse(field("template").get<std::string>(), "test");
      EXPECT_EQ(chat_template.apply(messages, field("add_generation_prompt"), "<s>", "</s>"),
                field("expected").get<std::string>());
    } catch (const Error& problem) {
      ADD_FAILURE() << problem.what();
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
    EXPECT_TRUE(std::string(problem.what()).starts_with("t.jinja") || kind == ErrorKind::kResourceExhausted)
        << problem.what();
  }
}

TEST(ChatTemplate, WhatItCannotDoIsNamedWithItsLine) {
  for (const auto& [source, part] :
       std::vector<std::pair<std::string, std::string>>{{"a\n{% macro f() %}{% endmacro %}", "2: the block 'macro'"},
                                                        {"{% raw %}{{{% endraw %}", "1: the block 'raw'"},
                                                        {"\n\n{{ x | sort }}", "3: the filter 'sort'"},
                                                        {"{{ x is divisibleby(3) }}", "the test 'divisibleby'"},
                                                        {"{{ range(3) }}", "the function 'range'"},
                                                        {"{{ 'a'.strip() }}", "the method 'strip'"},
                                                        {"{% set ns.x = 1 %}", "setting an attribute"},
                                                        {"{% set x %}a{% endset %}", "a set block"},
                                                        {"{% for a, b in c %}{% endfor %}", "several variables"},
                                                        {"{{ 1 / 2 }}", "the operator /"},
                                                        {"{{ 2 ** 2 }}", "the operator **"},
                                                        {"{{ 1.5 }}", "fraction"},
                                                        {"{{ (1, 2) }}", "a tuple"},
                                                        {"{{ 1 < 2 < 3 }}", "a chain of comparisons"},
                                                        {"{{ 'abc'[::2] }}", "a slice with a step"},
                                                        {"{{ x | tojson(indent=2) }}", "the argument 'indent='"},
                                                        {"{% break %}", "the block 'break'"}}) {
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
  expect_error("{{ raise_exception('Only ' ~ 'users!') }}", ErrorKind::kInvalidArgument, "Only users!");
  expect_error("\n{{ absent.x }}", ErrorKind::kInvalidArgument, "2: '.x' of an undefined value");
  expect_error("{{ absent[0] }}", ErrorKind::kInvalidArgument, "an item of an undefined value");
  expect_error("{{ 'a' + 1 }}", ErrorKind::kInvalidArgument, "'+' between a string and an integer");
  expect_error("{{ 1 // 0 }}", ErrorKind::kInvalidArgument, "division by zero");
  expect_error("{{ 999999999999999999 * 999999999999999999 }}", ErrorKind::kInvalidArgument, "too large");
  expect_error("{{ 1 < 'a' }}", ErrorKind::kInvalidArgument, "'<' between");
  expect_error("{% for x in 1 %}{% endfor %}", ErrorKind::kInvalidArgument, "cannot loop over an integer");
}

TEST(ChatTemplate, EndlessGrowthIsStopped) {
  std::string doubling = "{% set x = 'aaaaaaaaaaaaaaaa' %}";
  for (int i = 0; i < 40; ++i) doubling += "{% set x = x + x %}";
  expect_error(doubling, ErrorKind::kResourceExhausted, "more work");
  std::string loops, ends;
  for (int i = 0; i < 12; ++i) {
    loops += "{% for a in 'aaaaaaaaaa' %}";
    ends += "{% endfor %}";
  }
  expect_error(loops + ends, ErrorKind::kResourceExhausted, "more work");
  std::string nesting = "{% set x = [] %}";
  for (int i = 0; i < 100; ++i) nesting += "{% set x = [x, x] %}";
  expect_error(nesting, ErrorKind::kResourceExhausted, "nested");
}

}  // namespace
}  // namespace pent
