// A language of texts, said by rules: what regular expressions, JSON Schemas and GBNF grammars are read into.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "text/grammar/code_set.h"

namespace pent::grammar {

inline constexpr int kUnlimited = -1;

struct Expression;
using Expr = std::shared_ptr<const Expression>;  // parts may be shared: nothing changes once it is made

struct Expression {
  enum class Kind { kLiteral, kCharacter, kSequence, kChoice, kRepeat, kRule };
  Kind kind = Kind::kLiteral;
  std::string text;         // kLiteral: these bytes, maybe none
  CodeSet set;              // kCharacter: one of these; none of an empty set
  std::vector<Expr> items;  // kSequence, kChoice; kRepeat: the one repeated
  int min = 0, max = 0;     // kRepeat: how often; max may be kUnlimited
  int rule = 0;             // kRule: index into Grammar::rules
};

Expr literal(std::string text);
Expr character(CodeSet set);
Expr sequence(std::vector<Expr> items);
Expr choice(std::vector<Expr> items);  // of none: nothing matches
Expr repeat(Expr item, int min, int max);
Expr optional(Expr item);
Expr rule_reference(int rule);

struct Rule {
  std::string name;
  Expr body;
};
struct Grammar {
  std::vector<Rule> rules;
  int root = 0;
};

// A rule of its own for one expression.
Grammar grammar_of(Expr expression);

}  // namespace pent::grammar
