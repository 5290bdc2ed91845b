// Built from the tokens in the order of their bytes.
#include "sample/constraint/token_trie.h"

#include <algorithm>
#include <numeric>

namespace pent {

TokenTrie::TokenTrie(const std::vector<std::string_view>& bytes) {
  begins_.push_back(0);
  for (const std::string_view each : bytes) {
    bytes_.insert(bytes_.end(), each.begin(), each.end());
    begins_.push_back(bytes_.size());
  }
  std::vector<int32_t> order(bytes.size());
  std::iota(order.begin(), order.end(), 0);
  std::erase_if(order, [&](int32_t token) { return bytes[static_cast<size_t>(token)].empty(); });
  std::stable_sort(order.begin(), order.end(),
                   [&](int32_t a, int32_t b) { return bytes[static_cast<size_t>(a)] < bytes[static_cast<size_t>(b)]; });

  std::vector<uint32_t> path;  // nodes of the token before
  std::string_view before;
  const auto leave = [&](size_t kept) {
    for (; path.size() > kept; path.pop_back()) nodes_[path.back()].behind = static_cast<uint32_t>(nodes_.size());
  };
  for (const int32_t token : order) {
    const std::string_view text = bytes[static_cast<size_t>(token)];
    const auto differ = std::mismatch(text.begin(), text.end(), before.begin(), before.end());
    leave(static_cast<size_t>(differ.first - text.begin()));
    for (size_t depth = path.size(); depth < text.size(); ++depth) {
      path.push_back(static_cast<uint32_t>(nodes_.size()));
      const auto place = static_cast<uint32_t>(tokens_.size());
      nodes_.push_back({static_cast<uint8_t>(text[depth]), static_cast<uint32_t>(depth), 0, place, place});
    }
    tokens_.push_back(token);
    nodes_[path.back()].tokens_end = static_cast<uint32_t>(tokens_.size());
    max_depth_ = std::max(max_depth_, text.size());
    before = text;
  }
  leave(0);
}

std::string_view TokenTrie::bytes(int32_t token) const {
  if (token < 0 || static_cast<size_t>(token) + 1 >= begins_.size()) return {};
  const size_t begin = begins_[static_cast<size_t>(token)];
  return {bytes_.data() + begin, begins_[static_cast<size_t>(token) + 1] - begin};
}

}  // namespace pent
