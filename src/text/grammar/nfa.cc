// Each expression is built in front of the state that comes after it. A rule is built once for each such state: where it is the last
// thing of itself, that is the state it was entered with, and recursion becomes a loop.
#include "text/grammar/nfa.h"

#include <map>

#include "base/error.h"

namespace pent::grammar {
namespace {

constexpr int kDepth = 250;  // of rules in rules: the construction is recursive

struct TooLarge {};

class Builder {
 public:
  Builder(const Grammar& grammar, int nesting, size_t limit, const std::string& what)
      : grammar_(grammar), nesting_(nesting), limit_(limit), what_(what), inside_(grammar.rules.size()) {}

  Nfa build() {
    try {
      nfa_.accept = add_state();
      nfa_.start = enter(grammar_.root, nfa_.accept);
    } catch (const TooLarge&) {
      nfa_.complete = false;
    }
    return std::move(nfa_);
  }

 private:
  int32_t add_state() {
    if (nfa_.states.size() >= limit_) throw TooLarge();
    nfa_.states.emplace_back();
    return static_cast<int32_t>(nfa_.states.size() - 1);
  }

  int32_t byte_state(ByteRange bytes, int32_t next) {
    const int32_t state = add_state();
    nfa_.states[static_cast<size_t>(state)].edges.push_back({bytes, next});
    return state;
  }

  void connect(int32_t from, int32_t to) { nfa_.states[static_cast<size_t>(from)].silent.push_back(to); }

  // The state from which `expression` leads to `next`.
  int32_t enter(const Expression& expression, int32_t next) {
    switch (expression.kind) {
      case Expression::Kind::kLiteral: return enter_literal(expression.text, next);
      case Expression::Kind::kCharacter: return enter_character(expression.set, next);
      case Expression::Kind::kSequence:
        for (auto item = expression.items.rbegin(); item != expression.items.rend(); ++item) next = enter(**item, next);
        return next;
      case Expression::Kind::kChoice: {
        const int32_t state = add_state();
        for (const Expr& item : expression.items) connect(state, enter(*item, next));
        return state;
      }
      case Expression::Kind::kRepeat: return enter_repeat(expression, next);
      case Expression::Kind::kRule: return enter(expression.rule, next);
    }
    PENT_CHECK(false, "expression kind {}", static_cast<int>(expression.kind));
  }

  int32_t enter_literal(const std::string& text, int32_t next) {
    for (auto byte = text.rbegin(); byte != text.rend(); ++byte)
      next = byte_state({static_cast<uint8_t>(*byte), static_cast<uint8_t>(*byte)}, next);
    return next;
  }

  // The sequences of a set share their ends.
  int32_t enter_character(const CodeSet& set, int32_t next) {
    std::map<std::pair<ByteRange, int32_t>, int32_t> made;
    const int32_t state = add_state();
    for (const ByteSequence& bytes : utf8_sequences(set)) {
      int32_t target = next;
      for (size_t i = bytes.size(); i-- > 1;) {
        const auto [place, is_new] = made.try_emplace({bytes[i], target});
        if (is_new) place->second = byte_state(bytes[i], target);
        target = place->second;
      }
      nfa_.states[static_cast<size_t>(state)].edges.push_back({bytes[0], target});
    }
    return state;
  }

  int32_t enter_repeat(const Expression& repeat, int32_t next) {
    const Expression& item = *repeat.items[0];
    int32_t entry = next;
    if (repeat.max == kUnlimited) {
      entry = add_state();
      connect(entry, next);
      connect(entry, enter(item, entry));
    } else {
      for (int i = repeat.min; i < repeat.max; ++i) {
        const int32_t state = add_state();
        connect(state, next);
        connect(state, enter(item, entry));
        entry = state;
      }
    }
    for (int i = 0; i < repeat.min; ++i) {
      const size_t before = nfa_.states.size();
      entry = enter(item, entry);
      if (nfa_.states.size() == before) break;  // the empty text, however often
    }
    return entry;
  }

  int32_t enter(int rule, int32_t next) {
    const auto [place, is_new] = entries_.try_emplace({rule, next});
    if (!is_new) return place->second;
    nfa_.recursive = nfa_.recursive || inside_[static_cast<size_t>(rule)] > 0;
    if (inside_[static_cast<size_t>(rule)] > nesting_) {
      nfa_.cut = true;
      return place->second = add_state();  // nothing leads on from it
    }
    if (++depth_ > kDepth)
      throw error(ErrorKind::kResourceExhausted, "{}: rules use one another more than {} deep", what_, kDepth);
    const int32_t entry = place->second = add_state();
    ++inside_[static_cast<size_t>(rule)];
    connect(entry, enter(*grammar_.rules[static_cast<size_t>(rule)].body, next));
    --inside_[static_cast<size_t>(rule)];
    --depth_;
    return entry;
  }

  const Grammar& grammar_;
  int nesting_;
  size_t limit_;
  const std::string& what_;
  Nfa nfa_;
  std::vector<int> inside_;                             // per rule: how many of it are being built
  std::map<std::pair<int, int32_t>, int32_t> entries_;  // of (rule, the state after it)
  int depth_ = 0;
};

}  // namespace

Nfa make_nfa(const Grammar& grammar, int nesting, size_t limit, const std::string& what) {
  return Builder(grammar, nesting, limit, what).build();
}

}  // namespace pent::grammar
