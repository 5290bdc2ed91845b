#include "engine/fill_template.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace pent {
namespace {

TEST(FillTemplate, HolesAreNumberedOrNamed) {
  const auto segments = parse_fill_template("One [[3]] two [[end:12]]");
  ASSERT_EQ(segments.size(), 4u);
  EXPECT_EQ(segments[0].text, "One ");
  EXPECT_EQ(segments[1].hole->name, "1");
  EXPECT_EQ(segments[1].hole->min_tokens, 3);
  EXPECT_EQ(segments[1].hole->max_tokens, 3);
  EXPECT_EQ(segments[2].text, " two ");
  EXPECT_EQ(segments[3].hole->name, "end");
  EXPECT_EQ(segments[3].hole->max_tokens, 12);
}

TEST(FillTemplate, UnnamedHolesAreNumberedByTheirPlaceAmongAll) {
  const auto segments = parse_fill_template("[[a:1]][[2]]");
  ASSERT_EQ(segments.size(), 2u);
  EXPECT_EQ(segments[1].hole->name, "2");
}

TEST(FillTemplate, BackslashMakesBracketsText) {
  const auto segments = parse_fill_template("x\\[[1]] [[1]] ] [ ]]");
  ASSERT_EQ(segments.size(), 3u);
  EXPECT_EQ(segments[0].text, "x[[1]] ");
  EXPECT_EQ(segments[2].text, " ] [ ]]");
}

std::pair<ErrorKind, std::string> problem(const std::string& text) {
  try {
    parse_fill_template(text);
  } catch (const Error& error) {
    return {error.kind(), error.what()};
  }
  return {};
}

TEST(FillTemplate, LengthsMayBeRangesOrFreeAndWordsMayStandThere) {
  const auto segments = parse_fill_template("[[4..16]][[*]][[n:*]][[m:2..2]][[~old] text]][[o:~a:b]]");
  ASSERT_EQ(segments.size(), 6u);
  const auto range = [&](size_t i) { return std::pair(segments[i].hole->min_tokens, segments[i].hole->max_tokens); };
  EXPECT_EQ(range(0), std::pair(4, 16));
  EXPECT_EQ(range(1), std::pair(1, 64));
  EXPECT_EQ(range(2), std::pair(1, 64));
  EXPECT_EQ(segments[2].hole->name, "n");
  EXPECT_EQ(range(3), std::pair(2, 2));
  EXPECT_EQ(segments[4].hole->draft, "old] text");
  EXPECT_EQ(segments[5].hole->draft, "a:b");
  EXPECT_EQ(segments[5].hole->name, "o");
}

TEST(FillTemplate, MalformedHolesAreRefused) {
  for (const std::string text : {"[[0]]", "[[-1]]", "[[ 3]]", "[[3 ]]", "[[]]", "[[a]]", "[[:3]]", "[[1a:3]]", "[[a:]]",
                                 "[[99999999999999999999]]", "[[1048577]]", "[[a b:3]]", "[[5..4]]", "[[0..4]]",
                                 "[[1..]]", "[[..4]]", "[[1...4]]", "[[**]]", "[[name:]]"})
    EXPECT_NE(problem(text).second.find("is no hole; expected [[N]], [[MIN..MAX]]"), std::string::npos) << text;
  for (const std::string text : {"[[~]]", "[[n:~]]", "[[regex:]]", "[[choice:]]", "[[n:choice:]]"})
    EXPECT_NE(problem(text).second.find("says nothing behind its sign"), std::string::npos) << text;
  EXPECT_EQ(problem("ab [[3").second, "the hole at byte 3 has no ]] (write \\[[ for the text [[)");
  for (const std::string text : {"no holes \\[[3]]", ""})
    EXPECT_EQ(problem(text).second,
              "the text has no hole; mark one with [[N]], N being its length in tokens, or [[*]]");
  EXPECT_EQ(problem("[[a:3]] [[a:4]]").second, "two holes are named 'a'; give each its own name");
}

TEST(FillTemplate, HolesWithPatterns) {
  const auto segments = parse_fill_template("x[[regex:[0-9]]]y[[n:regex:a[b:c]{2}]] [[choice:a.b|c(d)]][[m:choice:x]]");
  ASSERT_EQ(segments.size(), 7u);
  EXPECT_EQ(segments[1].hole->constraint->text, "[0-9]");
  EXPECT_EQ(segments[1].hole->name, "1");
  EXPECT_EQ(segments[2].text, "y");
  EXPECT_EQ(segments[3].hole->constraint->text, "a[b:c]{2}");
  EXPECT_EQ(segments[3].hole->name, "n");
  EXPECT_EQ(segments[5].hole->constraint->choices, (std::vector<std::string>{"a.b", "c(d)"}));
  EXPECT_EQ(segments[6].hole->constraint->choices, std::vector<std::string>{"x"});
  EXPECT_EQ(segments[6].hole->name, "m");
}

}  // namespace
}  // namespace pent
