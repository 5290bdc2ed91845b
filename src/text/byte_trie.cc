// The trie is laid out level by level from the sorted strings, so that the children of a node are neighbours.
#include "text/byte_trie.h"

namespace pent {

ByteTrie::ByteTrie(std::vector<Entry> entries) {
  std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.first < b.first; });
  struct Range {
    size_t begin, end;  // of the entries below the node of the same index
  };
  std::vector<Range> ranges{{0, entries.size()}};
  nodes_.emplace_back();
  size_t level_end = 1;
  for (size_t depth = 0, node = 0; node < nodes_.size(); ++depth, level_end = nodes_.size()) {
    for (; node < level_end; ++node) {
      auto [begin, end] = ranges[node];
      if (begin < end && entries[begin].first.size() == depth) {
        if (depth > 0) nodes_[node].number = entries[begin].second;
        while (begin < end && entries[begin].first.size() == depth) ++begin;
      }
      nodes_[node].first_child = static_cast<uint32_t>(nodes_.size());
      while (begin < end) {
        const char label = entries[begin].first[depth];
        const size_t from = begin;
        while (begin < end && entries[begin].first[depth] == label) ++begin;
        nodes_.push_back({.label = static_cast<uint8_t>(label)});
        ranges.push_back({from, begin});
        ++nodes_[node].children;
      }
    }
  }
}

}  // namespace pent
