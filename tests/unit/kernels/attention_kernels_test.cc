#include <cmath>
#include <cstring>
#include <limits>

#include "unit/kernels/every_set.h"

namespace pent::kernels::test {
namespace {

class AttentionKernels : public EverySet {};
INSTANTIATE_TEST_SUITE_P(Sets, AttentionKernels, testing::ValuesIn(all_sets()), set_name);

struct Case {
  int64_t head_dim, rows, begin, end;
};
const Case kCases[] = {{8, 1, 0, 1},    {10, 2, 3, 20},  {16, 3, 15, 17},  {32, 4, 0, 64},  {64, 5, 1, 100},
                       {64, 9, 0, 129}, {80, 7, 31, 32}, {128, 6, 16, 95}, {10, 4, 64, 128}};
constexpr int64_t kSlots = 144;

struct Rows {
  std::vector<const float*> in;
  std::vector<float*> out;
};

Rows pointers(const std::vector<float>& in, int64_t in_stride, std::vector<float>& out, int64_t out_stride,
              int64_t rows) {
  Rows result;
  for (int64_t row = 0; row < rows; ++row) {
    result.in.push_back(in.data() + row * in_stride);
    result.out.push_back(out.data() + row * out_stride);
  }
  return result;
}

std::vector<float> scores(const KernelSet& set, const Case& c, const std::vector<float>& queries,
                          const std::vector<float>& keys, int64_t rows) {
  const int64_t stride = c.end - c.begin + 1;  // one float behind each row must stay untouched
  std::vector<float> out(rows * stride, 77);
  Rows p = pointers(queries, c.head_dim, out, stride, rows);
  set.attention_scores(p.in.data(), rows, keys.data(), c.head_dim, c.begin, c.end, 0.25f, p.out.data());
  return out;
}

TEST_P(AttentionKernels, ScoresAgreeWithScalarOverOddRanges) {
  for (const Case& c : kCases) {
    const auto queries = noise(c.rows * c.head_dim, 1), keys = noise(kSlots * c.head_dim, 2);
    const auto together = scores(set(), c, queries, keys, c.rows);
    expect_near(together, scores(scalar::kKernels, c, queries, keys, c.rows), 1e-5, std::to_string(c.head_dim));
    for (int64_t row = 0; row < c.rows; ++row) {
      const auto alone =
          scores(set(), c, {queries.begin() + row * c.head_dim, queries.begin() + (row + 1) * c.head_dim}, keys, 1);
      EXPECT_EQ(std::memcmp(alone.data(), together.data() + row * alone.size(), alone.size() * sizeof(float)), 0);
    }
  }
}

std::vector<float> values(const KernelSet& set, const Case& c, const std::vector<float>& weights,
                          const std::vector<float>& stored, int64_t rows, int64_t split) {
  const int64_t padded = (c.head_dim + 15) / 16 * 16, length = c.end - c.begin;
  std::vector<float> out(rows * padded, 0.5f);
  Rows p = pointers(weights, length, out, padded, rows);
  set.attention_values(p.in.data(), rows, stored.data(), padded, c.begin, split, p.out.data());
  for (auto& row : p.in) row += split - c.begin;
  set.attention_values(p.in.data(), rows, stored.data(), padded, split, c.end, p.out.data());
  return out;
}

TEST_P(AttentionKernels, ValuesAgreeWithScalarAndMayBeSummedInPieces) {
  for (const Case& c : kCases) {
    const int64_t padded = (c.head_dim + 15) / 16 * 16, length = c.end - c.begin;
    const auto weights = noise(c.rows * length, 3), stored = noise(kSlots * padded, 4);
    const auto together = values(set(), c, weights, stored, c.rows, c.end);
    expect_near(together, values(scalar::kKernels, c, weights, stored, c.rows, c.end), 1e-5,
                std::to_string(c.head_dim));
    EXPECT_EQ(values(set(), c, weights, stored, c.rows, c.begin + length / 2), together);
    for (int64_t row = 0; row < c.rows; ++row) {
      const auto alone =
          values(set(), c, {weights.begin() + row * length, weights.begin() + (row + 1) * length}, stored, 1, c.end);
      EXPECT_EQ(std::memcmp(alone.data(), together.data() + row * padded, padded * sizeof(float)), 0);
    }
  }
}

std::vector<uint16_t> narrowed(const KernelSet& set, const std::vector<float>& x) {
  std::vector<uint16_t> out(x.size() + 1, 0xABCD);
  set.to_bf16(x.data(), static_cast<int64_t>(x.size()), out.data());
  EXPECT_EQ(out.back(), 0xABCD) << "nothing is written behind the end";
  out.pop_back();
  return out;
}

TEST_P(AttentionKernels, Bfloat16IsRoundedToNearestEven) {
  const float inf = std::numeric_limits<float>::infinity();
  std::vector<float> x = {0,   -0.0f, 1,      1 + 0x1p-8f, 1 + 3 * 0x1p-8f, 1 + 0x1.8p-8f, -1 - 0x1.7fp-8f,
                          inf, -inf,  3.4e38f};
  for (const float each : noise(50, 6, 100)) x.push_back(each);
  const std::vector<uint16_t> out = narrowed(set(), x);
  EXPECT_EQ(std::vector<uint16_t>(out.begin(), out.begin() + 10),
            (std::vector<uint16_t>{0, 0x8000, 0x3F80, 0x3F80, 0x3F82, 0x3F81, 0xBF81, 0x7F80, 0xFF80, 0x7F80}));
  EXPECT_EQ(out, narrowed(scalar::kKernels, x));
  for (const uint16_t nan : narrowed(set(), {std::nanf(""), -std::nanf("0x3fffff"), std::nanf("1")}))
    EXPECT_GT(nan & 0x7FFF, 0x7F80);
}

std::vector<float> narrow_scores(const KernelSet& set, const Case& c, const std::vector<uint16_t>& queries,
                                 const std::vector<uint16_t>& keys, int64_t rows) {
  const int64_t stride = c.end - c.begin + 1;
  std::vector<float> out(rows * stride, 77);
  std::vector<const uint16_t*> in;
  std::vector<float*> to;
  for (int64_t row = 0; row < rows; ++row) {
    in.push_back(queries.data() + row * c.head_dim);
    to.push_back(out.data() + row * stride);
  }
  set.attention_scores_bf16(in.data(), rows, keys.data(), c.head_dim / 2, c.begin, c.end, 0.25f, to.data());
  return out;
}

TEST_P(AttentionKernels, NarrowScoresAgreeWithScalarOverOddRanges) {
  for (const Case& c : kCases) {
    const auto queries = narrowed(set(), noise(c.rows * c.head_dim, 1)),
               keys = narrowed(set(), noise(kSlots * c.head_dim, 2));
    const auto together = narrow_scores(set(), c, queries, keys, c.rows);
    expect_near(together, narrow_scores(scalar::kKernels, c, queries, keys, c.rows), 1e-5, std::to_string(c.head_dim));
    for (int64_t row = 0; row < c.rows; ++row) {
      const auto alone = narrow_scores(
          set(), c, {queries.begin() + row * c.head_dim, queries.begin() + (row + 1) * c.head_dim}, keys, 1);
      EXPECT_EQ(std::memcmp(alone.data(), together.data() + row * alone.size(), alone.size() * sizeof(float)), 0);
    }
  }
}

std::vector<float> narrow_values(const KernelSet& set, const Case& c, const std::vector<uint16_t>& weights,
                                 const std::vector<uint16_t>& stored, int64_t rows, int64_t split) {
  const int64_t padded = (c.head_dim + 15) / 16 * 16, length = c.end - c.begin;
  std::vector<float> out(rows * padded, 0.5f);
  std::vector<const uint16_t*> in;
  std::vector<float*> to;
  for (int64_t row = 0; row < rows; ++row) {
    in.push_back(weights.data() + row * length);
    to.push_back(out.data() + row * padded);
  }
  set.attention_values_bf16(in.data(), rows, stored.data(), padded, c.begin, split, to.data());
  for (auto& row : in) row += split - c.begin;
  set.attention_values_bf16(in.data(), rows, stored.data(), padded, split, c.end, to.data());
  return out;
}

TEST_P(AttentionKernels, NarrowValuesAgreeWithScalarAndMayBeSummedInPieces) {
  for (const Case& c : kCases) {
    const int64_t padded = (c.head_dim + 15) / 16 * 16, length = c.end - c.begin;
    const auto weights = narrowed(set(), noise(c.rows * length, 3)),
               stored = narrowed(set(), noise(kSlots * padded, 4));
    const auto together = narrow_values(set(), c, weights, stored, c.rows, c.end);
    expect_near(together, narrow_values(scalar::kKernels, c, weights, stored, c.rows, c.end), 1e-5,
                std::to_string(c.head_dim));
    const int64_t even = std::max(c.begin, (c.begin + length / 2) / 2 * 2);
    EXPECT_EQ(narrow_values(set(), c, weights, stored, c.rows, even), together);
    for (int64_t row = 0; row < c.rows; ++row) {
      const auto alone = narrow_values(set(), c, {weights.begin() + row * length, weights.begin() + (row + 1) * length},
                                       stored, 1, c.end);
      EXPECT_EQ(std::memcmp(alone.data(), together.data() + row * padded, padded * sizeof(float)), 0);
    }
  }
}

}  // namespace
}  // namespace pent::kernels::test
