// A vocabulary as a tree of bytes, so that an automaton reads the beginnings that tokens share once.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace pent {

class TokenTrie {
 public:
  // Nodes in depth-first order; the one a token ends at holds it. An automaton that cannot read a node's byte goes on at `behind`.
  struct Node {
    uint8_t byte = 0;
    uint32_t depth = 0;         // bytes before it
    uint32_t behind = 0;        // the node after all that begin like this one
    uint32_t tokens_begin = 0;  // ids [tokens_begin, tokens_end) of tokens()
    uint32_t tokens_end = 0;
  };

  // bytes[id] of each token; tokens without bytes are left out: no text needs them.
  explicit TokenTrie(const std::vector<std::string_view>& bytes);

  const std::vector<Node>& nodes() const { return nodes_; }
  const std::vector<int32_t>& tokens() const { return tokens_; }
  size_t max_depth() const { return max_depth_; }
  // Empty for what was left out, and for ids the vocabulary has not.
  std::string_view bytes(int32_t token) const;

 private:
  std::vector<Node> nodes_;
  std::vector<int32_t> tokens_;
  size_t max_depth_ = 0;
  std::vector<char> bytes_;  // of all tokens, by id
  std::vector<size_t> begins_;
};

}  // namespace pent
