// Walking a tokenizer.json: errors that name the file and the path of the key.
#pragma once

#include <string>
#include <utility>

#include "base/error.h"
#include "base/json.h"

namespace pent {

// One object of the file and how to call it in messages, e.g. "tokenizer.json: pre_tokenizer".
struct JsonPart {
  const Json& object;
  std::string where;

  // The member, or a null value if absent.
  const Json& operator[](const char* key) const {
    static const Json kNull;
    const auto found = object.find(key);
    return found == object.end() ? kNull : *found;
  }
  JsonPart part(const char* key) const { return checked((*this)[key], where + "." + key); }
  bool flag(const char* key, bool fallback) const { return get_bool(object, key, where).value_or(fallback); }
  std::string type() const { return get_required_string(object, "type", where); }

  static JsonPart checked(const Json& value, std::string where) {
    if (!value.is_object())
      throw pent::error(ErrorKind::kCorrupt, "{}: expected an object, found {}", where, value.type_name());
    return {value, std::move(where)};
  }
};

// The array `key` of `part`; kCorrupt if it is anything else.
inline const Json& required_array(const JsonPart& part, const char* key) {
  const Json& value = part[key];
  if (!value.is_array())
    throw error(ErrorKind::kCorrupt, "{}.{}: expected an array, found {}", part.where, key, value.type_name());
  return value;
}

}  // namespace pent
