// Making expressions.
#include "text/grammar/grammar.h"

namespace pent::grammar {
namespace {

Expr make(Expression expression) { return std::make_shared<const Expression>(std::move(expression)); }

}  // namespace

Expr literal(std::string text) { return make({.kind = Expression::Kind::kLiteral, .text = std::move(text)}); }

Expr character(CodeSet set) { return make({.kind = Expression::Kind::kCharacter, .set = std::move(set)}); }

Expr sequence(std::vector<Expr> items) {
  if (items.size() == 1) return items[0];
  return make({.kind = Expression::Kind::kSequence, .items = std::move(items)});
}

Expr choice(std::vector<Expr> items) {
  if (items.size() == 1) return items[0];
  return make({.kind = Expression::Kind::kChoice, .items = std::move(items)});
}

Expr repeat(Expr item, int min, int max) {
  return make({.kind = Expression::Kind::kRepeat, .items = {std::move(item)}, .min = min, .max = max});
}

Expr optional(Expr item) { return repeat(std::move(item), 0, 1); }

Expr rule_reference(int rule) { return make({.kind = Expression::Kind::kRule, .rule = rule}); }

Grammar grammar_of(Expr expression) { return {.rules = {{"root", std::move(expression)}}}; }

}  // namespace pent::grammar
