// Expressions of templates.
#pragma once

#include "text/jinja/ast.h"
#include "text/jinja/token_stream.h"

namespace pent::jinja {

// Deeper trees are refused: evaluation and destruction recurse.
constexpr int kMaxTreeDepth = 200;

ExprPtr parse_expression(TokenStream& tokens);
// Several with commas between them are a tuple. `with_if_else`: `x if y else z` may stand at the top; not in what a loop
// goes through, where `if` filters.
ExprPtr parse_tuple(TokenStream& tokens, bool with_if_else);
// The filters that follow, applied to `input`: `| trim | upper`; in a filter block the first has no sign before it.
ExprPtr parse_filters(TokenStream& tokens, ExprPtr input, bool first_without_sign);

}  // namespace pent::jinja
