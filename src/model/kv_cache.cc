#include "model/kv_cache.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "base/memory.h"
#include "kernels/kernels.h"

namespace pent {
namespace {

constexpr int64_t kBlock = kernels::kSlotBlock;

}  // namespace

KvCache::KvCache(const ModelSpec& spec, int32_t capacity, Format format) : capacity_(capacity), format_(format) {
  const int64_t slots = (int64_t{capacity} + kBlock - 1) / kBlock * kBlock;
  int64_t elements = 0;
  for (int i = 0; i < spec.n_layers; ++i) {
    const auto [n_kv_heads, head_dim, values_are_keys] = spec.heads(i);
    const Layer layer = {.begin = elements,
                         .key_elements = slots * (format == Format::kF32 ? head_dim : (head_dim + 1) / 2 * 2),
                         .value_elements = slots * padded_head_dim(head_dim),
                         .head_dim = head_dim,
                         .padded_head_dim = padded_head_dim(head_dim)};
    layers_.push_back(layer);
    elements += n_kv_heads * (layer.key_elements + layer.value_elements);
  }
  const int64_t bytes = elements * bytes_per_element(format);
  const auto what = fmt::format("a sequence of {} positions", capacity);
  require_memory(static_cast<double>(bytes), what);
  data_.reset(std::calloc(bytes, 1));
  if (!data_)
    throw error(ErrorKind::kResourceExhausted, "{} needs {:.0f} MB of memory", what, static_cast<double>(bytes) / 1e6);
  claimed_.assign(capacity, 0);
}

void KvCache::write(int layer, int kv_head, int32_t slot, const float* key, const float* value) {
  const Layer& place = layers_[static_cast<size_t>(layer)];
  const int head_dim = place.head_dim, padded_head_dim = place.padded_head_dim;
  if (format_ == Format::kF32) {
    float* keys = at<float>(layer, kv_head);
    float* values = keys + place.key_elements;
    keys += slot / kBlock * kBlock * head_dim + slot % kBlock;
    for (int i = 0; i < head_dim; ++i) keys[i * kBlock] = key[i];
    std::copy(value, value + head_dim, values + int64_t{slot} * padded_head_dim);
    return;
  }
  const kernels::KernelSet& kernels = kernels::active_kernel_set();
  uint16_t* keys = at<uint16_t>(layer, kv_head);
  uint16_t* values = keys + place.key_elements + (slot / 2 * int64_t{padded_head_dim} * 2 + slot % 2);
  const int64_t head_pairs = (head_dim + 1) / 2;
  keys += (slot / kBlock * kBlock * head_pairs + slot % kBlock) * 2;
  constexpr int kPiece = 64;
  uint16_t piece[kPiece];
  for (int begin = 0; begin < head_dim; begin += kPiece) {
    const int count = std::min(kPiece, head_dim - begin);
    kernels.to_bf16(key + begin, count, piece);
    if (count % 2 != 0) piece[count] = 0;
    for (int i = 0; i < count; i += 2) std::memcpy(keys + (begin + i) * kBlock, piece + i, 2 * sizeof *piece);
    kernels.to_bf16(value + begin, count, piece);
    for (int i = begin; i < begin + count; ++i) values[int64_t{i} * 2] = piece[i - begin];
  }
}

bool KvCache::claim(int32_t slot, uint64_t pass) { return std::exchange(claimed_[slot], pass) != pass; }

}  // namespace pent
