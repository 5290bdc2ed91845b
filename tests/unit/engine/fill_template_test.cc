#include "engine/fill_template.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace pent {
namespace {

TEST(FillTemplate, HolesAreNumberedOrNamed) {
  const auto segments = parse_fill_template("One [[3]] two [[end:12]]");
  ASSERT_EQ(segments.size(), 4u);
  EXPECT_EQ(segments[0].text, "One ");
  EXPECT_EQ(segments[1].name, "1");
  EXPECT_EQ(segments[1].tokens, 3);
  EXPECT_EQ(segments[2].text, " two ");
  EXPECT_EQ(segments[3].name, "end");
  EXPECT_EQ(segments[3].tokens, 12);
}

TEST(FillTemplate, UnnamedHolesAreNumberedByTheirPlaceAmongAll) {
  const auto segments = parse_fill_template("[[a:1]][[2]]");
  ASSERT_EQ(segments.size(), 2u);
  EXPECT_EQ(segments[1].name, "2");
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

TEST(FillTemplate, OtherKindsOfHolesAreRefusedNamingTheOnesThatExist) {
  for (const std::string kind : {"4..16", "*", "name:*", "name:4..16", "~old text"}) {
    const auto [error, message] = problem("ab [[" + kind + "]]");
    EXPECT_EQ(error, ErrorKind::kUnsupported) << kind;
    EXPECT_EQ(message, "the hole [[" + kind +
                           "]] at byte 3 is of a kind this build cannot write; there are [[N]], N tokens long, "
                           "[[regex:…]] and [[choice:…]], each with a name before it: [[name:N]]");
  }
}

TEST(FillTemplate, MalformedHolesAreRefused) {
  for (const std::string text : {"[[0]]", "[[-1]]", "[[ 3]]", "[[3 ]]", "[[]]", "[[a]]", "[[:3]]", "[[1a:3]]", "[[a:]]",
                                 "[[99999999999999999999]]", "[[1048577]]", "[[a b:3]]"})
    EXPECT_NE(problem(text).second.find("is no hole; expected [[N]] or [[name:N]]"), std::string::npos) << text;
  EXPECT_EQ(problem("ab [[3").second, "the hole at byte 3 has no ]] (write \\[[ for the text [[)");
  EXPECT_EQ(problem("no holes \\[[3]]").second,
            "the text has no hole; mark one with [[N]], N being its length in tokens");
  EXPECT_EQ(problem("").second, "the text has no hole; mark one with [[N]], N being its length in tokens");
  EXPECT_EQ(problem("[[a:3]] [[a:4]]").second, "two holes are named 'a'; give each its own name");
}

TEST(FillTemplate, HolesWithPatterns) {
  const auto segments = parse_fill_template("x[[regex:[0-9]]]y[[n:regex:a[b:c]{2}]] [[choice:a.b|c(d)]][[m:choice:x]]");
  ASSERT_EQ(segments.size(), 7u);
  EXPECT_EQ(segments[1].pattern, "[0-9]");
  EXPECT_EQ(segments[1].name, "1");
  EXPECT_TRUE(segments[1].is_hole());
  EXPECT_EQ(segments[2].text, "y");
  EXPECT_EQ(segments[3].pattern, "a[b:c]{2}");
  EXPECT_EQ(segments[3].name, "n");
  EXPECT_EQ(segments[5].pattern, "a\\.b|c\\(d\\)");
  EXPECT_EQ(segments[6].pattern, "x");
  EXPECT_EQ(segments[6].name, "m");
}

}  // namespace
}  // namespace pent
