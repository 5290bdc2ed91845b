// The tensors of one file by name and in file order: what every container's reader fills.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/tensor_view.h"

namespace pent {

class TensorTable {
 public:
  // Returns false, changing nothing, when the name is taken. The view's own name is set to the table's copy.
  bool add(std::string name, TensorView&& view);
  const TensorView* find(std::string_view name) const;
  std::vector<std::string> names() const;
  const std::vector<const TensorView*>& in_file_order() const { return order_; }

 private:
  std::map<std::string, TensorView, std::less<>> by_name_;  // nodes stay put: views and names may be pointed at
  std::vector<const TensorView*> order_;
};

// Bytes that `shape` takes when stored as `type`; nullopt when that overflows 63 bits, an axis is negative, or the last
// axis is not a multiple of the type's block.
std::optional<uint64_t> checked_tensor_bytes(DType type, const std::vector<int64_t>& shape);

// "[576, 1536]", for messages.
std::string shape_text(const std::vector<int64_t>& shape);

}  // namespace pent
