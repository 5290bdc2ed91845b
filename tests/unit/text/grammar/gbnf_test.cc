#include "text/grammar/gbnf.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "text/grammar/automaton.h"

namespace pent::grammar {
namespace {

Automaton automaton(std::string_view text) { return Automaton::compile(parse_gbnf(text, "--grammar"), "--grammar"); }

std::string problem(std::string_view text) {
  try {
    automaton(text);
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing";
}

TEST(Gbnf, ReadsRulesLiteralsClassesGroupsAndRepetition) {
  const Automaton made = automaton(R"(# a list
root  ::= "[" item ("," ws item){0,2} "]" |
          "none"   # or nothing
item  ::= "\"" [^"\n\x00-\x1f]* "\"" | number
  | (
      "tr"
      "ue"
    )
number ::= [0-9]+ ("." [0-9]{1,2})?
ws ::= | " " ws
)");
  for (const char* text : {"[1]", "[\"é]\",   2.50,true]", "none"}) EXPECT_TRUE(made.matches(text)) << text;
  for (const char* text : {"", "[]", "[1,2,3,4]", "[1.]", "[\"a\nb\"]", "nonee"})
    EXPECT_FALSE(made.matches(text)) << text;
  EXPECT_EQ(made.nesting(), 0);  // ws is recursive at its end only: exact
}

TEST(Gbnf, EscapesAndAnyCharacter) {
  const Automaton made = automaton("root ::= \"\\n\\t\\\\\\\"\\x41\\u00e9\\U0001F600\" . [\\]\\[-]");
  EXPECT_TRUE(made.matches("\n\t\\\"Aé\xF0\x9F\x98\x80\n]"));
  EXPECT_TRUE(made.matches("\n\t\\\"Aé\xF0\x9F\x98\x80x-"));
  EXPECT_FALSE(made.matches("\n\t\\\"Aé\xF0\x9F\x98\x80xy"));
}

TEST(Gbnf, RecursionIsFollowedAsDeepAsItSays) {
  const Automaton made = automaton("root ::= \"(\" root \")\" | \"x\"");
  EXPECT_EQ(made.nesting(), kNesting);
  const auto nested = [](int depth) {
    return std::string(static_cast<size_t>(depth), '(') + "x" + std::string(static_cast<size_t>(depth), ')');
  };
  for (int depth = 0; depth <= kNesting; ++depth) EXPECT_TRUE(made.matches(nested(depth))) << depth;
  EXPECT_FALSE(made.matches(nested(kNesting + 1)));
  EXPECT_FALSE(made.matches("((x)"));
  EXPECT_FALSE(made.matches("(x))"));
}

TEST(Gbnf, RecursionAtTheEndIsALoop) {
  const Automaton made = automaton("root ::= even | \"\"\neven ::= \"a\" odd\nodd ::= \"b\" root");
  EXPECT_EQ(made.nesting(), 0);
  EXPECT_TRUE(made.matches(""));
  EXPECT_TRUE(made.matches("ababababababababababababababababababab"));
  EXPECT_FALSE(made.matches("aba"));
}

TEST(Gbnf, RefusesInOneLine) {
  const auto refuse = [](const std::string& text, const std::string& why) {
    EXPECT_NE(problem(text).find(why), std::string::npos) << text << "\n" << problem(text);
  };
  refuse("", "there is no rule 'root'");
  refuse("root ::= a", "there is no rule 'a'");
  refuse("root = \"a\"", "expected ::= at byte 5");
  refuse("root ::= \"a\"\nroot ::= \"b\"", "rule 'root' is there twice");
  refuse("root ::= \"a", "it ends too early");
  refuse("root ::= \"a\nb\"", "a line ends inside quotes or brackets");
  refuse("root ::= (\"a\"", "a group without its )");
  refuse("root ::= \"a\" )", "expected the end of the rule");
  refuse("root ::= \"a\"{2", "expected a repetition such as {2,5}");
  refuse("root ::= [b-a]", "a range whose end is below its beginning");
  refuse("root ::= \"\\q\"", "an unknown escape");
  refuse("root ::= <[5]>", "expected a rule, a text in quotes, a class or a group");
  refuse("root ::= root \"a\" | \"a\"", "rule 'root' begins with itself");
  refuse("root ::= a\na ::= \"\"? b\nb ::= a \"x\"", "begins with itself");
  refuse("root ::= \"a\" root", "no text matches it");
  refuse("root ::= " + std::string(300, '('), "groups more than 200 deep");
  std::string chain = "root ::= r0\n";
  for (int i = 0; i < 1200; ++i) chain += fmt::format("r{} ::= \"a\" r{} \"b\"\n", i, i + 1);
  refuse(chain + "r1200 ::= \"x\"", "rules use one another more than 250 deep");
}

}  // namespace
}  // namespace pent::grammar
