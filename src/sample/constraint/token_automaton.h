// A language over a vocabulary: which tokens lead from where to where, and where its texts may end. Immutable once made.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "model/pass_plan.h"
#include "sample/constraint/token_trie.h"
#include "text/grammar/automaton.h"

namespace pent {

class TokenAutomaton {
 public:
  // Tokens that lead from one state to another: all of a set.
  struct Edge {
    int32_t target = 0;
    int32_t tokens = 0;  // index for tokens()
  };

  // `opening`: the bytes of tokens where they begin the text, or null where those are the same. `end_tokens` may follow a text of the language, and one another, to the end; empty: the text fills its cells. `what` names the
  // language in errors. Throws kInvalidArgument where the vocabulary cannot spell any text of it, kResourceExhausted where
  // automaton and vocabulary are too large together.
  TokenAutomaton(grammar::Automaton automaton, std::shared_ptr<const TokenTrie> trie, int vocab_size,
                 std::vector<int32_t> end_tokens, std::string what, std::shared_ptr<const TokenTrie> opening = nullptr);

  // States that tokens lead to, from start() on. What no text of the language goes through is not among them.
  int32_t size() const { return static_cast<int32_t>(edges_begin_.size()) - 1; }
  int32_t start() const { return 0; }
  bool accepts(int32_t state) const { return accepting_[static_cast<size_t>(state)]; }
  std::span<const Edge> edges(int32_t state) const {
    const size_t begin = edges_begin_[static_cast<size_t>(state)];
    return std::span(edges_).subspan(begin, edges_begin_[static_cast<size_t>(state) + 1] - begin);
  }
  const std::vector<int32_t>& tokens(int32_t set) const { return sets_[static_cast<size_t>(set)]; }
  int32_t set_count() const { return static_cast<int32_t>(sets_.size()); }
  // -1 where the token does not fit.
  int32_t next(int32_t state, int32_t token) const;
  int vocab_size() const { return vocab_size_; }
  const std::string& what() const { return what_; }
  int nesting() const { return automaton_.nesting(); }
  const grammar::Automaton& bytes() const { return automaton_; }
  // Tokens of the shortest text.
  int shortest() const { return shortest_; }

 private:
  struct Builder;

  grammar::Automaton automaton_;
  const TokenTrie& trie_of(int32_t state) const { return state == start() && opening_ ? *opening_ : *trie_; }

  std::shared_ptr<const TokenTrie> trie_, opening_;
  int vocab_size_;
  std::vector<int32_t> end_tokens_;  // ascending
  std::string what_;
  std::vector<int32_t> byte_state_;  // of each state; kEnd's is none
  std::vector<int32_t> state_of_;    // of each byte state; -1: tokens do not lead there
  int32_t end_state_ = -1;           // behind an end token
  std::vector<bool> accepting_;
  std::vector<size_t> edges_begin_;
  std::vector<Edge> edges_;
  std::vector<std::vector<int32_t>> sets_;  // ascending ids each; no two equal
  int shortest_ = 0;
};

}  // namespace pent
