// Each subschema becomes a rule or an expression. An object's members are a chain of rules, so that optional ones share what
// follows them.
#include "text/grammar/json_schema.h"

#include <algorithm>
#include <map>

#include "base/error.h"
#include "text/grammar/json_text.h"
#include "text/grammar/scanner.h"
#include "text/grammar/schema_place.h"
#include "text/grammar/schema_scalars.h"

namespace pent::grammar {
namespace {

constexpr int kMaxDepth = 100;

class Reader {
 public:
  Reader(const Json& root, const std::string& what) : root_{root, "", what} {}

  Grammar read() {
    grammar_.rules.push_back({"root", nullptr});
    const Expr body = schema(root_);
    grammar_.rules[0].body = body;
    return std::move(grammar_);
  }

 private:
  Expr any() {
    if (any_ < 0) any_ = add_any_json(grammar_);
    return rule_reference(any_);
  }

  Expr schema(const SchemaPlace& place) {
    if (place.schema.is_boolean()) {
      if (place.schema == false) place.refuse("it allows nothing");
      return any();
    }
    if (!place.schema.is_object()) place.refuse("expected an object or true");
    if (++depth_ > kMaxDepth) place.refuse("schemas more than 100 deep", ErrorKind::kResourceExhausted);
    Expr made = of_keywords(place);
    --depth_;
    return made;
  }

  Expr of_keywords(const SchemaPlace& place) {
    place.refuse_unread();
    for (const char* key : {"$ref", "anyOf", "oneOf", "allOf"}) {
      if (!place.has(key)) continue;
      place.refuse_beside(key);
      return std::string_view(key) == "$ref" ? reference(place) : combined(place.at(place[key], key), key);
    }
    if (place.has("const") || place.has("enum")) return values(place);
    std::vector<Expr> items;
    for (const std::string& type : place.types()) items.push_back(typed(place, type));
    return choice(std::move(items));
  }

  Expr typed(const SchemaPlace& place, const std::string& type) {
    if (type == "string") return schema_string(place);
    if (type == "integer" || type == "number") return schema_number(place, type == "integer");
    if (type == "boolean") return choice({literal("true"), literal("false")});
    if (type == "null") return literal("null");
    if (type == "array") return array(place);
    if (type == "object") return object(place);
    return any();
  }

  Expr array(const SchemaPlace& place) {
    const auto [min, max] = place.counts("minItems", "maxItems");
    if (place.has("items") && place["items"].is_array())
      place.refuse("'items' is a list; write it as 'prefixItems'", ErrorKind::kUnsupported);
    if (!place.has("prefixItems")) {
      const bool none = place.has("items") && place["items"] == false;
      if (none && min > 0) place.refuse("'items' allows nothing, and 'minItems' asks for some");
      if (none || max == 0) return literal("[]");
      return json_array(place.has("items") ? rule(place.at(place["items"], "items")) : any(), min, max);
    }
    return tuple(place, min, max);
  }

  // prefixItems in full, then as many others as are asked for.
  Expr tuple(const SchemaPlace& place, int min, int max) {
    const Json& prefix = place["prefixItems"];
    if (!prefix.is_array() || prefix.empty()) place.refuse("'prefixItems' is no list");
    const auto size = static_cast<int>(std::min<size_t>(prefix.size(), kMaxCount));
    if (max != kUnlimited && max < size)
      place.refuse("'maxItems' is below the length of 'prefixItems'", ErrorKind::kUnsupported);
    std::vector<Expr> items{literal("[")};
    for (int i = 0; i < size; ++i) {
      if (i > 0) items.push_back(json_separator(','));
      items.push_back(rule(place.at(prefix[static_cast<size_t>(i)], fmt::format("prefixItems/{}", i))));
    }
    const bool closed = !place.has("items") || place["items"] == false;
    if (min > size && place.has("items") && closed)
      place.refuse("'items' allows nothing, and 'minItems' asks for more");
    if (min > size || !closed) {
      const Expr item = closed ? any() : rule(place.at(place["items"], "items"));
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

  Expr object(const SchemaPlace& place) {
    static const Json kNone = Json::object(), kAny = true;
    const Json& properties = place.has("properties") ? place["properties"] : kNone;
    if (!properties.is_object()) place.refuse("'properties' is no object");
    const std::vector<std::string> required = required_names(place);
    const SchemaPlace others =
        place.at(place.has("additionalProperties") ? place["additionalProperties"] : kAny, "additionalProperties");
    std::vector<Member> members;
    for (const auto& [name, property] : properties.items()) {
      const bool is_required = std::find(required.begin(), required.end(), name) != required.end();
      if (property == false && !is_required) continue;
      members.push_back({member(name, rule(place.at(property, "properties/" + name))), is_required});
    }
    for (const std::string& name : required) {
      if (properties.contains(name)) continue;
      if (others.schema == false) place.refuse(fmt::format("'{}' is required and not allowed", printable(name)));
      members.push_back({member(name, rule(others)), true});
    }
    const auto [min, max] = place.counts("minProperties", "maxProperties");
    if (members.empty()) return map(place, others, min, max);
    const auto sure = static_cast<int>(
        std::count_if(members.begin(), members.end(), [](const Member& each) { return each.required; }));
    if (min > sure)
      place.refuse("'minProperties' above the number of required properties is not supported", ErrorKind::kUnsupported);
    if (max != kUnlimited && max < static_cast<int>(members.size()))
      place.refuse("'maxProperties' below the number of properties is not supported", ErrorKind::kUnsupported);
    return sequence({literal("{"), chain(members), literal("}")});
  }

  // Each once, in their order.
  static std::vector<std::string> required_names(const SchemaPlace& place) {
    std::vector<std::string> names;
    if (!place.has("required")) return names;
    if (!place["required"].is_array()) place.refuse("'required' is no list");
    for (const Json& name : place["required"]) {
      if (!name.is_string()) place.refuse("'required' is no list of names");
      const auto text = name.get<std::string>();
      if (std::find(names.begin(), names.end(), text) == names.end()) names.push_back(text);
    }
    return names;
  }

  Expr member(const std::string& name, const Expr& value) {
    return sequence({json_value(name), json_separator(':'), value});
  }

  // Names are free. Two may be the same, so that there may be fewer members than are written.
  Expr map(const SchemaPlace& place, const SchemaPlace& others, int min, int max) {
    if (min > 1) place.refuse("'minProperties' above 1 without 'properties' is not supported", ErrorKind::kUnsupported);
    if (others.schema == false || max == 0) {
      if (min > 0) place.refuse("no property is allowed, and 'minProperties' asks for one");
      return literal("{}");
    }
    const Expr each = sequence({json_string(0, kUnlimited), json_separator(':'), rule(others)});
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

  Expr rule(const SchemaPlace& place) { return named(schema(place)); }

  Expr values(const SchemaPlace& place) {
    place.refuse_beside_values();
    const Json given = place.has("const") ? Json::array({place["const"]}) : place["enum"];
    if (!given.is_array() || given.empty()) place.refuse("'enum' is no list of values");
    const std::vector<std::string> allowed = place.has("type") ? place.types() : std::vector<std::string>{"any"};
    std::vector<Expr> items;
    for (const Json& value : given)
      if (std::any_of(allowed.begin(), allowed.end(), [&](const auto& type) { return is_of_type(value, type); }))
        items.push_back(json_value(value));
    if (items.empty()) place.refuse("no value of 'enum' is of the type");
    return choice(std::move(items));
  }

  Expr combined(const SchemaPlace& list, std::string_view key) {
    if (!list.schema.is_array() || list.schema.empty()) list.refuse("expected a list of schemas");
    if (key == "allOf" && list.schema.size() > 1)
      list.refuse("'allOf' of more than one is not supported", ErrorKind::kUnsupported);
    if (key == "oneOf") refuse_overlap(list);
    std::vector<Expr> items;
    for (size_t i = 0; i < list.schema.size(); ++i) items.push_back(rule(list.at(list.schema[i], std::to_string(i))));
    return choice(std::move(items));
  }

  // "#/…" within the schema; what refers to itself becomes a rule inside itself.
  Expr reference(const SchemaPlace& place) {
    const Json& pointer = place["$ref"];
    if (!pointer.is_string() || !pointer.get<std::string>().starts_with("#"))
      place.refuse("'$ref' leads out of the schema; only '#…' is supported", ErrorKind::kUnsupported);
    const std::string target = pointer.get<std::string>().substr(1);
    if (target.empty()) return rule_reference(0);
    const auto known = references_.find(target);
    if (known != references_.end()) return rule_reference(known->second);
    const Json* found = nullptr;
    try {
      found = &root_.schema.at(Json::json_pointer(target));
    } catch (const Json::exception&) {
      place.refuse(fmt::format("'$ref' leads to '{}', which is not there", printable(target)));
    }
    const auto rule = static_cast<int>(grammar_.rules.size());
    grammar_.rules.push_back({target, nullptr});
    references_.emplace(target, rule);
    const Expr body = schema({*found, target, root_.what});
    grammar_.rules[static_cast<size_t>(rule)].body = body;
    return rule_reference(rule);
  }

  const SchemaPlace root_;
  Grammar grammar_;
  std::map<std::string, int> references_;
  int any_ = -1;
  int depth_ = 0;
};

}  // namespace

Grammar parse_json_schema(const Json& schema, const std::string& what) { return Reader(schema, what).read(); }

}  // namespace pent::grammar
