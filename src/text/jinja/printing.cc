#include "text/jinja/printing.h"

#include <algorithm>
#include <cmath>

#include "text/jinja/python_text.h"
#include "text/utf8.h"

namespace pent::jinja {
namespace {

constexpr int kMaxDepth = 128;  // of namespaces within containers within namespaces …

class ReprWriter {
 public:
  explicit ReprWriter(Runtime& runtime) : runtime_(runtime) {}

  void append(const Value& value, int depth = 0) {
    if (depth > kMaxDepth) throw error(ErrorKind::kResourceExhausted, "a value too deep to be printed");
    const size_t before = out.size();
    if (const Items* items = value.as_items()) {
      append_list(*items, value.list_kind(), depth);
    } else if (const Entries* entries = value.as_dict()) {
      append_entries(*entries, depth);
    } else if (const Namespace* space = value.as_namespace()) {
      Entries entries;
      for (const auto& [name, item] : space->variables) entries.emplace_back(name, item);
      out += "<Namespace ";
      append_entries(entries, depth);
      out += ">";
    } else {
      append_scalar(value);
      runtime_.spend(out.size() - before);
    }
    runtime_.spend(2);
  }

  std::string out;

 private:
  void append_list(const Items& items, ListKind kind, int depth) {
    if (kind == ListKind::kGenerator) throw wrong("a generator cannot be printed; '| list' makes a list of it");
    out += kind == ListKind::kList ? '[' : '(';
    const char* separator = "";
    for (const Value& item : items) {
      out += std::exchange(separator, ", ");
      append(item, depth + 1);
    }
    if (kind == ListKind::kTuple && items.size() == 1) out += ',';
    out += kind == ListKind::kList ? ']' : ')';
  }

  void append_entries(const Entries& entries, int depth) {
    out += '{';
    const char* separator = "";
    for (const auto& [key, item] : entries) {
      out += std::exchange(separator, ", ");
      append(key, depth + 1);
      out += ": ";
      append(item, depth + 1);
    }
    out += '}';
  }

  void append_scalar(const Value& value) {
    if (const bool* flag = value.as_bool()) {
      out += *flag ? "True" : "False";
    } else if (const int64_t* number = value.as_int()) {
      out += std::to_string(*number);
    } else if (const double* fraction = value.as_float()) {
      out += float_text(*fraction);
    } else if (const std::string* text = value.as_string()) {
      out += value.is_safe() ? "Markup(" + quoted(*text) + ")" : quoted(*text);
    } else if (value.is_none()) {
      out += "None";
    } else if (value.is_undefined()) {
      out += "Undefined";
    } else {
      throw wrong("{} cannot be printed", value.type_name());
    }
  }

  Runtime& runtime_;
};

class JsonWriter {
 public:
  JsonWriter(const JsonStyle& style, Runtime& runtime) : style_(style), runtime_(runtime) {}

  void append(const Value& value, int depth = 0) {
    const size_t before = out.size();
    if (const Items* items = value.as_list()) {
      append_container('[', ']', *items, depth, [&](const Value& item) { append(item, depth + 1); });
    } else if (const Entries* entries = value.as_dict()) {
      Entries sorted;
      if (style_.sort_keys) entries = &(sorted = sorted_by_key(*entries));
      append_container('{', '}', *entries, depth, [&](const auto& entry) {
        append_key(entry.first);
        out += style_.key_separator;
        append(entry.second, depth + 1);
      });
    } else {
      append_scalar(value);
      runtime_.spend(out.size() - before);
    }
    runtime_.spend(2);
  }

  std::string out;

 private:
  template <typename Container, typename AppendItem>
  void append_container(char open, char close, const Container& items, int depth, const AppendItem& append_item) {
    out += open;
    for (size_t i = 0; i < items.size(); ++i) {
      if (i > 0) out += style_.item_separator;
      append_line_break(depth + 1);
      append_item(items[i]);
    }
    if (!items.empty()) append_line_break(depth);
    out += close;
  }

  void append_line_break(int depth) {
    if (!style_.indent) return;
    out += '\n';
    runtime_.spend(style_.indent->size() * static_cast<size_t>(depth) + 1);
    for (int i = 0; i < depth; ++i) out += *style_.indent;
  }

  static Entries sorted_by_key(const Entries& entries) {
    Entries sorted = entries;
    for (const auto& [key, item] : entries) {
      if (!key.as_string()) throw wrong("tojson(sort_keys=true) of a mapping with a key that is {}", key.type_name());
    }
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const auto& a, const auto& b) { return *a.first.as_string() < *b.first.as_string(); });
    return sorted;
  }

  void append_key(const Value& key) {
    if (key.as_string()) return append_scalar(key);
    if (!key.number() && !key.is_none()) throw wrong("tojson of a mapping with a key that is {}", key.type_name());
    out += '"';
    append_scalar(key);
    out += '"';
  }

  void append_scalar(const Value& value) {
    if (const bool* flag = value.as_bool()) {
      out += *flag ? "true" : "false";
    } else if (const int64_t* number = value.as_int()) {
      out += std::to_string(*number);
    } else if (const double* fraction = value.as_float()) {
      out += std::isnan(*fraction)   ? "NaN"
             : std::isinf(*fraction) ? *fraction < 0 ? "-Infinity" : "Infinity"
                                     : float_text(*fraction);
    } else if (const std::string* text = value.as_string()) {
      append_string(*text);
    } else if (value.is_none()) {
      out += "null";
    } else {
      throw wrong("tojson of {}", value.type_name());
    }
  }

  void append_string(const std::string& text) {
    constexpr std::string_view kEscaped = "\"\\\n\r\t\b\f", kLetters = "\"\\nrtbf";
    out += '"';
    for (size_t i = 0; i < text.size();) {
      const DecodedChar c = decode_utf8(text, i);
      if (const size_t known = c.code < 0x80 ? kEscaped.find(static_cast<char>(c.code)) : std::string_view::npos;
          known != std::string_view::npos) {
        out += {'\\', kLetters[known]};
      } else if (c.code < 0x20 || (style_.ensure_ascii && c.code > 0x7E)) {
        append_escaped(c.code);
      } else {
        out += text.substr(i, c.length);
      }
      i += c.length;
    }
    out += '"';
  }

  void append_escaped(char32_t code) {
    const auto value = static_cast<uint32_t>(code);
    if (value <= 0xFFFF) {
      out += fmt::format("\\u{:04x}", value);
    } else {  // a surrogate pair
      out +=
          fmt::format("\\u{:04x}\\u{:04x}", 0xD800 + ((value - 0x10000) >> 10), 0xDC00 + ((value - 0x10000) & 0x3FF));
    }
  }

  const JsonStyle& style_;
  Runtime& runtime_;
};

}  // namespace

std::string to_text(const Value& value, Runtime& runtime) {
  if (value.is_undefined()) return {};
  if (const std::string* text = value.as_string()) {
    runtime.spend(text->size());
    return *text;
  }
  ReprWriter writer(runtime);
  writer.append(value);
  return std::move(writer.out);
}

std::string to_json(const Value& value, const JsonStyle& style, Runtime& runtime) {
  JsonWriter writer(style, runtime);
  writer.append(value);
  return std::move(writer.out);
}

}  // namespace pent::jinja
