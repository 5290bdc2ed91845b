// A recursive-descent reader of GBNF, and the search for left recursion.
#include "text/grammar/gbnf.h"

#include <algorithm>
#include <map>

#include "text/grammar/scanner.h"
#include "text/utf8.h"

namespace pent::grammar {
namespace {

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

class Reader {
 public:
  Reader(std::string_view text, const std::string& what) : scanner_(text, what), what_(what) {}

  Grammar read() {
    for (skip_space(true); !scanner_.at_end(); skip_space(true)) rule();
    for (const Rule& each : grammar_.rules)
      if (!each.body)
        throw error(ErrorKind::kInvalidArgument, "{}: there is no rule '{}'", what_, printable(each.name));
    const auto root = rules_.find("root");
    if (root == rules_.end()) throw error(ErrorKind::kInvalidArgument, "{}: there is no rule 'root'", what_);
    grammar_.root = root->second;
    return std::move(grammar_);
  }

 private:
  void skip_space(bool lines) {
    for (;;) {
      const char c = scanner_.peek();
      if (c == '#') {
        while (!scanner_.at_end() && scanner_.peek() != '\n') scanner_.skip(1);
      } else if (!scanner_.at_end() && (c == ' ' || c == '\t' || (lines && (c == '\n' || c == '\r')))) {
        scanner_.skip(1);
      } else {
        return;
      }
    }
  }

  std::string name() {
    std::string name;
    for (; !scanner_.at_end() && is_name_char(scanner_.peek()); scanner_.skip(1)) name += scanner_.peek();
    return name;
  }

  int rule_of(const std::string& name) {
    const auto [place, is_new] = rules_.try_emplace(name, static_cast<int>(grammar_.rules.size()));
    if (is_new) grammar_.rules.push_back({name, nullptr});
    return place->second;
  }

  void rule() {
    const std::string rule_name = name();
    if (rule_name.empty()) scanner_.refuse("expected the name of a rule");
    skip_space(false);
    if (!scanner_.take("::=")) scanner_.refuse("expected ::=");
    const auto index = static_cast<size_t>(rule_of(rule_name));
    if (grammar_.rules[index].body) scanner_.refuse(fmt::format("rule '{}' is there twice", rule_name));
    skip_space(true);
    const Expr body = alternatives(0);
    grammar_.rules[index].body = body;
    if (!scanner_.at_end() && scanner_.peek() != '\n' && scanner_.peek() != '\r')
      scanner_.refuse("expected the end of the rule");
  }

  Expr alternatives(int depth) {
    std::vector<Expr> items{sequence_of(depth)};
    while (next_alternative()) {
      skip_space(true);
      items.push_back(sequence_of(depth));
    }
    return choice(std::move(items));
  }

  // Takes a | here or at the beginning of a line below.
  bool next_alternative() {
    const Scanner here = scanner_;
    skip_space(true);
    if (scanner_.take("|")) return true;
    scanner_ = here;
    return false;
  }

  Expr sequence_of(int depth) {
    std::vector<Expr> items;
    for (;; skip_space(depth > 0)) {
      const char c = scanner_.peek();
      if (scanner_.at_end() || c == '|' || c == ')' || c == '\n' || c == '\r') return sequence(std::move(items));
      Expr item = element(depth);
      for (int repeats = 0; const auto counts = repetition(); ++repeats) {
        if (repeats == kMaxGroups) scanner_.refuse("too many repetitions of one item");
        item = repeat(std::move(item), counts->min, counts->max);
      }
      items.push_back(std::move(item));
    }
  }

  std::optional<Scanner::Counts> repetition() {
    if (scanner_.take("*")) return Scanner::Counts{0, kUnlimited};
    if (scanner_.take("+")) return Scanner::Counts{1, kUnlimited};
    if (scanner_.take("?")) return Scanner::Counts{0, 1};
    if (!scanner_.take("{")) return std::nullopt;
    const auto counts = scanner_.take_counts();
    if (!counts) scanner_.refuse("expected a repetition such as {2,5}");
    return counts;
  }

  Expr element(int depth) {
    if (scanner_.take("\"")) return quoted();
    if (scanner_.take("[")) return bracketed();
    if (scanner_.take(".")) return character(CodeSet::all());
    if (scanner_.take("(")) {
      if (depth == kMaxGroups)
        scanner_.refuse(fmt::format("groups more than {} deep", kMaxGroups), ErrorKind::kResourceExhausted);
      skip_space(true);
      Expr inside = alternatives(depth + 1);
      skip_space(true);
      if (!scanner_.take(")")) scanner_.refuse("a group without its )");
      return inside;
    }
    const std::string rule_name = name();
    if (rule_name.empty()) scanner_.refuse("expected a rule, a text in quotes, a class or a group");
    return rule_reference(rule_of(rule_name));
  }

  Expr quoted() {
    std::string text;
    while (!scanner_.take("\"")) text += text_of(code());
    return literal(std::move(text));
  }

  Expr bracketed() {
    const bool negated = scanner_.take("^");
    CodeSet set;
    while (!scanner_.take("]")) {
      const uint32_t first = code();
      const bool range = scanner_.rest().starts_with("-") && !scanner_.rest().starts_with("-]");
      if (range) scanner_.skip(1);
      const uint32_t last = range ? code() : first;
      if (last < first) scanner_.refuse("a range whose end is below its beginning");
      set.add(first, last);
    }
    return character(negated ? set.complement() : set);
  }

  // A character, maybe escaped.
  uint32_t code() {
    if (!scanner_.take("\\")) {
      if (scanner_.peek() == '\n') scanner_.refuse("a line ends inside quotes or brackets");
      return scanner_.take_character();
    }
    const uint32_t escaped = scanner_.take_character();
    switch (escaped) {
      case 'n': return '\n';
      case 't': return '\t';
      case 'r': return '\r';
      case 'x': return scanner_.take_hex(2);
      case 'u': return scanner_.take_hex(4);
      case 'U': return scanner_.take_hex(8);
      case '\\':
      case '"':
      case '[':
      case ']':
      case '-':
      case '^': return escaped;
      default: scanner_.refuse("an unknown escape");
    }
  }

  static std::string text_of(uint32_t code) {
    std::string text;
    append_utf8(static_cast<char32_t>(code), text);
    return text;
  }

  Scanner scanner_;
  const std::string& what_;
  Grammar grammar_;
  std::map<std::string, int> rules_;
};

// Which rules can be the empty text, and which others each can begin with.
class LeftCorners {
 public:
  explicit LeftCorners(const Grammar& grammar) : grammar_(grammar), nullable_(grammar.rules.size()) {
    for (bool changed = true; changed;) {
      changed = false;
      for (size_t rule = 0; rule < nullable_.size(); ++rule)
        if (!nullable_[rule] && is_nullable(*grammar.rules[rule].body)) changed = nullable_[rule] = true;
    }
  }

  // A rule that begins with itself; -1: none.
  int find_recursive() const {
    std::vector<int> state(nullable_.size());  // 0 new, 1 being looked at, 2 done
    struct Visit {
      int rule;
      std::vector<int> corners;
    };
    for (size_t start = 0; start < state.size(); ++start) {
      if (state[start] != 0) continue;
      std::vector<Visit> path{{static_cast<int>(start), corners(start)}};
      state[start] = 1;
      while (!path.empty()) {
        if (path.back().corners.empty()) {
          state[static_cast<size_t>(path.back().rule)] = 2;
          path.pop_back();
          continue;
        }
        const int next = path.back().corners.back();
        path.back().corners.pop_back();
        if (state[static_cast<size_t>(next)] == 1) return next;
        if (state[static_cast<size_t>(next)] == 2) continue;
        state[static_cast<size_t>(next)] = 1;
        path.push_back({next, corners(static_cast<size_t>(next))});
      }
    }
    return -1;
  }

 private:
  bool is_nullable(const Expression& e) const {
    const auto nullable = [&](const Expr& item) { return is_nullable(*item); };
    switch (e.kind) {
      case Expression::Kind::kLiteral: return e.text.empty();
      case Expression::Kind::kCharacter: return false;
      case Expression::Kind::kSequence: return std::all_of(e.items.begin(), e.items.end(), nullable);
      case Expression::Kind::kChoice: return std::any_of(e.items.begin(), e.items.end(), nullable);
      case Expression::Kind::kRepeat: return e.min == 0 || nullable(e.items[0]);
      case Expression::Kind::kRule: return nullable_[static_cast<size_t>(e.rule)];
    }
    return false;
  }

  std::vector<int> corners(size_t rule) const {
    std::vector<int> found;
    collect(*grammar_.rules[rule].body, found);
    return found;
  }

  void collect(const Expression& e, std::vector<int>& found) const {
    if (e.kind == Expression::Kind::kRule) found.push_back(e.rule);
    for (const Expr& item : e.items) {
      collect(*item, found);
      if (e.kind == Expression::Kind::kSequence && !is_nullable(*item)) return;
    }
  }

  const Grammar& grammar_;
  std::vector<bool> nullable_;
};

}  // namespace

Grammar parse_gbnf(std::string_view text, const std::string& what) {
  Grammar grammar = Reader(text, what).read();
  if (const int rule = LeftCorners(grammar).find_recursive(); rule >= 0) {
    const std::string& name = grammar.rules[static_cast<size_t>(rule)].name;
    throw error(ErrorKind::kUnsupported,
                "{}: rule '{}' begins with itself; write it as what it begins with and a repetition", what,
                printable(name));
  }
  return grammar;
}

}  // namespace pent::grammar
