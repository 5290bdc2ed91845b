#include "text/grammar/regex_syntax.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <functional>

#include "base/error.h"
#include "text/grammar/automaton.h"
#include "text/regex.h"
#include "text/utf8.h"

namespace pent::grammar {
namespace {

Automaton automaton(std::string_view pattern) {
  return Automaton::compile(grammar_of(parse_regex(pattern, "--regex")), "--regex");
}

std::string problem(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing";
}

void expect(std::string_view pattern, const std::vector<std::string>& matching,
            const std::vector<std::string>& others) {
  const Automaton made = automaton(pattern);
  for (const std::string& text : matching) EXPECT_TRUE(made.matches(text)) << pattern << " on '" << text << "'";
  for (const std::string& text : others) EXPECT_FALSE(made.matches(text)) << pattern << " on '" << text << "'";
}

TEST(Automaton, AnIntersectionHasTheTextsOfBoth) {
  EXPECT_TRUE(rc::check([] {
    const auto any_pattern = [] {
      return *rc::gen::element<std::string>("(ab|c)*", "a{2,5}(b|c)+", ".*cab.*", "[^c]{0,4}", "(a|b)*a(a|b)", "[abé]*",
                                            "b?.*");
    };
    const Automaton a = automaton(any_pattern()), b = automaton(any_pattern());
    std::optional<Automaton> both;
    try {
      both = Automaton::intersection(a, b, "--regex");
    } catch (const Error& refused) {
      RC_ASSERT(std::string(refused.what()) == "--regex: no text matches it");
    }
    for (int text_of_case = 0; text_of_case < 50; ++text_of_case) {
      std::string text;
      for (int i = *rc::gen::inRange(0, 8); i > 0; --i) text += *rc::gen::element<std::string>("a", "b", "c", "é");
      RC_ASSERT((a.matches(text) && b.matches(text)) == (both && both->matches(text)));
    }
  }));
  EXPECT_EQ(Automaton::intersection(automaton("a{2,9}"), automaton("(aaa)*"), "x").longest(), 9);
  EXPECT_EQ(problem([] { Automaton::intersection(automaton("a+"), automaton("b+"), "both"); }),
            "both: no text matches it");
}

TEST(RegexSyntax, MatchesWholeTexts) {
  expect("abc", {"abc"}, {"", "ab", "abcd", "xabc"});
  expect("", {""}, {"a"});
  expect("a|bc|", {"a", "bc", ""}, {"b", "abc"});
  expect("(a|b)*c", {"c", "abac"}, {"ab", "cc"});
  expect("a{2,3}b{2}c{1,}d{,2}", {"aabbc", "aaabbcccdd"}, {"abbc", "aabbcddd", "aabc"});
  expect("(?:x(?P<name>y)(?<other>z))+?", {"xyz", "xyzxyz"}, {"", "xy"});
  expect("^ab$|^c\\z", {"ab", "c"}, {"abc"});
  expect("[]a-c-]+", {"]", "a-c"}, {"d", "["});
  expect("[^a-y]", {"z", "\n", "é"}, {"a", "zz"});
  expect("\\d\\D\\w\\W\\s\\S", {"1x_-\tx"}, {"11_-\tx"});
  expect("a.c",
         {"abc", "aéc",
          "a\xF0\x9F\x98\x80"
          "c"},
         {"a\nc",
          "a\xC3"
          "c",
          "ac"});
  expect("\\x41\\u00e9\\x{1F600}\\n\\.\\\\", {"Aé\xF0\x9F\x98\x80\n.\\"}, {"A"});
  expect("\\p{Lu}\\P{L}", {"A1", "É."}, {"a1", "AA"});
}

TEST(RegexSyntax, SearchIsOpenWhereThereIsNoAnchor) {
  const auto matches = [](std::string_view pattern, std::string_view text) {
    return Automaton::compile(grammar_of(parse_regex_search(pattern, "pattern")), "pattern").matches(text);
  };
  EXPECT_TRUE(matches("b", "abc\n"));
  EXPECT_TRUE(matches("^a", "abc"));
  EXPECT_FALSE(matches("^b", "abc"));
  EXPECT_TRUE(matches("c$", "abc"));
  EXPECT_FALSE(matches("^a$|b$", "abc"));
  EXPECT_TRUE(matches("^a$|b$", "cb"));
}

TEST(RegexSyntax, RefusesInOneLine) {
  const auto refuse = [](const std::string& pattern, const std::string& why) {
    EXPECT_NE(problem([&] { parse_regex(pattern, "--regex"); }).find(why), std::string::npos) << pattern;
  };
  refuse("a(b", "a group without its ) at byte 3 of 'a(b'");
  refuse("a)b", "a ) without its ( at byte 1");
  refuse("*a", "a * with nothing to repeat");
  refuse("a**", "a repetition of a repetition");
  refuse("a{3,2}", "whose end is below its beginning");
  refuse("a{x}", "a { that begins no repetition");
  refuse("a{100001}", "a count above 100000");
  refuse("a++", "possessive repetition is not supported");
  refuse("(?=a)", "look-around, flags and the like are not supported");
  refuse("(?<=a)", "look-around, flags and the like are not supported");
  refuse("(a)\\1", "\\1 is not supported");
  refuse("a\\b", "\\b is not supported");
  refuse("a^b", "an anchor that is not at an end");
  refuse("(a$)", "an anchor that is not at an end");
  refuse("a$b", "an anchor that is not at an end");
  refuse("[z-a]", "a range whose ends are not two characters in order");
  refuse("[a", "it ends too early");
  refuse("a\\", "it ends too early");
  refuse("[[:alpha:]]", "POSIX classes are not supported");
  refuse("\\p{Greek}", "'Greek' is no general category");
  refuse("\\ud800", "no character has that code");
  refuse("\xFF", "not valid UTF-8");
  refuse(std::string(300, '(') + std::string(300, ')'), "groups more than 200 deep");
  EXPECT_NE(problem([] { automaton("[^\\x{0}-\\x{10FFFF}]"); }).find("an empty class"), std::string::npos);
  EXPECT_NE(problem([] { automaton("(a|b)*a(a|b){20}"); }).find("it needs an automaton of more than 16384 states"),
            std::string::npos);
  EXPECT_NE(problem([] {
              automaton("((a{0,1000}){0,1000}){0,1000}");
            }).find("it needs an automaton of more than 16384 states"),
            std::string::npos);
}

TEST(Automaton, KnowsItsLongestText) {
  EXPECT_EQ(automaton("a|bcd|é").longest(), 3);
  EXPECT_EQ(automaton("\\d{4}").longest(), 4);
  EXPECT_EQ(automaton("").longest(), 0);
  EXPECT_EQ(automaton("a+").longest(), std::nullopt);
}

// Every state but the dead one leads to a text: that is what any-order decoding stands on.
TEST(Automaton, HasNoDeadEnds) {
  const Automaton made = automaton("a(b[^\\x{0}-\\x{10FFFE}]x|c)");
  EXPECT_EQ(made.next(made.start(), 'b'), Automaton::kDead);
  const int32_t a = made.next(made.start(), 'a');
  EXPECT_NE(made.next(a, 'b'), Automaton::kDead);  // U+10FFFF follows
}

// PCRE2 is the judge.
TEST(RegexSyntaxProperty, AgreesWithPcre) {
  const auto pattern = [](auto&& self, int depth) -> std::string {
    const int kind = *rc::gen::inRange(0, depth > 3 ? 3 : 8);
    switch (kind) {
      case 0: return std::string(1, *rc::gen::element('a', 'b', 'c'));
      case 1: return *rc::gen::element<std::string>("[ab]", "[^a]", ".", "é", "[a-é]", "\\x{20AC}", "\\d");
      case 2: return std::string(1, *rc::gen::element('a', '-'));
      case 3: return "(" + self(self, depth + 1) + "|" + self(self, depth + 1) + ")";
      case 4:
        return "(?:" + self(self, depth + 1) + ")" +
               *rc::gen::element<std::string>("*", "+", "?", "{2}", "{1,3}", "{2,}");
      default: return self(self, depth + 1) + self(self, depth + 1);
    }
  };
  EXPECT_TRUE(rc::check([&] {
    const std::string regex = pattern(pattern, 0);
    const Automaton made = automaton(regex);
    const Regex judge("\\A(?:" + regex + ")\\z", "judge");
    for (int i = 0; i < 20; ++i) {
      const auto parts = *rc::gen::container<std::vector<std::string>>(
          rc::gen::element<std::string>("a", "b", "c", "-", "1", "é", "\xE2\x82\xAC", "\n"));
      std::string text;
      for (const std::string& part : parts) text += part;
      if (text.empty()) continue;
      bool matches = false;
      try {
        judge.find_all(text, [&](size_t begin, size_t end) { matches = begin == 0 && end == text.size(); });
      } catch (const Error& error) {
        if (error.kind() != ErrorKind::kResourceExhausted) throw;
        continue;  // it goes back and forth where alternatives overlap, and gives up
      }
      if (made.matches(text) != matches) RC_FAIL(regex + " on '" + text + "'");
    }
  }));
}

TEST(CodeSet, BytesAreExactlyTheSetsCharacters) {
  EXPECT_TRUE(rc::check([] {
    CodeSet set;
    for (int i = *rc::gen::inRange(1, 4); i > 0; --i) {
      const auto first =
          *rc::gen::element<uint32_t>(0, 0x41, 0x7F, 0x80, 0x7FF, 0x800, 0xD7FE, 0xE000, 0xFFFF, 0x10000, 0x10FFFE);
      set.add(first, first + *rc::gen::element<uint32_t>(0, 1, 100, 5000, 70000));
    }
    if (*rc::gen::arbitrary<bool>()) set = set.complement();
    if (set.empty()) return;
    const Automaton made = Automaton::compile(grammar_of(character(set)), "set");
    for (uint32_t code = 0; code <= kLastCode; code += *rc::gen::element(1, 0x3D, 0x7FF)) {
      if (code >= 0xD800 && code <= 0xDFFF) continue;
      std::string text;
      append_utf8(static_cast<char32_t>(code), text);
      if (made.matches(text) != set.contains(code)) RC_FAIL(fmt::format("U+{:04X}", code));
    }
    RC_ASSERT(!made.matches("\xED\xA0\x80"));
  }));
}

}  // namespace
}  // namespace pent::grammar
