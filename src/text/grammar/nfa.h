// From a grammar to an automaton over bytes that may be in several states at once (Thompson's construction, back to front).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "text/grammar/grammar.h"

namespace pent::grammar {

struct Nfa {
  struct Edge {
    ByteRange bytes;
    int32_t target = 0;
  };
  struct State {
    std::vector<Edge> edges;
    std::vector<int32_t> silent;  // reached without a byte
  };
  std::vector<State> states;
  int32_t start = 0;
  int32_t accept = 0;
  bool recursive = false;  // a rule is inside itself: less nesting needs fewer states
  bool cut = false;        // … more than `nesting` times: not the whole language
  bool complete = true;    // false: more than `limit` states would be needed
};

// Rules may be inside themselves `nesting` times. Throws kResourceExhausted ("WHAT: …") when rules go through more than 1000 others.
Nfa make_nfa(const Grammar& grammar, int nesting, size_t limit, const std::string& what);

}  // namespace pent::grammar
