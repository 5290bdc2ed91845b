// A subschema and where it stands: its keywords looked up, checked against one another, and refused by their path.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/json.h"

namespace pent::grammar {

// Borrows the schema and the name; both outlive it. All errors are kInvalidArgument unless they say kUnsupported.
struct SchemaPlace {
  const Json& schema;
  std::string path;         // from the root, "/properties/name"
  const std::string& what;  // names the whole schema in errors

  SchemaPlace at(const Json& inner, const std::string& step) const { return {inner, path + "/" + step, what}; }

  [[noreturn]] void refuse(const std::string& why, ErrorKind kind = ErrorKind::kInvalidArgument) const;
  [[noreturn]] void refuse_pair(std::string_view key, std::string_view other) const;  // kUnsupported

  bool has(std::string_view key) const { return schema.contains(key); }
  const Json& operator[](const char* key) const { return schema[key]; }  // of a key that it has

  // kUnsupported: keywords that may forbid a value and that are not read.
  void refuse_unread() const;
  // A schema that says its value elsewhere, by `key`, says nothing else that would have to hold as well. kUnsupported.
  void refuse_beside(std::string_view key) const;
  // The same of const and enum.
  void refuse_beside_values() const;

  // The types it allows: those of 'type', else what its other keywords are about, else "any".
  std::vector<std::string> types() const;
  // At least, at most (kUnlimited where it does not say).
  std::pair<int, int> counts(const char* min_key, const char* max_key) const;

 private:
  int count(const char* key, int otherwise) const;
};

// Whether a value is of a type as types() gives them.
bool is_of_type(const Json& value, std::string_view type);

// oneOf forbids a value that two of its schemas allow: kUnsupported unless their types differ, or their values.
void refuse_overlap(const SchemaPlace& one_of);

}  // namespace pent::grammar
