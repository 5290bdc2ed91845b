// Subset construction over classes of bytes that no edge tells apart; then states that lead nowhere are taken out, and states from
// which the same texts follow are made one (partition refinement, Moore 1956).
#include "text/grammar/automaton.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <unordered_map>

#include "base/error.h"
#include "text/grammar/nfa.h"

namespace pent::grammar {
namespace {

constexpr size_t kMaxNfaStates = size_t{1} << 17;
constexpr size_t kMaxRecursiveStates = 4096;  // with the nesting halved, as many texts go through far fewer
constexpr int kNestings[] = {kNesting, 6, 4, 3, 2, 1, 0};

struct ByteClasses {
  uint8_t of[256] = {};
  std::vector<uint8_t> examples;  // a byte of each class
};

ByteClasses byte_classes(const Nfa& nfa) {
  bool begins[257] = {true};
  for (const Nfa::State& state : nfa.states) {
    for (const Nfa::Edge& edge : state.edges) begins[edge.bytes.first] = begins[edge.bytes.last + 1] = true;
  }
  ByteClasses classes;
  for (int byte = 0; byte < 256; ++byte) {
    if (begins[byte]) classes.examples.push_back(static_cast<uint8_t>(byte));
    classes.of[byte] = static_cast<uint8_t>(classes.examples.size() - 1);
  }
  return classes;
}

using States = std::vector<int32_t>;

struct HashStates {
  size_t operator()(const States& states) const {
    uint64_t hash = 0xCBF29CE484222325u;
    for (const int32_t state : states) hash = (hash ^ static_cast<uint64_t>(state)) * 0x100000001B3u;
    return hash;
  }
};

// The states of an automaton under construction.
struct Table {
  size_t classes = 0;
  std::vector<int32_t> next;  // [state, class]
  std::vector<bool> accepting;
  size_t size() const { return accepting.size(); }
  int32_t& at(size_t state, size_t cls) { return next[state * classes + cls]; }
};

class Subsets {
 public:
  explicit Subsets(const Nfa& nfa) : nfa_(nfa), seen_(nfa.states.size()) {}

  // False where there are more than `limit`.
  bool build(const ByteClasses& classes, size_t limit, Table& table) {
    table.classes = classes.examples.size();
    state_of(close({nfa_.start}), table);
    std::vector<States> targets(table.classes);
    for (size_t state = 0; state < sets_.size(); ++state) {
      if (sets_.size() > limit) return false;
      for (States& target : targets) target.clear();
      for (const int32_t member : *sets_[state])
        for (const Nfa::Edge& edge : nfa_.states[static_cast<size_t>(member)].edges)
          for (size_t cls = classes.of[edge.bytes.first]; cls <= classes.of[edge.bytes.last]; ++cls)
            targets[cls].push_back(edge.target);
      for (size_t cls = 0; cls < table.classes; ++cls)
        if (!targets[cls].empty()) {
          const int32_t target = state_of(close(targets[cls]), table);
          table.at(state, cls) = target;
        }
    }
    return sets_.size() <= limit;
  }

 private:
  // With what is reached silently; only states that have edges, and the accepting one.
  States close(const States& states) {
    ++stamp_;
    States open, closed;
    const auto visit = [&](int32_t state) {
      if (seen_[static_cast<size_t>(state)] == stamp_) return;
      seen_[static_cast<size_t>(state)] = stamp_;
      open.push_back(state);
    };
    for (const int32_t state : states) visit(state);
    while (!open.empty()) {
      const int32_t state = open.back();
      open.pop_back();
      const Nfa::State& each = nfa_.states[static_cast<size_t>(state)];
      if (!each.edges.empty() || state == nfa_.accept) closed.push_back(state);
      for (const int32_t next : each.silent) visit(next);
    }
    std::sort(closed.begin(), closed.end());
    return closed;
  }

  int32_t state_of(States states, Table& table) {
    const auto [place, is_new] = known_.try_emplace(std::move(states), static_cast<int32_t>(sets_.size()));
    if (is_new) {
      sets_.push_back(&place->first);
      table.accepting.push_back(std::binary_search(place->first.begin(), place->first.end(), nfa_.accept));
      table.next.resize(table.next.size() + table.classes, Automaton::kDead);
    }
    return place->second;
  }

  const Nfa& nfa_;
  std::vector<uint32_t> seen_;
  uint32_t stamp_ = 0;
  std::unordered_map<States, int32_t, HashStates> known_;
  std::vector<const States*> sets_;
};

// States from which no text is accepted are no longer led to. False if the first is one of them.
bool remove_dead_ends(Table& table) {
  std::vector<std::vector<int32_t>> before(table.size());
  for (size_t state = 0; state < table.size(); ++state)
    for (size_t cls = 0; cls < table.classes; ++cls)
      if (const int32_t next = table.at(state, cls); next >= 0)
        before[static_cast<size_t>(next)].push_back(static_cast<int32_t>(state));
  std::vector<bool> live = table.accepting;
  std::vector<int32_t> open;
  for (size_t state = 0; state < table.size(); ++state)
    if (live[state]) open.push_back(static_cast<int32_t>(state));
  while (!open.empty()) {
    const int32_t state = open.back();
    open.pop_back();
    for (const int32_t each : before[static_cast<size_t>(state)]) {
      if (live[static_cast<size_t>(each)]) continue;
      live[static_cast<size_t>(each)] = true;
      open.push_back(each);
    }
  }
  for (int32_t& next : table.next)
    if (next >= 0 && !live[static_cast<size_t>(next)]) next = Automaton::kDead;
  return live[0];
}

// Which states are the same, as their number among the different ones; 0 is the first state's.
std::vector<int32_t> equal_states(Table& table) {
  std::vector<int32_t> group(table.size());
  for (size_t state = 0; state < table.size(); ++state) group[state] = table.accepting[state] != table.accepting[0];
  for (size_t groups = 0;;) {
    std::unordered_map<States, int32_t, HashStates> known;
    std::vector<int32_t> finer(table.size());
    for (size_t state = 0; state < table.size(); ++state) {
      States signature{group[state]};
      for (size_t cls = 0; cls < table.classes; ++cls) {
        const int32_t next = table.at(state, cls);
        signature.push_back(next < 0 ? Automaton::kDead : group[static_cast<size_t>(next)]);
      }
      finer[state] = known.try_emplace(std::move(signature), static_cast<int32_t>(known.size())).first->second;
    }
    group = std::move(finer);
    if (known.size() == groups) return group;
    groups = known.size();
  }
}

// Refinement goes as many rounds as texts are needed long to tell states apart: too many where a text is counted.
constexpr size_t kMinimized = 2048;

Table minimized(Table table) {
  if (table.size() > kMinimized) return table;
  const std::vector<int32_t> group = equal_states(table);
  Table small{.classes = table.classes};
  for (size_t state = 0; state < table.size(); ++state) {
    if (group[state] != static_cast<int32_t>(small.size())) continue;  // the first of a group stands for it
    small.accepting.push_back(table.accepting[state]);
    for (size_t cls = 0; cls < table.classes; ++cls) {
      const int32_t next = table.at(state, cls);
      small.next.push_back(next < 0 ? Automaton::kDead : group[static_cast<size_t>(next)]);
    }
  }
  return small;
}

// Throws kInvalidArgument when no text is accepted.
Table trimmed(Table table, const std::string& what) {
  if (!remove_dead_ends(table)) throw error(ErrorKind::kInvalidArgument, "{}: no text matches it", what);
  return minimized(std::move(table));
}

[[noreturn]] void refuse_size(const std::string& what) {
  throw error(ErrorKind::kResourceExhausted,
              "{}: it needs an automaton of more than {} states; use smaller counts or less of it", what, kMaxStates);
}

}  // namespace

Automaton::Automaton(std::span<const uint8_t> class_of, size_t class_count, std::vector<int32_t> next,
                     std::vector<bool> accepting, int nesting)
    : class_count_(class_count), next_(std::move(next)), accepting_(std::move(accepting)), nesting_(nesting) {
  std::copy(class_of.begin(), class_of.end(), class_of_);
}

Automaton Automaton::compile(const Grammar& grammar, const std::string& what) {
  for (const int nesting : kNestings) {
    const Nfa nfa = make_nfa(grammar, nesting, kMaxNfaStates, what);
    const ByteClasses classes = byte_classes(nfa);
    Table table;
    if (nfa.complete &&
        Subsets(nfa).build(classes, nfa.recursive && nesting > 0 ? kMaxRecursiveStates : kMaxStates, table)) {
      table = trimmed(std::move(table), what);
      return {classes.of, table.classes, std::move(table.next), std::move(table.accepting), nfa.cut ? nesting : 0};
    }
    if (!nfa.recursive) break;
  }
  refuse_size(what);
}

// Pairs of states that the same texts lead to.
Automaton Automaton::intersection(const Automaton& a, const Automaton& b, const std::string& what) {
  ByteClasses classes;
  std::map<std::pair<uint8_t, uint8_t>, uint8_t> known_classes;
  for (int byte = 0; byte < 256; ++byte) {
    const auto [place, is_new] =
        known_classes.try_emplace({a.class_of_[byte], b.class_of_[byte]}, static_cast<uint8_t>(known_classes.size()));
    if (is_new) classes.examples.push_back(static_cast<uint8_t>(byte));
    classes.of[byte] = place->second;
  }
  Table table{.classes = classes.examples.size()};
  std::map<std::pair<int32_t, int32_t>, int32_t> known;
  std::vector<std::pair<int32_t, int32_t>> pairs;
  const auto state_of = [&](int32_t of_a, int32_t of_b) {
    const auto [place, is_new] = known.try_emplace({of_a, of_b}, static_cast<int32_t>(pairs.size()));
    if (is_new) {
      pairs.emplace_back(of_a, of_b);
      table.accepting.push_back(a.accepts(of_a) && b.accepts(of_b));
      table.next.resize(table.next.size() + table.classes, kDead);
    }
    return place->second;
  };
  state_of(a.start(), b.start());
  for (size_t state = 0; state < pairs.size(); ++state) {
    if (pairs.size() > kMaxStates) refuse_size(what);
    for (size_t cls = 0; cls < table.classes; ++cls) {
      const int32_t of_a = a.next(pairs[state].first, classes.examples[cls]);
      const int32_t of_b = b.next(pairs[state].second, classes.examples[cls]);
      if (of_a == kDead || of_b == kDead) continue;
      const int32_t target = state_of(of_a, of_b);
      table.at(state, cls) = target;
    }
  }
  table = trimmed(std::move(table), what);
  return {classes.of, table.classes, std::move(table.next), std::move(table.accepting),
          std::max(a.nesting_, b.nesting_)};
}

bool Automaton::matches(std::string_view text) const {
  int32_t state = start();
  for (const char byte : text)
    if ((state = next(state, static_cast<uint8_t>(byte))) == kDead) return false;
  return accepts(state);
}

std::optional<int64_t> Automaton::longest() const {
  // Kahn's order: what is left when no state is without predecessor lies on a cycle.
  std::vector<int> before(accepting_.size());
  for (const int32_t next : next_)
    if (next >= 0) ++before[static_cast<size_t>(next)];
  std::vector<int64_t> length(accepting_.size());
  if (before[0] > 0) return std::nullopt;
  std::vector<int32_t> open{0};
  int64_t longest = 0;
  while (!open.empty()) {
    const auto state = static_cast<size_t>(open.back());
    open.pop_back();
    if (accepting_[state]) longest = std::max(longest, length[state]);
    for (size_t cls = 0; cls < class_count_; ++cls) {
      const int32_t next = next_[state * class_count_ + cls];
      if (next < 0) continue;
      length[static_cast<size_t>(next)] = std::max(length[static_cast<size_t>(next)], length[state] + 1);
      if (--before[static_cast<size_t>(next)] == 0) open.push_back(next);
    }
  }
  const bool cycle = std::any_of(before.begin(), before.end(), [](int count) { return count > 0; });
  return cycle ? std::nullopt : std::optional(longest);
}

}  // namespace pent::grammar
