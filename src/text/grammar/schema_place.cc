#include "text/grammar/schema_place.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "text/grammar/grammar.h"
#include "text/grammar/scanner.h"

namespace pent::grammar {
namespace {

// Keywords that may forbid a value and that we do not read.
constexpr std::array<std::string_view, 19> kRefused = {"not",
                                                       "if",
                                                       "then",
                                                       "else",
                                                       "patternProperties",
                                                       "propertyNames",
                                                       "contains",
                                                       "minContains",
                                                       "maxContains",
                                                       "dependencies",
                                                       "dependentRequired",
                                                       "dependentSchemas",
                                                       "$dynamicRef",
                                                       "$recursiveRef",
                                                       "unevaluatedItems",
                                                       "unevaluatedProperties",
                                                       "additionalItems",
                                                       "disallow",
                                                       "extends"};

// What else a schema with these asserts would have to be checked against them.
constexpr std::array<std::string_view, 20> kAssertions = {"properties",
                                                          "required",
                                                          "additionalProperties",
                                                          "minProperties",
                                                          "maxProperties",
                                                          "items",
                                                          "prefixItems",
                                                          "minItems",
                                                          "maxItems",
                                                          "minLength",
                                                          "maxLength",
                                                          "pattern",
                                                          "minimum",
                                                          "maximum",
                                                          "exclusiveMinimum",
                                                          "exclusiveMaximum",
                                                          "multipleOf",
                                                          "enum",
                                                          "const",
                                                          "uniqueItems"};

// Keywords of which a schema has one at most.
constexpr std::array<std::string_view, 4> kElsewhere = {"$ref", "anyOf", "oneOf", "allOf"};

constexpr std::array<std::string_view, 7> kTypes = {"string", "integer", "number", "boolean",
                                                    "null",   "array",   "object"};

std::string text_of(const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); }

// What a schema allows, as far as it tells it from others: types, or values as "=JSON".
std::vector<std::string> kinds_of(const SchemaPlace& place) {
  const Json& each = place.schema;
  std::vector<std::string> kinds;
  if (each.is_object() && (each.contains("const") || each.contains("enum"))) {
    const Json given = each.contains("const") ? Json::array({each["const"]}) : each["enum"];
    for (const Json& value : given)  // 1 is 1.0
      kinds.push_back(fmt::format("={}", text_of(value.is_number() ? Json(value.get<double>()) : value)));
  } else if (each.is_object() && each.contains("type")) {
    kinds = place.types();
    for (std::string& kind : kinds) kind = kind == "integer" ? "number" : kind;
  } else {
    kinds = {"any"};
  }
  return kinds;
}

// A value may be of any type.
bool may_be_the_same(const std::string& a, const std::string& b) {
  if (a == "any" || b == "any") return true;
  return a.starts_with("=") == b.starts_with("=") ? a == b : true;
}

}  // namespace

void SchemaPlace::refuse(const std::string& why, ErrorKind kind) const {
  throw error(kind, "{}: {}: {}", what, path.empty() ? "the schema" : printable(path), why);
}

void SchemaPlace::refuse_pair(std::string_view key, std::string_view other) const {
  refuse(fmt::format("'{}' beside '{}' is not supported", other, key), ErrorKind::kUnsupported);
}

void SchemaPlace::refuse_unread() const {
  for (const std::string_view key : kRefused)
    if (has(key)) refuse(fmt::format("'{}' is not supported", key), ErrorKind::kUnsupported);
  if (has("uniqueItems") && schema["uniqueItems"] != false)
    refuse("'uniqueItems' is not supported", ErrorKind::kUnsupported);
}

void SchemaPlace::refuse_beside(std::string_view key) const {
  for (const std::string_view other : kElsewhere)
    if (other != key && has(other)) refuse_pair(key, other);
  for (const std::string_view other : kAssertions)
    if (other != key && has(other)) refuse_pair(key, other);
}

void SchemaPlace::refuse_beside_values() const {
  for (const std::string_view key : kAssertions)
    if (key != "enum" && key != "const" && has(key)) refuse_pair(has("const") ? "const" : "enum", key);
  if (has("const") && has("enum")) refuse_pair("const", "enum");
}

std::vector<std::string> SchemaPlace::types() const {
  if (!has("type")) {
    if (has("properties") || has("required") || has("additionalProperties")) return {"object"};
    if (has("items") || has("prefixItems") || has("minItems")) return {"array"};
    if (has("pattern") || has("minLength") || has("maxLength") || has("format")) return {"string"};
    for (const char* key : {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"})
      if (has(key)) return {"number"};
    return {"any"};
  }
  std::vector<std::string> types;
  const Json given = schema["type"].is_array() ? schema["type"] : Json::array({schema["type"]});
  for (const Json& type : given) {
    if (!type.is_string() || std::find(kTypes.begin(), kTypes.end(), type.get<std::string>()) == kTypes.end())
      refuse(fmt::format("'type' is {}", printable(text_of(type))));
    types.push_back(type.get<std::string>());
  }
  if (types.empty()) refuse("'type' is empty");
  return types;
}

int SchemaPlace::count(const char* key, int otherwise) const {
  if (!has(key)) return otherwise;
  const Json& value = schema[key];
  const bool whole =
      value.is_number() && value.get<double>() >= 0 && value.get<double>() == std::floor(value.get<double>());
  if (!whole) refuse(fmt::format("'{}' is no count", key));
  return static_cast<int>(std::min<double>(value.get<double>(), kMaxCount));
}

std::pair<int, int> SchemaPlace::counts(const char* min_key, const char* max_key) const {
  const int min = count(min_key, 0), max = count(max_key, kUnlimited);
  if (max != kUnlimited && max < min) refuse(fmt::format("'{}' is below '{}'", max_key, min_key));
  return {min, max};
}

bool is_of_type(const Json& value, std::string_view type) {
  if (type == "any") return true;
  if (type == "integer") return value.is_number_integer();
  if (type == "number") return value.is_number();
  if (type == "string") return value.is_string();
  if (type == "boolean") return value.is_boolean();
  if (type == "null") return value.is_null();
  return type == "array" ? value.is_array() : type == "object" && value.is_object();
}

void refuse_overlap(const SchemaPlace& one_of) {
  std::vector<std::string> seen;
  for (const Json& each : one_of.schema) {
    const std::vector<std::string> kinds = kinds_of({each, one_of.path, one_of.what});
    for (const std::string& kind : kinds) {
      if (std::any_of(seen.begin(), seen.end(), [&](const std::string& other) { return may_be_the_same(kind, other); }))
        one_of.refuse("the schemas may allow the same value; use 'anyOf', or give them different types or values",
                      ErrorKind::kUnsupported);
    }
    seen.insert(seen.end(), kinds.begin(), kinds.end());
  }
}

}  // namespace pent::grammar
