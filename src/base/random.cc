#include "base/random.h"

#include <algorithm>

namespace pent {

std::array<uint32_t, 4> philox_4x32_10(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) {
  constexpr uint64_t kMultiplier0 = 0xD2511F53, kMultiplier1 = 0xCD9E8D57;
  constexpr uint32_t kWeyl0 = 0x9E3779B9, kWeyl1 = 0xBB67AE85;
  for (int round = 0; round < 10; ++round) {
    const uint64_t product0 = kMultiplier0 * counter[0];
    const uint64_t product1 = kMultiplier1 * counter[2];
    counter = {static_cast<uint32_t>(product1 >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(product1),
               static_cast<uint32_t>(product0 >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(product0)};
    key[0] += kWeyl0;
    key[1] += kWeyl1;
  }
  return counter;
}

std::array<uint32_t, 4> draw_bits(const DrawKey& key) {
  const uint32_t word3 = static_cast<uint32_t>(key.purpose) << 24 | (key.index & 0xFFFFFF);
  return philox_4x32_10({key.cell, key.step, key.n_index, word3},
                        {static_cast<uint32_t>(key.seed), static_cast<uint32_t>(key.seed >> 32)});
}

double draw_uniform(const DrawKey& key) {
  const auto bits = draw_bits(key);
  const uint64_t k = (static_cast<uint64_t>(bits[1]) << 32 | bits[0]) >> 11;
  return std::min((static_cast<double>(k) + 0.5) * 0x1p-53, 1 - 0x1p-53);  // k = 2^53 - 1 would round to 1
}

}  // namespace pent
