// From every state that tokens lead to, the vocabulary is read once. Sets of tokens repeat from state to state (inside a string all
// go that can be in a string), so each is stored once.
#include "sample/constraint/token_automaton.h"

#include <algorithm>
#include <limits>
#include <map>

#include "base/error.h"

namespace pent {
namespace {

constexpr uint64_t kMaxWork = uint64_t{1} << 31;  // nodes of the vocabulary read, some seconds

}  // namespace

struct TokenAutomaton::Builder {
  TokenAutomaton& made;
  std::map<std::vector<int32_t>, int32_t> known_sets{};
  std::vector<std::vector<int32_t>> found{};  // by byte state: tokens that lead there from the state being read
  std::vector<int32_t> targets{};
  std::vector<int32_t> path{};
  uint64_t work = 0;

  void build() {
    found.resize(static_cast<size_t>(made.automaton_.size()));
    path.resize(std::max(made.trie_->max_depth(), made.trie_of(0).max_depth()) + 1);
    made.state_of_.assign(static_cast<size_t>(made.automaton_.size()), -1);
    if (made.opening_)
      made.byte_state_.push_back(made.automaton_.start());  // a state that no token leads to
    else
      state(made.automaton_.start());
    for (size_t next = 0; next < made.byte_state_.size(); ++next) {
      made.edges_begin_.push_back(made.edges_.size());
      const int32_t from = made.byte_state_[next];
      made.accepting_.push_back(from < 0 || made.automaton_.accepts(from));
      if (from >= 0) read_vocabulary(from, made.trie_of(static_cast<int32_t>(next)));
      if (made.accepting_.back() && !made.end_tokens_.empty())
        made.edges_.push_back({end_state(), set(made.end_tokens_)});
    }
    made.edges_begin_.push_back(made.edges_.size());
  }

  int32_t state(int32_t byte_state) {
    int32_t& known = made.state_of_[static_cast<size_t>(byte_state)];
    if (known < 0) {
      known = static_cast<int32_t>(made.byte_state_.size());
      made.byte_state_.push_back(byte_state);
    }
    return known;
  }

  int32_t end_state() {
    if (made.end_state_ < 0) {
      made.end_state_ = static_cast<int32_t>(made.byte_state_.size());
      made.byte_state_.push_back(-1);
    }
    return made.end_state_;
  }

  int32_t set(std::vector<int32_t> tokens) {
    const auto [place, is_new] = known_sets.try_emplace(tokens, static_cast<int32_t>(made.sets_.size()));
    if (is_new) made.sets_.push_back(std::move(tokens));
    return place->second;
  }

  void read_vocabulary(int32_t from, const TokenTrie& trie) {
    const std::vector<TokenTrie::Node>& nodes = trie.nodes();
    path[0] = from;
    for (size_t at = 0; at < nodes.size(); ++work) {
      const TokenTrie::Node& node = nodes[at];
      const int32_t next = made.automaton_.next(path[node.depth], node.byte);
      if (next == grammar::Automaton::kDead) {
        at = node.behind;
        continue;
      }
      path[node.depth + 1] = next;
      if (node.tokens_begin < node.tokens_end) {
        std::vector<int32_t>& tokens = found[static_cast<size_t>(next)];
        if (tokens.empty()) targets.push_back(next);
        for (uint32_t i = node.tokens_begin; i < node.tokens_end; ++i) tokens.push_back(trie.tokens()[i]);
      }
      ++at;
    }
    if (work > kMaxWork)
      throw error(ErrorKind::kResourceExhausted,
                  "{}: too large for a vocabulary of {} tokens; use smaller counts or less of it", made.what_,
                  made.trie_->tokens().size());
    std::sort(targets.begin(), targets.end());
    for (const int32_t target : targets) {
      std::vector<int32_t>& tokens = found[static_cast<size_t>(target)];
      std::sort(tokens.begin(), tokens.end());
      made.edges_.push_back({state(target), set(std::move(tokens))});
      tokens.clear();
    }
    targets.clear();
  }

  // States from which the vocabulary spells no end are no targets any more; the shortest text by the way.
  void remove_dead_ends() {
    const auto size = static_cast<size_t>(made.size());
    std::vector<std::vector<int32_t>> before(size);
    for (size_t from = 0; from < size; ++from)
      for (const Edge& edge : made.edges(static_cast<int32_t>(from)))
        before[static_cast<size_t>(edge.target)].push_back(static_cast<int32_t>(from));
    std::vector<int> distance(size, -1);
    std::vector<int32_t> queue;
    for (size_t each = 0; each < size; ++each) {
      if (!made.accepting_[each]) continue;
      distance[each] = 0;
      queue.push_back(static_cast<int32_t>(each));
    }
    for (size_t next = 0; next < queue.size(); ++next)
      for (const int32_t each : before[static_cast<size_t>(queue[next])]) {
        if (distance[static_cast<size_t>(each)] >= 0) continue;
        distance[static_cast<size_t>(each)] = distance[static_cast<size_t>(queue[next])] + 1;
        queue.push_back(each);
      }
    if (distance[0] < 0)
      throw error(ErrorKind::kInvalidArgument, "{}: the model's vocabulary cannot spell any text that matches it",
                  made.what_);
    made.shortest_ = distance[0];
    std::vector<Edge> kept;
    std::vector<size_t> begins;
    for (size_t from = 0; from < size; ++from) {
      begins.push_back(kept.size());
      for (const Edge& edge : made.edges(static_cast<int32_t>(from)))
        if (distance[static_cast<size_t>(edge.target)] >= 0) kept.push_back(edge);
    }
    begins.push_back(kept.size());
    made.edges_ = std::move(kept);
    made.edges_begin_ = std::move(begins);
  }
};

TokenAutomaton::TokenAutomaton(grammar::Automaton automaton, std::shared_ptr<const TokenTrie> trie, int vocab_size,
                               std::vector<int32_t> end_tokens, std::string what,
                               std::shared_ptr<const TokenTrie> opening)
    : automaton_(std::move(automaton)),
      trie_(std::move(trie)),
      opening_(std::move(opening)),
      vocab_size_(vocab_size),
      end_tokens_(std::move(end_tokens)),
      what_(std::move(what)) {
  std::sort(end_tokens_.begin(), end_tokens_.end());
  Builder builder{*this};
  builder.build();
  builder.remove_dead_ends();
}

int32_t TokenAutomaton::next(int32_t state, int32_t token) const {
  if (std::binary_search(end_tokens_.begin(), end_tokens_.end(), token)) return accepts(state) ? end_state_ : -1;
  int32_t at = byte_state_[static_cast<size_t>(state)];
  const std::string_view bytes = trie_of(state).bytes(token);
  if (at < 0 || bytes.empty()) return -1;
  for (const char byte : bytes)
    if ((at = automaton_.next(at, static_cast<uint8_t>(byte))) == grammar::Automaton::kDead) return -1;
  return state_of_[static_cast<size_t>(at)];
}

}  // namespace pent
