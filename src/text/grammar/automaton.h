// A language as a deterministic automaton over bytes.
//
// Regular grammars (no recursion, or recursion at the end of a rule, as in `list ::= item list?`) become exactly their language.
// True recursion needs a stack, which an automaton has not: there a rule may be inside itself so many times and no deeper (as many,
// up to kNesting, as the limit on states allows), so that what is accepted is always in the language, but not all of it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/grammar/grammar.h"

namespace pent::grammar {

inline constexpr int kNesting = 8;          // of a rule inside itself
inline constexpr int kMaxStates = 1 << 14;  // of an automaton

class Automaton {
 public:
  static constexpr int32_t kDead = -1;

  // `what` names the language in errors ("--regex"). Throws kInvalidArgument when no text is in the language, kResourceExhausted
  // when it needs more than kMaxStates states.
  static Automaton compile(const Grammar& grammar, const std::string& what);
  // The texts that both have; throws what compile() throws.
  static Automaton intersection(const Automaton& a, const Automaton& b, const std::string& what);

  int32_t size() const { return static_cast<int32_t>(accepting_.size()); }
  int32_t start() const { return 0; }
  // kDead where no text of the language goes on like this: from every other state one is reached.
  int32_t next(int32_t state, uint8_t byte) const {
    return next_[static_cast<size_t>(state) * class_count_ + class_of_[byte]];
  }
  bool accepts(int32_t state) const { return accepting_[static_cast<size_t>(state)]; }
  bool matches(std::string_view text) const;
  // Bytes of the longest text; nothing where there is no longest.
  std::optional<int64_t> longest() const;
  // How often a rule may be inside itself; 0: the automaton is exact.
  int nesting() const { return nesting_; }

 private:
  Automaton(std::span<const uint8_t> class_of, size_t class_count, std::vector<int32_t> next,
            std::vector<bool> accepting, int nesting);

  size_t class_count_ = 0;
  uint8_t class_of_[256] = {};
  std::vector<int32_t> next_;  // [state, class]
  std::vector<bool> accepting_;
  int nesting_ = 0;
};

}  // namespace pent::grammar
