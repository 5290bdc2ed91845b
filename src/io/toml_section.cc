// Recipes from TOML (io/toml_section.h).
#include "io/toml_section.h"

namespace pent {
namespace {

void apply_override(toml::table& root, const std::string& text) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0)
    throw error(ErrorKind::kInvalidArgument, "--set {}: expected key=value", text);
  std::string key = text.substr(0, equals), value = text.substr(equals + 1);
  toml::table parsed;
  try {
    parsed = toml::parse("v = " + value, "--set " + key);
  } catch (const toml::parse_error&) {
    parsed.insert_or_assign("v", value);
  }
  if (parsed.size() != 1) throw error(ErrorKind::kInvalidArgument, "--set {}: one value expected", text);
  toml::table* table = &root;
  for (size_t dot; (dot = key.find('.')) != std::string::npos; key.erase(0, dot + 1)) {
    toml::node* next = table->get(key.substr(0, dot));
    if (next == nullptr) next = &table->insert_or_assign(key.substr(0, dot), toml::table{}).first->second;
    if (!next->is_table())
      throw error(ErrorKind::kInvalidArgument, "--set {}: '{}' is not a table", text, key.substr(0, dot));
    table = next->as_table();
  }
  table->insert_or_assign(key, *parsed.get("v"));
}

}  // namespace

toml::table parse_toml(std::string_view text, const std::string& where, const std::vector<std::string>& overrides) {
  toml::table root;
  try {
    root = toml::parse(text, where);
  } catch (const toml::parse_error& e) {
    throw error(ErrorKind::kInvalidArgument, "{}:{}: not valid TOML: {}", where, e.source().begin.line,
                e.description());
  }
  for (const std::string& override_text : overrides) apply_override(root, override_text);
  return root;
}

void TomlSection::read(const char* key, std::string& field, std::initializer_list<const char*> allowed) {
  const toml::node* node = find(key);
  if (node == nullptr) return;
  if (!node->is_string()) fail(key, *node, "a string");
  field = **node->as_string();
  std::string names;
  for (const char* name : allowed) {
    if (field == name) return;
    names += fmt::format("{}\"{}\"", names.empty() ? "" : " or ", name);
  }
  if (allowed.size() > 0) fail(key, *node, names);
}

void TomlSection::read(const char* key, std::vector<std::string>& field) {
  const toml::node* node = find(key);
  if (node == nullptr) return;
  if (!node->is_array()) fail(key, *node, "a list of strings");
  field.clear();
  for (const toml::node& item : *node->as_array()) {
    if (!item.is_string()) fail(key, item, "a list of strings");
    field.push_back(**item.as_string());
  }
}

void TomlSection::read(const char* key, bool& field) {
  const toml::node* node = find(key);
  if (node == nullptr) return;
  if (!node->is_boolean()) fail(key, *node, "true or false");
  field = **node->as_boolean();
}

void TomlSection::read(const char* key, double& field, double low, double high) {
  const toml::node* node = find(key);
  if (node == nullptr) return;
  const auto value = node->value<double>();
  if (!node->is_number() || !value || !(*value >= low && *value <= high))
    fail(key, *node, fmt::format("a number from {} to {}", low, high));
  field = *value;
}

TomlSection TomlSection::section(const char* key) {
  const toml::node* node = find(key);
  if (node != nullptr && !node->is_table()) fail(key, *node, "a table");
  return TomlSection(node == nullptr ? nullptr : node->as_table(), prefix_ + key + ".", where_);
}

std::vector<TomlSection> TomlSection::sections(const char* key) {
  std::vector<TomlSection> out;
  const toml::node* node = find(key);
  if (node == nullptr) return out;
  if (!node->is_array()) fail(key, *node, "an array of tables, [[...]]");
  for (const toml::node& item : *node->as_array()) {
    if (!item.is_table()) fail(key, item, "an array of tables, [[...]]");
    out.push_back(TomlSection(item.as_table(), prefix_ + key + ".", where_));
  }
  return out;
}

std::vector<std::string> TomlSection::keys() const {
  std::vector<std::string> out;
  if (table_ == nullptr) return out;
  for (const auto& [key, node] : *table_) out.emplace_back(key.str());
  return out;
}

void TomlSection::refuse_unknown() const {
  if (table_ == nullptr) return;
  for (const auto& [key, node] : *table_) {
    if (known_.contains(std::string(key.str()))) continue;
    std::string names;
    for (const std::string& name : known_) names += (names.empty() ? "" : ", ") + name;
    throw error(ErrorKind::kInvalidArgument, "{}: unknown key '{}{}'; known here: {}", place(key.source()), prefix_,
                std::string(key.str()), names);
  }
}

const toml::node* TomlSection::find(const std::string& key) {
  known_.insert(key);
  return table_ == nullptr ? nullptr : table_->get(key);
}

void TomlSection::fail(const char* key, const toml::node& node, const std::string& expected) const {
  throw error(ErrorKind::kInvalidArgument, "{}: '{}{}' must be {}", place(node.source()), prefix_, key, expected);
}

// What was put in by --set has no line.
std::string TomlSection::place(const toml::source_region& source) const {
  return source.begin.line == 0 ? "--set" : fmt::format("{}:{}", where_, source.begin.line);
}

}  // namespace pent
