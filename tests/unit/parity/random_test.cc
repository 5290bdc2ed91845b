// Our random numbers against tests/parity/random_reference.py, which was written from the paper and docs/random.md.
#include "base/random.h"

#include <gtest/gtest.h>

#include "unit/parity/golden.h"

namespace pent {
namespace {

TEST(RandomParity, PhiloxGivesThePapersWords) {
  const Json golden = golden_json("random.json");
  for (const Json& each : golden["philox"])
    EXPECT_EQ(
        philox_4x32_10(each["counter"].get<std::array<uint32_t, 4>>(), each["key"].get<std::array<uint32_t, 2>>()),
        (each["words"].get<std::array<uint32_t, 4>>()));
}

TEST(RandomParity, DrawsEqualAnIndependentImplementation) {
  const Json golden = golden_json("random.json");
  for (const Json& each : golden["draws"]) {
    const DrawKey key{.seed = each["seed"],
                      .n_index = each["n_index"],
                      .step = each["step"],
                      .cell = each["cell"],
                      .purpose = static_cast<DrawPurpose>(each["purpose"].get<uint32_t>()),
                      .index = each["index"]};
    EXPECT_EQ(draw_bits(key), (each["words"].get<std::array<uint32_t, 4>>()));
    EXPECT_EQ(draw_uniform(key), each["uniform"].get<double>());
  }
}

}  // namespace
}  // namespace pent
