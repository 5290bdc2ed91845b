#include "base/error.h"

#include <gtest/gtest.h>

namespace pent {
namespace {

TEST(Error, CarriesItsKindAndItsMessage) {
  const Error problem = error(ErrorKind::kCorrupt, "{}: {} bytes", "a.bin", 3);
  EXPECT_EQ(problem.kind(), ErrorKind::kCorrupt);
  EXPECT_STREQ(problem.what(), "a.bin: 3 bytes");
}

TEST(Error, UntrustedTextIsMadePrintableAndShort) {
  EXPECT_EQ(printable("naïve"), "naïve");
  EXPECT_EQ(printable(std::string_view("a\n\0\x1b[2J", 7)), "a\\x0A\\x00\\x1B[2J");
  EXPECT_EQ(printable(std::string(100, 'x'), 10), "xxxxxxxxxx…");
}

TEST(ErrorDeathTest, ABrokenInvariantNamesItselfAndAborts) {
  const int rows = 3;
  EXPECT_DEATH(PENT_CHECK(rows == 4, "{} rows", rows),
               "error_test.cc:[0-9]+: internal error: rows == 4 does not hold: 3 rows");
}

}  // namespace
}  // namespace pent
