// JSON Schema as a language of texts: every text of it is JSON that validates. Not every JSON that validates is a text of it.
//
// Objects have their properties in the order declared, and no others unless `additionalProperties` alone says what they are. Read are
// type, properties, required, additionalProperties, minProperties, maxProperties, items, prefixItems, minItems, maxItems, minLength,
// maxLength, pattern, format (date, time, date-time, uuid, ipv4, email; others say nothing), minimum, maximum, exclusiveMinimum,
// exclusiveMaximum, multipleOf 1, enum, const, anyOf, oneOf (of alternatives that cannot both hold), allOf of one, $ref within the
// schema, and true. Keywords that annotate are passed over; those that would forbid something and are not in the list are refused.
#pragma once

#include <string>

#include "base/json.h"
#include "text/grammar/grammar.h"

namespace pent::grammar {

// `what` names the schema in errors. Throws kInvalidArgument for what is no schema or allows nothing, kUnsupported for what is
// refused, with the path in the schema.
Grammar parse_json_schema(const Json& schema, const std::string& what);

}  // namespace pent::grammar
