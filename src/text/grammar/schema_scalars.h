// What a JSON Schema says of strings and numbers, as expressions without rules.
#pragma once

#include "text/grammar/grammar.h"
#include "text/grammar/schema_place.h"

namespace pent::grammar {

// minLength, maxLength, pattern and format. Throws as SchemaPlace.
Expr schema_string(const SchemaPlace& place);

// minimum, maximum, both exclusive ones, and multipleOf 1. Throws as SchemaPlace.
Expr schema_number(const SchemaPlace& place, bool integer);

}  // namespace pent::grammar
