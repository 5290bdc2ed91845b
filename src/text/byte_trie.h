// A set of byte strings with a number each, asked for all that a text begins with.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace pent {

// Immutable. Built in the time of sorting; a look-up takes the bytes it walks times the logarithm of a node's children.
class ByteTrie {
 public:
  using Entry = std::pair<std::string_view, int32_t>;  // numbers are not negative

  ByteTrie() = default;
  // Of equal strings the first in `entries` counts; empty ones are left out. The strings need not outlive the call.
  explicit ByteTrie(std::vector<Entry> entries);

  // Calls found(length, number) for each string that `text` begins with, the shortest first.
  template <typename Found>
  void prefixes(std::string_view text, Found&& found) const {
    uint32_t node = 0;
    for (size_t at = 0; at < text.size() && !nodes_.empty(); ++at) {
      const auto first = nodes_.begin() + nodes_[node].first_child, last = first + nodes_[node].children;
      const auto byte = static_cast<uint8_t>(text[at]);
      const auto child = std::lower_bound(first, last, byte, [](const Node& n, uint8_t b) { return n.label < b; });
      if (child == last || child->label != byte) return;
      node = static_cast<uint32_t>(child - nodes_.begin());
      if (child->number >= 0) found(at + 1, child->number);
    }
  }

 private:
  struct Node {
    uint32_t first_child = 0;
    int32_t number = -1;    // of the string that ends here
    uint16_t children = 0;  // up to 256, neighbours in the order of their labels
    uint8_t label = 0;
  };
  std::vector<Node> nodes_;
};

}  // namespace pent
