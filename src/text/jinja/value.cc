// Template values and the ways they are printed.
#include "text/jinja/value.h"

#include <algorithm>

#include "base/json.h"
#include "text/unicode.h"
#include "text/utf8.h"

namespace pent::jinja {
namespace {

constexpr int kMaxDepth = 64;

int checked_depth(int depth) {
  if (depth > kMaxDepth)
    throw error(ErrorKind::kResourceExhausted, "chat template: lists nested deeper than {}", kMaxDepth);
  return depth;
}

bool is_python_space(char32_t code) { return char_class(code) == CharClass::kSpace || (code >= 0x1C && code <= 0x1F); }

// repr() of a string: single quotes unless there is one inside and no double quote.
void append_repr(const std::string& text, std::string& out) {
  const char quote = text.find('\'') != std::string::npos && text.find('"') == std::string::npos ? '"' : '\'';
  out += quote;
  for (const char c : text) {
    if (c == quote || c == '\\') {
      out += {'\\', c};
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\r') {
      out += "\\r";
    } else if (static_cast<uint8_t>(c) < 0x20 || c == 0x7F) {
      out += fmt::format("\\x{:02x}", c);
    } else {
      out += c;
    }
  }
  out += quote;
}

enum class Style { kRepr, kJson };

void append_scalar(const Value& value, Style style, std::string& out) {
  if (const bool* flag = value.as_bool()) {
    out += style == Style::kJson ? (*flag ? "true" : "false") : (*flag ? "True" : "False");
  } else if (const int64_t* number = value.as_int()) {
    out += std::to_string(*number);
  } else if (const std::string* text = value.as_string()) {
    style == Style::kJson ? void(out += to_json_line(*text)) : append_repr(*text, out);
  } else if (value.is_none()) {
    out += style == Style::kJson ? "null" : "None";
  } else if (style == Style::kJson) {
    throw error(ErrorKind::kInvalidArgument, "chat template: tojson of an undefined value");
  } else {
    out += "Undefined";
  }
}

void append(const Value& value, Style style, std::string& out, Budget& budget) {
  const size_t before = out.size();
  const char* separator = "";
  if (const auto* items = value.as_list()) {
    out += '[';
    for (const Value& item : *items) {
      out += std::exchange(separator, ", ");
      append(item, style, out, budget);
    }
    out += ']';
  } else if (const auto* entries = value.as_dict()) {
    out += '{';
    for (const auto& [key, item] : *entries) {
      out += std::exchange(separator, ", ");
      append_scalar(key, style, out);
      out += ": ";
      append(item, style, out, budget);
    }
    out += '}';
  } else {
    append_scalar(value, style, out);
    budget.spend(out.size() - before);
  }
  budget.spend(2);
}

}  // namespace

Value::Value(std::vector<Value> items) {
  int depth = 0;
  for (const Value& item : items) depth = std::max(depth, item.depth());
  storage_ = std::make_shared<const List>(List{std::move(items), checked_depth(depth + 1)});
}

Value::Value(std::vector<std::pair<std::string, Value>> entries) {
  int depth = 0;
  for (const auto& [key, item] : entries) depth = std::max(depth, item.depth());
  storage_ = std::make_shared<const Dict>(Dict{std::move(entries), checked_depth(depth + 1)});
}

const std::vector<Value>* Value::as_list() const {
  const List* list = pointee<List>();
  return list ? &list->items : nullptr;
}

const std::vector<std::pair<std::string, Value>>* Value::as_dict() const {
  const Dict* dict = pointee<Dict>();
  return dict ? &dict->entries : nullptr;
}

int Value::depth() const {
  if (const List* list = pointee<List>()) return list->depth;
  if (const Dict* dict = pointee<Dict>()) return dict->depth;
  return 0;
}

std::optional<int64_t> Value::number() const {
  if (const bool* flag = as_bool()) return *flag;
  if (const int64_t* number = as_int()) return *number;
  return std::nullopt;
}

bool Value::truth() const {
  if (const auto value = number()) return *value != 0;
  if (const std::string* text = as_string()) return !text->empty();
  if (const auto* items = as_list()) return !items->empty();
  if (const auto* entries = as_dict()) return !entries->empty();
  return false;
}

const char* Value::type_name() const {
  constexpr const char* kNames[] = {"an undefined value", "none",   "a boolean", "an integer",
                                    "a string",           "a list", "a mapping"};
  return kNames[storage_.index()];
}

void Budget::spend(size_t units) {
  if (static_cast<uint64_t>(left_) < units) {
    throw error(ErrorKind::kResourceExhausted, "chat template: does more work than we allow (an endless growth?)");
  }
  left_ -= static_cast<int64_t>(units);
}

bool equal(const Value& a, const Value& b, Budget& budget) {
  budget.spend(1);
  if (a.number() || b.number()) return a.number() == b.number();
  if (a.as_string() && b.as_string()) {
    budget.spend(std::min(a.as_string()->size(), b.as_string()->size()));
    return *a.as_string() == *b.as_string();
  }
  if (a.as_list() && b.as_list()) {
    return std::equal(a.as_list()->begin(), a.as_list()->end(), b.as_list()->begin(), b.as_list()->end(),
                      [&](const Value& x, const Value& y) { return equal(x, y, budget); });
  }
  if (a.as_dict() && b.as_dict()) {
    if (a.as_dict()->size() != b.as_dict()->size()) return false;
    return std::all_of(a.as_dict()->begin(), a.as_dict()->end(), [&](const auto& entry) {
      budget.spend(b.as_dict()->size());
      const Value* other = find_entry(b, entry.first);
      return other && equal(entry.second, *other, budget);
    });
  }
  return (a.is_none() && b.is_none()) || (a.is_undefined() && b.is_undefined());
}

std::string to_text(const Value& value, Budget& budget) {
  if (value.is_undefined()) return {};
  if (const std::string* text = value.as_string()) {
    budget.spend(text->size());
    return *text;
  }
  std::string out;
  append(value, Style::kRepr, out, budget);
  return out;
}

std::string to_json(const Value& value, Budget& budget) {
  std::string out;
  append(value, Style::kJson, out, budget);
  return out;
}

const Value* find_entry(const Value& dict, std::string_view key) {
  const auto* entries = dict.as_dict();
  if (!entries) return nullptr;
  const auto found =
      std::find_if(entries->begin(), entries->end(), [&](const auto& entry) { return entry.first == key; });
  return found == entries->end() ? nullptr : &found->second;
}

std::string_view strip_left(std::string_view text) {
  while (!text.empty()) {
    const DecodedChar c = decode_utf8(text, 0);
    if (!is_python_space(c.code)) break;
    text.remove_prefix(c.length);
  }
  return text;
}

std::string_view strip_right(std::string_view text) {
  while (!text.empty()) {
    size_t start = text.size() - 1;
    while (start > 0 && (text[start] & 0xC0) == 0x80) --start;
    if (!is_python_space(decode_utf8(text, start).code)) break;
    text = text.substr(0, start);
  }
  return text;
}

}  // namespace pent::jinja
