#include "model/kv_cache.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/memory.h"
#include "kernels/kernels.h"

namespace pent {

KvCache::KvCache(const ModelSpec& spec, int32_t capacity)
    : capacity_(capacity),
      n_kv_heads_(spec.n_kv_heads),
      head_dim_(spec.head_dim),
      padded_head_dim_(padded_head_dim(spec)) {
  const int64_t slots = (int64_t{capacity} + kernels::kSlotBlock - 1) / kernels::kSlotBlock * kernels::kSlotBlock;
  key_floats_ = slots * head_dim_;
  value_floats_ = slots * padded_head_dim_;
  const int64_t heads = int64_t{spec.n_layers} * n_kv_heads_;
  const double bytes = 4.0 * static_cast<double>(heads) * static_cast<double>(key_floats_ + value_floats_);
  const auto what = fmt::format("a sequence of {} positions", capacity);
  require_memory(bytes, what);
  data_.reset(static_cast<float*>(std::calloc(heads * (key_floats_ + value_floats_), sizeof(float))));
  if (!data_) throw error(ErrorKind::kResourceExhausted, "{} needs {:.0f} MB of memory", what, bytes / 1e6);
  claimed_.assign(capacity, 0);
}

void KvCache::write(int layer, int kv_head, int32_t slot, const float* key, const float* value) {
  float* base = at(layer, kv_head);
  constexpr int64_t kBlock = kernels::kSlotBlock;
  float* keys = base + slot / kBlock * kBlock * head_dim_ + slot % kBlock;
  for (int i = 0; i < head_dim_; ++i) keys[i * kBlock] = key[i];
  std::copy(value, value + head_dim_, base + key_floats_ + int64_t{slot} * padded_head_dim_);
}

bool KvCache::claim(int32_t slot, uint64_t pass) { return std::exchange(claimed_[slot], pass) != pass; }

}  // namespace pent
