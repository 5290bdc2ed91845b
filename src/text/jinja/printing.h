// How values are written: str(), repr() and json.dumps().
#pragma once

#include <optional>
#include <string>

#include "text/jinja/runtime.h"

namespace pent::jinja {

std::string to_text(const Value& value, Runtime& runtime);  // str(value); nothing for an undefined value

// json.dumps with the arguments that transformers' tojson passes on, and its defaults.
struct JsonStyle {
  bool ensure_ascii = false;
  bool sort_keys = false;
  std::optional<std::string> indent = {};  // of each level; none: all on one line
  std::string item_separator = ", ";
  std::string key_separator = ": ";
};
std::string to_json(const Value& value, const JsonStyle& style, Runtime& runtime);

}  // namespace pent::jinja
