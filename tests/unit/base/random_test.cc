#include "base/random.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "base/json.h"
#include "base/mapped_file.h"

namespace pent {
namespace {

using Words = std::array<uint32_t, 4>;

// The known answers that the authors of Philox publish with Random123 (kat_vectors, philox4x32 10).
TEST(Philox, GivesTheKnownAnswers) {
  EXPECT_EQ(philox_4x32_10({0, 0, 0, 0}, {0, 0}), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox_4x32_10({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}), (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox_4x32_10({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

// The table of docs/random.md.
TEST(Draw, GivesTheDocumentedVectors) {
  const DrawKey plain{.seed = 42};
  EXPECT_EQ(draw_bits(plain), (Words{0x9ceaf053, 0x77f5493b, 0x12bf50ad, 0x5742b3d7}));
  EXPECT_DOUBLE_EQ(draw_uniform(plain), 0.468586518339105);
}

// Every vector here was computed by the independent Python of tests/parity.
TEST(Draw, AgreesWithAnIndependentImplementation) {
  const std::string path = PENT_SOURCE_DIR "/tests/golden/parity/random.json";
  const Json golden = parse_json(read_file(path), path);
  ASSERT_GE(golden["draws"].size(), 5u);
  for (const Json& draw : golden["draws"]) {
    const DrawKey key{.seed = draw["seed"],
                      .n_index = draw["n_index"],
                      .step = draw["step"],
                      .cell = draw["cell"],
                      .purpose = static_cast<DrawPurpose>(draw["purpose"].get<uint32_t>()),
                      .index = draw["index"]};
    EXPECT_EQ(draw_bits(key), draw["words"].get<Words>());
    EXPECT_EQ(draw_uniform(key), draw["uniform"].get<double>());
  }
}

TEST(Draw, EveryFieldOfTheKeyCounts) {
  const DrawKey base{.seed = 1, .n_index = 2, .step = 3, .cell = 4, .purpose = DrawPurpose::kOrder, .index = 5};
  std::set<Words> seen{draw_bits(base)};
  const auto changed = [&](auto change) {
    DrawKey key = base;
    change(key);
    return seen.insert(draw_bits(key)).second;
  };
  EXPECT_TRUE(changed([](DrawKey& key) { key.seed ^= 1; }));
  EXPECT_TRUE(changed([](DrawKey& key) { key.seed ^= uint64_t{1} << 63; }));
  EXPECT_TRUE(changed([](DrawKey& key) { key.n_index ^= 1; }));
  EXPECT_TRUE(changed([](DrawKey& key) { key.step ^= 1; }));
  EXPECT_TRUE(changed([](DrawKey& key) { key.cell ^= 1; }));
  EXPECT_TRUE(changed([](DrawKey& key) { key.purpose = DrawPurpose::kToken; }));
  EXPECT_TRUE(changed([](DrawKey& key) { key.index ^= 1 << 23; }));
}

// Two keys found by running the bijection backwards: all bits of the first two words clear, and all set.
TEST(Draw, TheExtremesStayInsideTheInterval) {
  const DrawKey lowest{.seed = 42, .n_index = 4019328290, .step = 1215517793, .cell = 351428101, .index = 4551334};
  const DrawKey highest{.seed = 42, .n_index = 3185967290, .step = 1936809105, .cell = 2609114715, .index = 12258018};
  EXPECT_EQ(draw_uniform(lowest), 0x1p-54);
  EXPECT_EQ(draw_uniform(highest), 1 - 0x1p-53);
}

TEST(Draw, UniformsFillTheOpenInterval) {
  double sum = 0, sum_of_squares = 0;
  constexpr uint32_t kCount = 100'000;
  for (uint32_t i = 0; i < kCount; ++i) {
    const double u = draw_uniform({.seed = 7, .cell = i});
    ASSERT_GT(u, 0);
    ASSERT_LT(u, 1);
    sum += u;
    sum_of_squares += u * u;
  }
  EXPECT_NEAR(sum / kCount, 0.5, 0.004);  // over 4 standard errors of 0.0009
  EXPECT_NEAR(sum_of_squares / kCount, 1.0 / 3, 0.004);
}

}  // namespace
}  // namespace pent
