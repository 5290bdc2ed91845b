// Keys and values of one sequence, float32, for every layer, key/value head and slot.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

#include "model/spec.h"

namespace pent {

// Per layer and head: keys [blocks][head_dim][16] (slots side by side, as the score kernel reads them), values
// [slots][padded head_dim]. Pages are taken from the system when first written.
class KvCache {
 public:
  // Throws kResourceExhausted if it would not fit in the memory that is left.
  KvCache(const ModelSpec& spec, int32_t capacity);

  int32_t capacity() const { return capacity_; }
  const float* keys(int layer, int kv_head) const { return at(layer, kv_head); }
  const float* values(int layer, int kv_head) const { return at(layer, kv_head) + key_floats_; }
  void write(int layer, int kv_head, int32_t slot, const float* key, const float* value);

  // Marks the slot as written by pass number `pass`; false if it was already.
  bool claim(int32_t slot, uint64_t pass);

 private:
  float* at(int layer, int kv_head) const {
    return data_.get() + (int64_t{layer} * n_kv_heads_ + kv_head) * (key_floats_ + value_floats_);
  }
  struct Free {
    void operator()(float* data) const { std::free(data); }
  };

  int32_t capacity_;
  int n_kv_heads_;
  int head_dim_;
  int padded_head_dim_;
  int64_t key_floats_;
  int64_t value_floats_;
  std::unique_ptr<float, Free> data_;
  std::vector<uint64_t> claimed_;  // [capacity]: the last pass that wrote the slot
};

// head_dim rounded up to whole vectors of 16.
inline int padded_head_dim(const ModelSpec& spec) { return (spec.head_dim + 15) / 16 * 16; }

}  // namespace pent
