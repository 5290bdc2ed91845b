// Keys and values of one sequence, for every layer, key/value head and slot.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

#include "model/spec.h"

namespace pent {

// Per layer and head first the keys, slots side by side as the score kernel reads them, then the values; in the layouts of
// kernels.h. Pages are taken from the system when first written.
class KvCache {
 public:
  enum class Format { kF32, kBf16 };

  // Throws kResourceExhausted if it would not fit in the memory that is left.
  KvCache(const ModelSpec& spec, int32_t capacity, Format format);

  static int64_t bytes_per_element(Format format) { return format == Format::kF32 ? 4 : 2; }

  Format format() const { return format_; }
  int32_t capacity() const { return capacity_; }
  // T: float or uint16_t, as the format says.
  template <typename T>
  const T* keys(int layer, int kv_head) const {
    return at<T>(layer, kv_head);
  }
  template <typename T>
  const T* values(int layer, int kv_head) const {
    return at<T>(layer, kv_head) + layers_[static_cast<size_t>(layer)].key_elements;
  }
  // key and value: head_dim floats.
  void write(int layer, int kv_head, int32_t slot, const float* key, const float* value);

  // Marks the slot as written by pass number `pass`; false if it was already.
  bool claim(int32_t slot, uint64_t pass);

 private:
  // Where a layer lies, in elements, and what a head of it takes.
  struct Layer {
    int64_t begin;
    int64_t key_elements;
    int64_t value_elements;
    int head_dim;
    int padded_head_dim;
  };
  template <typename T>
  T* at(int layer, int kv_head) const {
    const Layer& place = layers_[static_cast<size_t>(layer)];
    return static_cast<T*>(data_.get()) + place.begin + kv_head * (place.key_elements + place.value_elements);
  }
  struct Free {
    void operator()(void* data) const { std::free(data); }
  };

  int32_t capacity_;
  Format format_;
  std::vector<Layer> layers_;
  std::unique_ptr<void, Free> data_;
  std::vector<uint64_t> claimed_;  // [capacity]: the last pass that wrote the slot
};

// head_dim rounded up to whole vectors of 16.
inline int padded_head_dim(int head_dim) { return (head_dim + 15) / 16 * 16; }

}  // namespace pent
