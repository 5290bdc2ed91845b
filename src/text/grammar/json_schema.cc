// Each subschema becomes a rule or an expression. An object's members are a chain of rules, so that optional ones share what
// follows them.
#include "text/grammar/json_schema.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "base/error.h"
#include "text/grammar/json_text.h"
#include "text/grammar/regex_syntax.h"
#include "text/grammar/scanner.h"

namespace pent::grammar {
namespace {

constexpr int kMaxDepth = 100;

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

constexpr std::pair<std::string_view, std::string_view> kFormats[] = {
    {"date", R"(\d{4}-(0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8]))"},
    {"time", R"(([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d))"},
    {"date-time",
     R"(\d{4}-(0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d))"},
    {"uuid", R"([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"},
    {"ipv4", R"(((25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\.){3}(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d))"},
    {"email", R"([A-Za-z0-9_+-]+(\.[A-Za-z0-9_+-]+)*@[A-Za-z0-9]+(-[A-Za-z0-9]+)*(\.[A-Za-z0-9]+(-[A-Za-z0-9]+)*)+)"}};

bool is_type(const Json& value, std::string_view type) {
  if (type == "integer") return value.is_number_integer();
  if (type == "number") return value.is_number();
  if (type == "string") return value.is_string();
  if (type == "boolean") return value.is_boolean();
  if (type == "null") return value.is_null();
  return type == "array" ? value.is_array() : type == "object" && value.is_object();
}

class Reader {
 public:
  Reader(const Json& root, const std::string& what) : root_(root), what_(what) {}

  Grammar read() {
    grammar_.rules.push_back({"root", nullptr});
    const Expr body = schema(root_, "");
    grammar_.rules[0].body = body;
    return std::move(grammar_);
  }

 private:
  [[noreturn]] void refuse(const std::string& path, const std::string& why,
                           ErrorKind kind = ErrorKind::kInvalidArgument) const {
    throw error(kind, "{}: {}: {}", what_, path.empty() ? "the schema" : printable(path), why);
  }

  Expr any() {
    if (any_ < 0) any_ = add_any_json(grammar_);
    return rule_reference(any_);
  }

  Expr schema(const Json& s, const std::string& path) {
    if (s.is_boolean()) {
      if (!s.get<bool>()) refuse(path, "it allows nothing");
      return any();
    }
    if (!s.is_object()) refuse(path, "expected an object or true");
    if (++depth_ > kMaxDepth) refuse(path, "schemas more than 100 deep", ErrorKind::kResourceExhausted);
    Expr made = object_schema(s, path);
    --depth_;
    return made;
  }

  Expr object_schema(const Json& s, const std::string& path) {
    for (const std::string_view key : kRefused)
      if (s.contains(key)) refuse(path, fmt::format("'{}' is not supported", key), ErrorKind::kUnsupported);
    if (s.contains("uniqueItems") && s["uniqueItems"] != false)
      refuse(path, "'uniqueItems' is not supported", ErrorKind::kUnsupported);
    for (const std::string_view key : {"$ref", "anyOf", "oneOf", "allOf"}) {
      if (!s.contains(key)) continue;
      refuse_beside(s, path, key);
      if (key == "$ref") return reference(s["$ref"], path);
      return combined(s[key], std::string(key), path + "/" + std::string(key));
    }
    if (s.contains("const") || s.contains("enum")) return values(s, path);
    std::vector<Expr> items;
    for (const std::string& type : types(s, path)) items.push_back(typed(s, type, path));
    return choice(std::move(items));
  }

  // A schema that says its value elsewhere says nothing else that would have to hold as well.
  void refuse_beside(const Json& s, const std::string& path, std::string_view key) const {
    for (const std::string_view other : {"$ref", "anyOf", "oneOf", "allOf"})
      if (other != key && s.contains(other)) refuse_pair(path, key, other);
    for (const std::string_view other : kAssertions)
      if (other != key && s.contains(other)) refuse_pair(path, key, other);
  }
  void refuse_pair(const std::string& path, std::string_view key, std::string_view other) const {
    refuse(path, fmt::format("'{}' beside '{}' is not supported", other, key), ErrorKind::kUnsupported);
  }

  std::vector<std::string> types(const Json& s, const std::string& path) const {
    if (!s.contains("type")) {
      if (s.contains("properties") || s.contains("required") || s.contains("additionalProperties")) return {"object"};
      if (s.contains("items") || s.contains("prefixItems") || s.contains("minItems")) return {"array"};
      if (s.contains("pattern") || s.contains("minLength") || s.contains("maxLength") || s.contains("format"))
        return {"string"};
      for (const char* key : {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"})
        if (s.contains(key)) return {"number"};
      return {"any"};
    }
    std::vector<std::string> types;
    const Json given = s["type"].is_array() ? s["type"] : Json::array({s["type"]});
    for (const Json& type : given) {
      constexpr std::string_view kTypes[] = {"string", "integer", "number", "boolean", "null", "array", "object"};
      if (!type.is_string() ||
          std::find(std::begin(kTypes), std::end(kTypes), type.get<std::string>()) == std::end(kTypes))
        refuse(path, fmt::format("'type' is {}", printable(type.dump(-1, ' ', false, Json::error_handler_t::replace))));
      types.push_back(type.get<std::string>());
    }
    if (types.empty()) refuse(path, "'type' is empty");
    return types;
  }

  Expr typed(const Json& s, const std::string& type, const std::string& path) {
    if (type == "string") return string(s, path);
    if (type == "integer" || type == "number") return number(s, path, type == "integer");
    if (type == "boolean") return choice({literal("true"), literal("false")});
    if (type == "null") return literal("null");
    if (type == "array") return array(s, path);
    if (type == "object") return object(s, path);
    return any();
  }

  int count(const Json& s, const char* key, int otherwise, const std::string& path) const {
    if (!s.contains(key)) return otherwise;
    const Json& value = s[key];
    const bool whole =
        value.is_number() && value.get<double>() >= 0 && value.get<double>() == std::floor(value.get<double>());
    if (!whole) refuse(path, fmt::format("'{}' is no count", key));
    return static_cast<int>(std::min<double>(value.get<double>(), kMaxCount));
  }

  std::pair<int, int> counts(const Json& s, const char* min_key, const char* max_key, const std::string& path) const {
    const int min = count(s, min_key, 0, path), max = count(s, max_key, kUnlimited, path);
    if (max != kUnlimited && max < min) refuse(path, fmt::format("'{}' is below '{}'", max_key, min_key));
    return {min, max};
  }

  Expr string(const Json& s, const std::string& path) const {
    std::string_view pattern;
    if (s.contains("pattern")) {
      if (!s["pattern"].is_string()) refuse(path, "'pattern' is no string");
      if (s.contains("minLength")) refuse_pair(path, "pattern", "minLength");
      if (s.contains("maxLength")) refuse_pair(path, "pattern", "maxLength");
      return json_string_of(
          parse_regex_search(s["pattern"].get<std::string>(), fmt::format("{}: {}/pattern", what_, printable(path))));
    }
    if (s.contains("format") && s["format"].is_string() && !s.contains("minLength") && !s.contains("maxLength")) {
      const std::string format = s["format"].get<std::string>();
      for (const auto& [name, regex] : kFormats)
        if (name == format) return json_string_of(parse_regex(regex, what_));
    }
    const auto [min, max] = counts(s, "minLength", "maxLength", path);
    return json_string(min, max);
  }

  Expr number(const Json& s, const std::string& path, bool integer) const {
    NumberBounds bounds;
    const auto bound = [&](const char* key, bool is_min, bool excluded) {
      if (!s.contains(key)) return;
      if (!s[key].is_number()) refuse(path, fmt::format("'{}' is no number", key));
      const double value = s[key].get<double>();
      std::optional<double>& old = is_min ? bounds.min : bounds.max;
      bool& old_excluded = is_min ? bounds.min_excluded : bounds.max_excluded;
      if (old && (is_min ? *old > value : *old < value)) return;
      old_excluded = excluded || (old == value && old_excluded);
      old = value;
    };
    bound("minimum", true, false);
    bound("exclusiveMinimum", true, true);
    bound("maximum", false, false);
    bound("exclusiveMaximum", false, true);
    if (s.contains("multipleOf")) {
      if (s["multipleOf"] != 1) refuse(path, "'multipleOf' is not supported, but for 1", ErrorKind::kUnsupported);
      integer = true;
    }
    if (!integer && !bounds.min && !bounds.max) return json_number();
    if (!integer) {
      Expr made = json_number(bounds);
      if (made->kind == Expression::Kind::kChoice && made->items.empty())
        refuse(path, "between the bounds there is neither a whole number nor room from one to the next",
               ErrorKind::kUnsupported);
      return made;
    }
    const auto most = static_cast<double>(kMaxInteger);
    double first = std::ceil(std::max(bounds.min.value_or(-most), -most));
    double last = std::floor(std::min(bounds.max.value_or(most), most));
    if (bounds.min_excluded && first == bounds.min) ++first;
    if (bounds.max_excluded && last == bounds.max) --last;
    if (first > last) refuse(path, "no whole number of at most 16 digits is between the bounds");
    return json_integer(static_cast<int64_t>(first), static_cast<int64_t>(last));
  }

  Expr array(const Json& s, const std::string& path) {
    const auto [min, max] = counts(s, "minItems", "maxItems", path);
    if (s.contains("items") && s["items"].is_array())
      refuse(path, "'items' is a list; write it as 'prefixItems'", ErrorKind::kUnsupported);
    if (!s.contains("prefixItems")) {
      const bool none = s.contains("items") && s["items"] == false;
      if (none && min > 0) refuse(path, "'items' allows nothing, and 'minItems' asks for some");
      if (none || max == 0) return literal("[]");
      return json_array(s.contains("items") ? rule(s["items"], path + "/items") : any(), min, max);
    }
    return tuple(s, path, min, max);
  }

  // prefixItems in full, then as many others as are asked for.
  Expr tuple(const Json& s, const std::string& path, int min, int max) {
    const Json& prefix = s["prefixItems"];
    if (!prefix.is_array() || prefix.empty()) refuse(path, "'prefixItems' is no list");
    const auto size = static_cast<int>(std::min<size_t>(prefix.size(), kMaxCount));
    if (max != kUnlimited && max < size)
      refuse(path, "'maxItems' is below the length of 'prefixItems'", ErrorKind::kUnsupported);
    std::vector<Expr> items{literal("[")};
    for (int i = 0; i < size; ++i) {
      if (i > 0) items.push_back(json_separator(','));
      items.push_back(rule(prefix[static_cast<size_t>(i)], fmt::format("{}/prefixItems/{}", path, i)));
    }
    const bool closed = !s.contains("items") || s["items"] == false;
    if (min > size && s.contains("items") && closed)
      refuse(path, "'items' allows nothing, and 'minItems' asks for more");
    if (min > size || !closed) {
      const Expr item = closed ? any() : rule(s["items"], path + "/items");
      items.push_back(repeat(sequence({json_separator(','), item}), std::max(min - size, 0),
                             max == kUnlimited ? kUnlimited : max - size));
    }
    items.push_back(literal("]"));
    return sequence(std::move(items));
  }

  struct Member {
    Expr text;
    bool required = false;
  };

  Expr object(const Json& s, const std::string& path) {
    static const Json kNone = Json::object();
    const Json& properties = s.contains("properties") ? s["properties"] : kNone;
    if (!properties.is_object()) refuse(path, "'properties' is no object");
    std::vector<std::string> required;
    if (s.contains("required")) {
      if (!s["required"].is_array()) refuse(path, "'required' is no list");
      for (const Json& name : s["required"]) {
        if (!name.is_string()) refuse(path, "'required' is no list of names");
        required.push_back(name.get<std::string>());
      }
    }
    const Json others = s.contains("additionalProperties") ? s["additionalProperties"] : Json(true);
    const auto is_required = [&](const std::string& name) {
      return std::find(required.begin(), required.end(), name) != required.end();
    };
    std::vector<Member> members;
    for (const auto& [name, property] : properties.items()) {
      if (property == false && !is_required(name)) continue;
      members.push_back({member(name, rule(property, path + "/properties/" + name)), is_required(name)});
    }
    for (size_t i = 0; i < required.size(); ++i) {
      if (properties.contains(required[i]) ||
          std::find(required.begin(), required.begin() + static_cast<std::ptrdiff_t>(i), required[i]) !=
              required.begin() + static_cast<std::ptrdiff_t>(i))
        continue;
      if (others == false) refuse(path, fmt::format("'{}' is required and not allowed", printable(required[i])));
      members.push_back({member(required[i], rule(others, path + "/additionalProperties")), true});
    }
    const auto [min, max] = counts(s, "minProperties", "maxProperties", path);
    if (members.empty()) return map(others, min, max, path);
    const auto sure = static_cast<int>(
        std::count_if(members.begin(), members.end(), [](const Member& each) { return each.required; }));
    if (min > sure)
      refuse(path, "'minProperties' above the number of required properties is not supported", ErrorKind::kUnsupported);
    if (max != kUnlimited && max < static_cast<int>(members.size()))
      refuse(path, "'maxProperties' below the number of properties is not supported", ErrorKind::kUnsupported);
    return sequence({literal("{"), chain(members), literal("}")});
  }

  Expr member(const std::string& name, const Expr& value) {
    return sequence({json_value(name), json_separator(':'), value});
  }

  // Names are free. Two may be the same, so that there may be fewer members than are written.
  Expr map(const Json& others, int min, int max, const std::string& path) {
    if (min > 1) refuse(path, "'minProperties' above 1 without 'properties' is not supported", ErrorKind::kUnsupported);
    if (others == false || max == 0) {
      if (min > 0) refuse(path, "no property is allowed, and 'minProperties' asks for one");
      return literal("{}");
    }
    const Expr each =
        sequence({json_string(0, kUnlimited), json_separator(':'), rule(others, path + "/additionalProperties")});
    const Expr all =
        sequence({each, repeat(sequence({json_separator(','), each}), 0, max == kUnlimited ? max : max - 1)});
    return sequence({literal("{"), min == 0 ? optional(all) : all, literal("}")});
  }

  // What may follow before the closing brace: with a comma before the next member, or without.
  Expr chain(const std::vector<Member>& members) {
    Expr first = literal(""), later = literal("");
    for (size_t i = members.size(); i-- > 0;) {
      const Expr text = named(members[i].text), rest = named(later);
      std::vector<Expr> begin{sequence({text, rest})}, next{sequence({json_separator(','), text, rest})};
      if (!members[i].required) {
        begin.push_back(first);
        next.push_back(rest);
      }
      first = named(choice(std::move(begin)));
      later = named(choice(std::move(next)));
    }
    return first;
  }

  Expr named(const Expr& body) {
    grammar_.rules.push_back({"", body});
    return rule_reference(static_cast<int>(grammar_.rules.size()) - 1);
  }

  Expr rule(const Json& s, const std::string& path) { return named(schema(s, path)); }

  Expr values(const Json& s, const std::string& path) {
    for (const std::string_view key : kAssertions)
      if (key != "enum" && key != "const" && s.contains(key))
        refuse_pair(path, s.contains("const") ? "const" : "enum", key);
    if (s.contains("const") && s.contains("enum")) refuse_pair(path, "const", "enum");
    const Json given = s.contains("const") ? Json::array({s["const"]}) : s["enum"];
    if (!given.is_array() || given.empty()) refuse(path, "'enum' is no list of values");
    const std::vector<std::string> allowed = types(s.contains("type") ? s : Json::object(), path);
    std::vector<Expr> items;
    for (const Json& value : given)
      if (std::any_of(allowed.begin(), allowed.end(),
                      [&](const auto& type) { return type == "any" || is_type(value, type); }))
        items.push_back(json_value(value));
    if (items.empty()) refuse(path, "no value of 'enum' is of the type");
    return choice(std::move(items));
  }

  Expr combined(const Json& list, const std::string& key, const std::string& path) {
    if (!list.is_array() || list.empty()) refuse(path, "expected a list of schemas");
    if (key == "allOf" && list.size() > 1)
      refuse(path, "'allOf' of more than one is not supported", ErrorKind::kUnsupported);
    if (key == "oneOf") refuse_overlap(list, path);
    std::vector<Expr> items;
    for (size_t i = 0; i < list.size(); ++i) items.push_back(rule(list[i], fmt::format("{}/{}", path, i)));
    return choice(std::move(items));
  }

  // oneOf forbids a value that two of its schemas allow. They cannot where their types differ, or their values.
  void refuse_overlap(const Json& list, const std::string& path) const {
    std::vector<std::string> seen;
    for (const Json& each : list) {
      std::vector<std::string> kinds;
      if (each.is_object() && (each.contains("const") || each.contains("enum"))) {
        const Json given = each.contains("const") ? Json::array({each["const"]}) : each["enum"];
        for (const Json& value : given) {
          const Json compared = value.is_number() ? Json(value.get<double>()) : value;  // 1 is 1.0
          kinds.push_back("=" + compared.dump(-1, ' ', false, Json::error_handler_t::replace));
        }
      } else if (each.is_object() && each.contains("type")) {
        kinds = types(each, path);
        for (std::string& kind : kinds) kind = kind == "integer" ? "number" : kind;
      } else {
        kinds = {"any"};
      }
      for (const std::string& kind : kinds) {
        const bool is_value = kind.starts_with("=");
        const bool clash = std::any_of(seen.begin(), seen.end(), [&](const std::string& other) {
          if (kind == "any" || other == "any") return true;
          return is_value == other.starts_with("=") ? kind == other : true;
        });
        if (clash)
          refuse(path, "the schemas may allow the same value; use 'anyOf', or give them different types or values",
                 ErrorKind::kUnsupported);
      }
      seen.insert(seen.end(), kinds.begin(), kinds.end());
    }
  }

  // "#/…" within the schema; what refers to itself becomes a rule inside itself.
  Expr reference(const Json& pointer, const std::string& path) {
    if (!pointer.is_string() || !pointer.get<std::string>().starts_with("#"))
      refuse(path, "'$ref' leads out of the schema; only '#…' is supported", ErrorKind::kUnsupported);
    const std::string target = pointer.get<std::string>().substr(1);
    if (target.empty()) return rule_reference(0);
    const auto known = references_.find(target);
    if (known != references_.end()) return rule_reference(known->second);
    const Json* found = &root_;
    try {
      found = &root_.at(Json::json_pointer(target));
    } catch (const Json::exception&) {
      refuse(path, fmt::format("'$ref' leads to '{}', which is not there", printable(target)));
    }
    const auto rule = static_cast<int>(grammar_.rules.size());
    grammar_.rules.push_back({target, nullptr});
    references_.emplace(target, rule);
    const Expr body = schema(*found, target);
    grammar_.rules[static_cast<size_t>(rule)].body = body;
    return rule_reference(rule);
  }

  const Json& root_;
  const std::string& what_;
  Grammar grammar_;
  std::map<std::string, int> references_;
  int any_ = -1;
  int depth_ = 0;
};

}  // namespace

Grammar parse_json_schema(const Json& schema, const std::string& what) { return Reader(schema, what).read(); }

}  // namespace pent::grammar
