#include "cli/options.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace pent::cli {
namespace {

TEST(ParseIds, TakesJsonAndListsAlike) {
  EXPECT_EQ(parse_ids("[13, 7,42]", "IDS"), (std::vector<TokenId>{13, 7, 42}));
  EXPECT_EQ(parse_ids("13,7,42", "IDS"), (std::vector<TokenId>{13, 7, 42}));
  EXPECT_EQ(parse_ids(" 13 7\n42 ", "IDS"), (std::vector<TokenId>{13, 7, 42}));
  EXPECT_TRUE(parse_ids("[]", "IDS").empty());
}

TEST(ParseIds, RefusesWhatIsNoId) {
  for (const char* text : {"x", "1,-2", "1.5", "99999999999", "1;2"})
    EXPECT_THROW(parse_ids(text, "IDS"), Error) << text;
}

TEST(HumanBytes, UsesBinaryUnits) {
  EXPECT_EQ(human_bytes(12), "12 B");
  EXPECT_EQ(human_bytes(1536), "1.5 KiB");
  EXPECT_EQ(human_bytes(3.0 * (1 << 30)), "3.0 GiB");
}

}  // namespace
}  // namespace pent::cli
