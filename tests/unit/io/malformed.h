// Ways to spoil a valid file, and the one acceptable outcome: pent::Error that names it.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/random.h"
#include "io/weight_source.h"

namespace pent {

inline std::span<const std::byte> as_bytes(const std::string& text) { return std::as_bytes(std::span(text)); }

// Opens a file of these bytes and reads every tensor; the name given to it is "spoiled.bin".
using OpenAndRead = std::function<void(const std::string& bytes)>;

inline void read_all(const WeightSource& source) {
  for (const std::string& name : source.names()) {
    const TensorView& tensor = *source.find(name);
    std::vector<float> values(static_cast<size_t>(tensor.elements()));
    dequantize_rows(tensor, 0, tensor.rows(), values.data());
  }
}

// Either all is well or the error names the file; anything else fails the test or crashes it.
inline bool is_refused(const OpenAndRead& open, const std::string& bytes) {
  try {
    open(bytes);
    return false;
  } catch (const Error& problem) {
    EXPECT_NE(std::string(problem.what()).find("spoiled.bin"), std::string::npos) << problem.what();
    return true;
  }
}

inline void expect_truncations_refused(const OpenAndRead& open, const std::string& whole) {
  ASSERT_FALSE(is_refused(open, whole));
  for (size_t size = 0; size < whole.size(); size += 64) EXPECT_TRUE(is_refused(open, whole.substr(0, size))) << size;
  EXPECT_TRUE(is_refused(open, whole.substr(0, whole.size() - 1)));
}

// Extreme numbers over every 8 bytes of the first `extent` ones, aligned to a field or not.
inline void survive_extreme_numbers(const OpenAndRead& open, const std::string& whole, size_t extent) {
  for (const uint64_t number :
       {uint64_t{0}, uint64_t{1} << 63, (uint64_t{1} << 63) - 1, UINT64_MAX, uint64_t{1} << 32}) {
    for (size_t at = 0; at + 8 <= extent; ++at) {
      std::string spoiled = whole;
      std::memcpy(spoiled.data() + at, &number, 8);
      is_refused(open, spoiled);
    }
  }
}

// One to four bytes anywhere in the first `extent` replaced by random ones.
inline void survive_random_bytes(const OpenAndRead& open, const std::string& whole, size_t extent, uint32_t tries) {
  for (uint32_t i = 0; i < tries; ++i) {
    std::string spoiled = whole;
    const uint32_t changes = 1 + draw_bits({.seed = 1, .step = i})[0] % 4;
    for (uint32_t change = 0; change < changes; ++change) {
      const auto bits = draw_bits({.seed = 2, .step = i, .cell = change});
      spoiled[bits[0] % extent] = static_cast<char>(bits[1]);
    }
    is_refused(open, spoiled);
  }
}

}  // namespace pent
