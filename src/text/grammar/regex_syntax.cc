// A recursive-descent reader of regular expressions.
#include "text/grammar/regex_syntax.h"

#include "text/grammar/scanner.h"

namespace pent::grammar {
namespace {

const CodeSet kDigits{{'0', '9'}};
const CodeSet kWordCharacters{{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
const CodeSet kSpaces{{'\t', '\r'}, {' ', ' '}};

class Reader {
 public:
  Reader(std::string_view pattern, const std::string& what, bool search) : scanner_(pattern, what), search_(search) {}

  Expr read() {
    std::vector<Expr> alternatives;
    do {
      alternatives.push_back(outer_alternative());
    } while (scanner_.take("|"));
    if (!scanner_.at_end()) scanner_.refuse("a ) without its (");
    return choice(std::move(alternatives));
  }

 private:
  // An alternative of the whole: here anchors have a meaning.
  Expr outer_alternative() {
    const Expr anything = repeat(character(CodeSet::all()), 0, kUnlimited);
    std::vector<Expr> items;
    bool open = search_;
    while (scanner_.take("^") || scanner_.take("\\A")) open = false;
    if (open) items.push_back(anything);
    items.push_back(run());
    open = search_;
    while (scanner_.take("$") || scanner_.take("\\z") || scanner_.take("\\Z")) open = false;
    if (open) items.push_back(anything);
    if (scanner_.peek() != '|' && scanner_.peek() != ')' && !scanner_.at_end())
      scanner_.refuse("an anchor that is not at an end");
    return sequence(std::move(items));
  }

  Expr alternatives() {
    std::vector<Expr> items;
    do {
      items.push_back(run());
    } while (scanner_.take("|"));
    return choice(std::move(items));
  }

  // Up to an alternative's end or an anchor.
  Expr run() {
    std::vector<Expr> items;
    while (!scanner_.at_end() && scanner_.peek() != '|' && scanner_.peek() != ')' && !at_end_anchor())
      items.push_back(repeated());
    return sequence(std::move(items));
  }

  bool at_end_anchor() const {
    return scanner_.peek() == '$' || scanner_.rest().starts_with("\\z") || scanner_.rest().starts_with("\\Z");
  }

  Expr repeated() {
    Expr item = atom();
    for (bool again = false;; again = true) {
      Scanner::Counts counts;
      if (scanner_.take("*")) {
        counts = {0, kUnlimited};
      } else if (scanner_.take("+")) {
        counts = {1, kUnlimited};
      } else if (scanner_.take("?")) {
        counts = {0, 1};
      } else if (scanner_.take("{")) {
        const auto given = scanner_.take_counts();
        if (!given) scanner_.refuse("a { that begins no repetition; write \\{");
        counts = *given;
      } else {
        return item;
      }
      if (again) scanner_.refuse("a repetition of a repetition; use a group");
      if (scanner_.peek() == '+') scanner_.refuse("possessive repetition is not supported", ErrorKind::kUnsupported);
      scanner_.take("?");  // lazy: the same texts
      item = repeat(std::move(item), counts.min, counts.max);
    }
  }

  Expr atom() {
    if (scanner_.take("(")) return group();
    if (scanner_.take("[")) return character(bracketed());
    if (scanner_.take(".")) return character(CodeSet{{'\n', '\n'}}.complement());
    if (scanner_.take("\\")) return character(escaped());
    const char c = scanner_.peek();
    if (c == '*' || c == '+' || c == '?' || c == '{') scanner_.refuse(fmt::format("a {} with nothing to repeat", c));
    if (c == '^') scanner_.refuse("an anchor that is not at an end");
    const uint32_t code = scanner_.take_character();
    return character({{code, code}});
  }

  Expr group() {
    if (++groups_ > kMaxGroups)
      scanner_.refuse(fmt::format("groups more than {} deep", kMaxGroups), ErrorKind::kResourceExhausted);
    if (scanner_.take("?") && !scanner_.take(":")) {
      const bool named =
          scanner_.take("P<") || (scanner_.rest().starts_with("<") && !scanner_.rest().starts_with("<=") &&
                                  !scanner_.rest().starts_with("<!") && scanner_.take("<"));
      if (!named) scanner_.refuse("look-around, flags and the like are not supported", ErrorKind::kUnsupported);
      while (!scanner_.take(">")) scanner_.take_character();
    }
    Expr inside = alternatives();
    if (at_end_anchor()) scanner_.refuse("an anchor that is not at an end");
    if (!scanner_.take(")")) scanner_.refuse("a group without its )");
    --groups_;
    return inside;
  }

  // What stands behind a backslash.
  CodeSet escaped() {
    const uint32_t code = scanner_.take_character();
    switch (code) {
      case 'd': return kDigits;
      case 'D': return kDigits.complement();
      case 'w': return kWordCharacters;
      case 'W': return kWordCharacters.complement();
      case 's': return kSpaces;
      case 'S': return kSpaces.complement();
      case 'p': return category();
      case 'P': return category().complement();
      default: break;
    }
    const uint32_t single = escaped_character(code);
    return {{single, single}};
  }

  uint32_t escaped_character(uint32_t code) {
    switch (code) {
      case 'n': return '\n';
      case 't': return '\t';
      case 'r': return '\r';
      case 'f': return '\f';
      case 'v': return '\v';
      case 'x': return scanner_.take_hex(scanner_.take("{") ? 0 : 2);
      case 'u': return scanner_.take_hex(scanner_.take("{") ? 0 : 4);
      default: break;
    }
    const bool letter = (code >= 'a' && code <= 'z') || (code >= 'A' && code <= 'Z') || (code >= '0' && code <= '9');
    if (letter) scanner_.refuse(fmt::format("\\{} is not supported", static_cast<char>(code)), ErrorKind::kUnsupported);
    return code;
  }

  CodeSet category() {
    std::string name;
    if (scanner_.take("{")) {
      while (!scanner_.take("}")) name += static_cast<char>(scanner_.take_character());
    } else {
      name = static_cast<char>(scanner_.take_character());
    }
    CodeSet set = CodeSet::category(name);
    if (set.empty())
      scanner_.refuse(fmt::format("'{}' is no general category such as L or Lu", printable(name)),
                      ErrorKind::kUnsupported);
    return set;
  }

  // Behind the opening bracket.
  CodeSet bracketed() {
    const bool negated = scanner_.take("^");
    CodeSet set;
    for (bool first = true; first || !scanner_.take("]"); first = false) {
      if (scanner_.rest().starts_with("[:"))
        scanner_.refuse("POSIX classes are not supported", ErrorKind::kUnsupported);
      const CodeSet from = bracket_item();
      const auto range = from.ranges();
      const bool single = range.size() == 1 && range[0].first == range[0].last;
      if (!scanner_.rest().starts_with("-") || scanner_.rest().starts_with("-]")) {
        set.add(from);
        continue;
      }
      scanner_.skip(1);
      const auto to = bracket_item().ranges();
      if (!single || to.size() != 1 || to[0].first != to[0].last || to[0].first < range[0].first)
        scanner_.refuse("a range whose ends are not two characters in order");
      set.add(range[0].first, to[0].first);
    }
    if (negated) set = set.complement();
    if (set.empty()) scanner_.refuse("an empty class");
    return set;
  }

  CodeSet bracket_item() {
    if (scanner_.take("\\")) {
      if (scanner_.take("b")) return {{'\b', '\b'}};
      return escaped();
    }
    const uint32_t code = scanner_.take_character();
    return {{code, code}};
  }

  Scanner scanner_;
  bool search_;
  int groups_ = 0;
};

}  // namespace

Expr parse_regex(std::string_view pattern, const std::string& what) {
  return Reader(pattern, what, /*search=*/false).read();
}

Expr parse_regex_search(std::string_view pattern, const std::string& what) {
  return Reader(pattern, what, /*search=*/true).read();
}

}  // namespace pent::grammar
