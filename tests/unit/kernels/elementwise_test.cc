#include <algorithm>
#include <limits>

#include "kernels/pack.h"
#include "unit/kernels/every_set.h"

namespace pent::kernels::test {
namespace {

class ElementwiseKernels : public EverySet {};
INSTANTIATE_TEST_SUITE_P(Sets, ElementwiseKernels, testing::ValuesIn(all_sets()), set_name);

constexpr float kInfinity = std::numeric_limits<float>::infinity();
const int64_t kLengths[] = {1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 577};

QuantizedRows quantize(const KernelSet& set, const std::vector<float>& x) {
  QuantizedRows rows;
  rows.resize(1, static_cast<int64_t>(x.size()));
  set.quantize_row(x.data(), static_cast<int64_t>(x.size()), rows.view(), 0);
  return rows;
}

TEST_P(ElementwiseKernels, QuantisedRowsAreTheScalarOnesBitForBit) {
  for (const int64_t k : kLengths) {
    const auto x = noise(k, 1, 3);
    const QuantizedRows a = quantize(set(), x), b = quantize(scalar::kKernels, x);
    EXPECT_EQ(a.values, b.values) << k;
    EXPECT_EQ(a.scales, b.scales) << k;
    EXPECT_EQ(a.offsets, b.offsets) << k;
    EXPECT_EQ(a.sums, b.sums) << k;
    for (size_t i = 0; i < a.sums.size(); ++i)
      EXPECT_EQ(a.sums[i], a.scales[i] * static_cast<float>(a.offsets[i] / -128)) << k;
  }
}

TEST_P(ElementwiseKernels, QuantisingRoundsHalvesToEven) {
  std::vector<float> x(32, 0);
  x[0] = 127;
  for (int i = 1; i < 9; ++i) x[i] = static_cast<float>(i) - 4.5f;  // -3.5, -2.5, … 3.5
  const QuantizedRows rows = quantize(set(), x);
  const std::vector<int8_t> expected = {127, -4, -2, -2, 0, 0, 2, 2, 4};
  EXPECT_TRUE(std::equal(expected.begin(), expected.end(), rows.values.begin()));
  EXPECT_EQ(rows.scales[0], 1);
  EXPECT_EQ(rows.offsets[0], -128 * 127);
}

TEST_P(ElementwiseKernels, QuantisingKeepsWhatIsNotFiniteVisible) {
  for (const float bad : {kInfinity, -kInfinity, std::nanf("")}) {
    for (const int at : {0, 17, 39}) {
      std::vector<float> x(40, 1);
      x[at] = bad;
      EXPECT_FALSE(std::isfinite(quantize(set(), x).scales[at / 32])) << bad << " at " << at;
    }
  }
  EXPECT_EQ(quantize(set(), std::vector<float>(5, 0.0f)).scales[0], 0);
  EXPECT_EQ(quantize(set(), std::vector<float>(5, 1e-44f)).values[0], 0);
}

TEST_P(ElementwiseKernels, NormAgreesWithScalar) {
  for (const int64_t n : kLengths) {
    const auto x = noise(n, 2, 5), weight = noise(n, 3);
    std::vector<float> a(n), b(n);
    const float mean_a = set().rmsnorm(x.data(), weight.data(), n, 1e-5f, a.data());
    const float mean_b = scalar::kKernels.rmsnorm(x.data(), weight.data(), n, 1e-5f, b.data());
    EXPECT_NEAR(mean_a, mean_b, 1e-5 * mean_b);
    expect_near(a, b, 1e-5, "n " + std::to_string(n));
  }
}

TEST_P(ElementwiseKernels, LayerNormAgreesWithItsDefinitionFarFromZero) {
  for (const int64_t n : kLengths) {
    auto x = noise(n, 2, 5);
    const auto weight = noise(n, 3), bias = noise(n, 4);
    double mean = 0, variance = 0;
    for (float& v : x) mean += double{v += 20} / static_cast<double>(n);
    for (const float v : x) variance += (v - mean) * (v - mean) / static_cast<double>(n);
    std::vector<float> got(n), want(n);
    for (int64_t i = 0; i < n; ++i)
      want[i] = static_cast<float>((x[i] - mean) / std::sqrt(variance + 1e-5) * weight[i] + bias[i]);
    EXPECT_NEAR(set().layernorm(x.data(), weight.data(), bias.data(), n, 1e-5f, got.data()), variance,
                1e-4 * (1 + variance));
    if (n > 1) expect_near(got, want, 1e-4, "n " + std::to_string(n));  // of one value only the rounding is left
  }
}

TEST_P(ElementwiseKernels, NormReportsWhatIsNotFinite) {
  for (const float bad : {kInfinity, std::nanf(""), 1e30f}) {
    auto x = noise(40, 2);
    x[37] = bad;
    auto y = x;
    EXPECT_FALSE(std::isfinite(set().rmsnorm(x.data(), x.data(), 40, 1e-5f, x.data())));
    EXPECT_FALSE(std::isfinite(set().layernorm(y.data(), y.data(), y.data(), 40, 1e-5f, y.data())));
  }
}

TEST_P(ElementwiseKernels, GeluAgreesWithItsDefinitionFarOut) {
  for (const int64_t n : kLengths) {
    auto x = noise(n, 5, 8);
    x[0] = -200;
    x[n - 1] = 200;
    std::vector<float> got(n), want(n);
    for (int64_t i = 0; i < n; ++i) {
      const double v = x[i];
      want[i] = static_cast<float>(0.5 * v * (1 + std::tanh(std::sqrt(2 / M_PI) * (v + 0.044715 * v * v * v))));
    }
    set().gelu(x.data(), n, got.data());
    expect_near(got, want, 1e-6, "n " + std::to_string(n));
  }
  float nan = std::nanf("");
  set().gelu(&nan, 1, &nan);
  EXPECT_TRUE(std::isnan(nan));
}

TEST_P(ElementwiseKernels, RopeAgreesWithScalarAndKeepsLengths) {
  for (const int64_t half : {1, 4, 5, 8, 16, 17, 32, 64}) {
    std::vector<float> cosines(half), sines(half);
    for (int64_t i = 0; i < half; ++i) {
      cosines[i] = std::cos(0.3f * static_cast<float>(i + 1));
      sines[i] = std::sin(0.3f * static_cast<float>(i + 1));
    }
    auto a = noise(3 * 2 * half, 4), b = a;
    const auto before = a;
    set().rope(a.data(), 3, half, cosines.data(), sines.data());
    scalar::kKernels.rope(b.data(), 3, half, cosines.data(), sines.data());
    expect_near(a, b, 1e-6, "half " + std::to_string(half));
    EXPECT_NEAR(std::hypot(a[0], a[half]), std::hypot(before[0], before[half]), 1e-6);
  }
}

TEST_P(ElementwiseKernels, SiluAgreesWithScalarFarOut) {
  for (const int64_t n : kLengths) {
    auto gate = noise(n, 5, 30);
    gate[0] = -200;
    gate[n - 1] = 200;
    const auto up = noise(n, 6);
    std::vector<float> a(n), b(n);
    set().silu_mul(gate.data(), up.data(), n, a.data());
    scalar::kKernels.silu_mul(gate.data(), up.data(), n, b.data());
    expect_near(a, b, 1e-6, "n " + std::to_string(n));
  }
}

TEST_P(ElementwiseKernels, SoftmaxAgreesWithScalar) {
  for (const int64_t n : kLengths) {
    auto a = noise(n, 7, 40), b = a;
    const float sum_a = set().softmax_exp(a.data(), n), sum_b = scalar::kKernels.softmax_exp(b.data(), n);
    EXPECT_NEAR(sum_a, sum_b, 1e-5 * sum_b) << n;
    expect_near(a, b, 1e-6, "n " + std::to_string(n));
    EXPECT_EQ(*std::max_element(a.begin(), a.end()), 1);
  }
}

TEST_P(ElementwiseKernels, ArgMaxIsTheFirstOfTheLargestAndSeesWhatIsNotFinite) {
  for (const int64_t n : kLengths) {
    auto x = noise(n, 9, 60);
    for (const int64_t place : {int64_t{0}, n / 3, n - 1}) {
      auto with = x;
      with[place] = with[n - 1] = 100;  // twice, or once at the end
      bool finite = false;
      EXPECT_EQ(set().arg_max(with.data(), n, &finite), place) << n;
      EXPECT_TRUE(finite);
      for (const float bad : {kInfinity, -kInfinity, std::nanf("")}) {
        with[place] = bad;
        set().arg_max(with.data(), n, &finite);
        EXPECT_FALSE(finite) << n << ", " << place << ", " << bad;
      }
    }
    std::fill(x.begin(), x.end(), -kInfinity);
    bool finite = true;
    EXPECT_EQ(set().arg_max(x.data(), n, &finite), 0);
    x[n - 1] = -3;
    EXPECT_EQ(set().arg_max(x.data(), n, &finite), n - 1);
    for (int64_t i = 0; i < n; ++i) x[i] = -1 - static_cast<float>(i % 5);
    EXPECT_EQ(set().arg_max(x.data(), n, &finite), 0);
    EXPECT_TRUE(finite);
  }
}

TEST_P(ElementwiseKernels, ExpSumsAgreeWithScalarAndIgnoreBannedTokens) {
  for (const int64_t n : kLengths) {
    auto x = noise(n, 8, 60);
    x[0] = 60;
    if (n > 5) x[5] = -kInfinity;
    double weighted_a = 0, weighted_b = 0;
    const double sum_b = scalar::kKernels.exp_sum_weighted(x.data(), n, 60, &weighted_b);
    EXPECT_NEAR(set().exp_sum_weighted(x.data(), n, 60, &weighted_a), sum_b, 1e-6 * sum_b);
    EXPECT_NEAR(set().exp_sum(x.data(), n, 60), sum_b, 1e-6 * sum_b);
    EXPECT_NEAR(weighted_a, weighted_b, 1e-6 * (1 + std::fabs(weighted_b)));
  }
}

TEST_P(ElementwiseKernels, ExpIsAccurateToAFewUnitsInTheLastPlace) {
  // exp_sum of one element is exp itself.
  for (double x = -87; x <= 0; x += 0.0137) {
    const float shifted = static_cast<float>(x);
    const double exact = std::exp(double{shifted});
    EXPECT_NEAR(set().exp_sum(&shifted, 1, 0), exact, 3e-7 * exact) << x;
  }
}

TEST_P(ElementwiseKernels, TemperedExpIsAccurateInDouble) {
  for (const int64_t n : kLengths) {
    auto x = noise(n, 8, 60);
    x[0] = 60;
    if (n > 5) x[5] = -kInfinity;
    for (const float temperature : {0.1f, 0.75f, 1.0f, 3.0f, 1e-38f, 1e-3f}) {
      std::vector<double> out(n + 1, 77);
      set().exp_tempered(x.data(), n, 60, temperature, out.data());
      EXPECT_EQ(out[n], 77);
      EXPECT_EQ(out[0], 1);
      for (int64_t i = 0; i < n; ++i) {
        const double exact = std::exp((double{x[i]} - 60) / double{temperature});
        ASSERT_NEAR(out[i], exact, 4e-16 * exact + 5e-324) << i << ", " << temperature;
      }
    }
  }
}

}  // namespace
}  // namespace pent::kernels::test
