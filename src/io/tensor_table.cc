#include "io/tensor_table.h"

#include <fmt/ranges.h>

namespace pent {

bool TensorTable::add(std::string name, TensorView&& view) {
  const auto [entry, is_new] = by_name_.try_emplace(std::move(name), std::move(view));
  if (!is_new) return false;
  entry->second.name = entry->first;
  order_.push_back(&entry->second);
  return true;
}

const TensorView* TensorTable::find(std::string_view name) const {
  const auto entry = by_name_.find(name);
  return entry == by_name_.end() ? nullptr : &entry->second;
}

std::vector<std::string> TensorTable::names() const {
  std::vector<std::string> names;
  names.reserve(order_.size());
  for (const TensorView* tensor : order_) names.emplace_back(tensor->name);
  return names;
}

std::optional<uint64_t> checked_tensor_bytes(DType type, const std::vector<int64_t>& shape) {
  const DTypeInfo& info = dtype_info(type);
  int64_t elements = 1;
  for (const int64_t axis : shape) {
    if (axis < 0 || __builtin_mul_overflow(elements, axis, &elements)) return std::nullopt;
  }
  if ((shape.empty() ? 1 : shape.back()) % info.block_size != 0) return std::nullopt;
  int64_t bytes = 0;
  if (__builtin_mul_overflow(elements / info.block_size, info.block_bytes, &bytes)) return std::nullopt;
  return static_cast<uint64_t>(bytes);
}

std::string shape_text(const std::vector<int64_t>& shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

}  // namespace pent
