// Expressions of templates.
#pragma once

#include "text/jinja/ast.h"
#include "text/jinja/token_stream.h"

namespace pent::jinja {

// Deeper trees are refused: evaluation and destruction recurse.
constexpr int kMaxTreeDepth = 200;

ExprPtr parse_expression(TokenStream& tokens);
// Without `x if y else z` at the top: what follows `in` of a loop, where `if` filters.
ExprPtr parse_or_expression(TokenStream& tokens);

}  // namespace pent::jinja
