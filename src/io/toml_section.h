// Recipes are TOML (toml++) read through TomlSection, which binds keys to fields: an unknown key, a wrong type or a value out
// of range is refused with its line (kInvalidArgument), and what --set says goes through the same door.
#pragma once

#include <toml++/toml.h>

#include <cstdint>
#include <initializer_list>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace pent {

// `where` names the text in errors. `overrides` are "key=value" with dotted keys, value as TOML or as a bare string where it
// is none; later ones win.
toml::table parse_toml(std::string_view text, const std::string& where, const std::vector<std::string>& overrides);

// Reads the keys of one table and remembers which were known. The table outlives it; a key that is absent leaves its field.
class TomlSection {
 public:
  TomlSection(const toml::table* table, std::string where) : TomlSection(table, "", std::move(where)) {}

  void read(const char* key, std::string& field, std::initializer_list<const char*> allowed = {});
  void read(const char* key, std::vector<std::string>& field);
  void read(const char* key, bool& field);
  void read(const char* key, double& field, double low, double high);
  template <typename Int>
  void read(const char* key, Int& field, int64_t low, int64_t high) {
    const toml::node* node = find(key);
    if (node == nullptr) return;
    if (!node->is_integer() || **node->as_integer() < low || **node->as_integer() > high)
      fail(key, *node, fmt::format("a whole number from {} to {}", low, high));
    field = static_cast<Int>(**node->as_integer());
  }
  TomlSection section(const char* key);
  std::vector<TomlSection> sections(const char* key);  // the tables of an array [[key]]
  std::vector<std::string> keys() const;               // as they stand in the table

  void refuse_unknown() const;

 private:
  TomlSection(const toml::table* table, std::string prefix, std::string where)
      : table_(table), prefix_(std::move(prefix)), where_(std::move(where)) {}
  const toml::node* find(const std::string& key);
  [[noreturn]] void fail(const char* key, const toml::node& node, const std::string& expected) const;
  std::string place(const toml::source_region& source) const;

  const toml::table* table_;
  std::string prefix_;
  std::string where_;
  std::set<std::string> known_;
};

}  // namespace pent
