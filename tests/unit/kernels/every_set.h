// Fixture of tests that run for every kernel set this processor supports, against the scalar one.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "kernels/kernels.h"

namespace pent::kernels::test {

class EverySet : public testing::TestWithParam<const KernelSet*> {
 protected:
  void SetUp() override {
    if (!GetParam()->supported()) GTEST_SKIP() << "this processor has no " << GetParam()->name;
  }
  const KernelSet& set() const { return *GetParam(); }
};

inline std::vector<const KernelSet*> all_sets() {
  const KernelSetList list = all_kernel_sets();
  return {list.sets, list.sets + list.count};
}

inline std::string set_name(const testing::TestParamInfo<const KernelSet*>& info) { return info.param->name; }

// Reproducible values in (-width, width).
inline std::vector<float> noise(int64_t count, uint32_t seed, float width = 1) {
  std::vector<float> values(count);
  uint32_t state = seed * 2654435761u + 12345;
  for (float& value : values) {
    state = state * 1664525u + 1013904223u;
    value = (static_cast<float>(state >> 8) / 8388608.0f - 1.0f) * width;
  }
  return values;
}

inline void expect_near(const std::vector<float>& a, const std::vector<float>& b, double tolerance,
                        const std::string& what) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    ASSERT_NEAR(a[i], b[i], tolerance * (1 + std::fabs(b[i]))) << what << ", element " << i;
  }
}

}  // namespace pent::kernels::test
