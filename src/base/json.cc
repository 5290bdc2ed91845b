// JSON from untrusted files. We build the document ourselves from the library's SAX events: its parser keeps an explicit
// stack (no recursion), and this handler caps the depth and looks duplicate keys up in a hash table, where the library's
// own insertion into an ordered object would take quadratic time over a vocabulary.
#include "base/json.h"

#include <cmath>
#include <unordered_map>
#include <vector>

#include "base/error.h"

namespace pent {
namespace {

// The library's text repeats position and category before the part a person needs:
// "[json.exception.parse_error.101] parse error at line 1, column 2: syntax error while parsing …; last read: '…'".
std::string parse_error_detail(std::string_view what) {
  if (const size_t end_of_position = what.find(": "); end_of_position != what.npos)
    what.remove_prefix(end_of_position + 2);
  else if (const size_t end_of_tag = what.find("] "); end_of_tag != what.npos)
    what.remove_prefix(end_of_tag + 2);
  return printable(what, 200);
}

class DocumentBuilder : public nlohmann::json_sax<Json> {
 public:
  DocumentBuilder(const std::string& where, int max_depth, DuplicateKeys duplicates)
      : where_(where), max_depth_(max_depth), duplicates_(duplicates) {}

  Json take() { return std::move(root_); }

  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(int64_t value) override { return add(value); }
  bool number_unsigned(uint64_t value) override { return add(value); }
  bool number_float(double value, const std::string&) override { return add(value); }
  bool string(std::string& value) override { return add(std::move(value)); }
  bool binary(Json::binary_t&) override { return false; }
  bool start_object(size_t) override { return open(Json::object()); }
  bool start_array(size_t) override { return open(Json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(std::string& name) override {
    Level& level = levels_.back();
    Entries& entries = level.container->get_ref<Json::object_t&>();
    const auto [known, is_new] = level.keys.try_emplace(name, entries.size());
    if (is_new) {
      entries.emplace_back(std::move(name), nullptr);
    } else if (duplicates_ == DuplicateKeys::kRefuse) {
      throw error(ErrorKind::kCorrupt, "{}: the key '{}' occurs twice in one object", where_, printable(name));
    }
    level.entry = known->second;
    return true;
  }

  bool parse_error(size_t position, const std::string&, const nlohmann::detail::exception& problem) override {
    throw error(ErrorKind::kCorrupt, "{}: not valid JSON at byte {}: {}", where_, position,
                parse_error_detail(problem.what()));
  }

 private:
  // What Json::object_t is made of: appending to it skips the search for the key.
  using Entries = Json::object_t::Container;
  struct Level {
    Json* container;                               // stays put while it is open: its parent grows only after it closed
    size_t entry = 0;                              // objects: the entry that the next value fills
    std::unordered_map<std::string, size_t> keys;  // objects: key to entry
  };

  Json* add(Json value) {
    if (levels_.empty()) return &(root_ = std::move(value));
    Level& level = levels_.back();
    if (level.container->is_array()) {
      auto& items = level.container->get_ref<Json::array_t&>();
      return &items.emplace_back(std::move(value));
    }
    Entries& entries = level.container->get_ref<Json::object_t&>();
    return &(entries[level.entry].second = std::move(value));
  }

  bool open(Json container) {
    if (static_cast<int>(levels_.size()) >= max_depth_) {
      throw error(ErrorKind::kCorrupt, "{}: JSON nested deeper than {}", where_, max_depth_);
    }
    levels_.push_back({.container = add(std::move(container)), .keys = {}});
    return true;
  }

  bool close() {
    levels_.pop_back();
    return true;
  }

  const std::string& where_;
  const int max_depth_;
  const DuplicateKeys duplicates_;
  Json root_;
  std::vector<Level> levels_;
};

const Json* find_value(const Json& object, const char* key, const std::string& where) {
  if (!object.is_object()) throw error(ErrorKind::kCorrupt, "{}: expected a JSON object with '{}' in it", where, key);
  const auto found = object.find(key);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

[[noreturn]] void throw_wrong_type(const Json& value, const char* key, const std::string& where, const char* expected) {
  throw error(ErrorKind::kCorrupt, "{}: '{}' is {}, expected {}", where, key, printable(to_json_line(value), 60),
              expected);
}

[[noreturn]] void throw_missing(const char* key, const std::string& where) {
  throw error(ErrorKind::kCorrupt, "{}: the key '{}' is missing", where, key);
}

}  // namespace

Json parse_json(std::string_view text, const std::string& where, int max_depth, DuplicateKeys duplicates) {
  DocumentBuilder builder(where, max_depth, duplicates);
  Json::sax_parse(text.begin(), text.end(), &builder);
  return builder.take();
}

std::optional<int64_t> get_int(const Json& object, const char* key, const std::string& where) {
  const Json* value = find_value(object, key, where);
  if (!value) return std::nullopt;
  if (value->is_number_unsigned() && value->get<uint64_t>() <= uint64_t{INT64_MAX}) return value->get<int64_t>();
  if (value->is_number_integer() && !value->is_number_unsigned()) return value->get<int64_t>();
  if (value->is_number_float()) {  // some writers put 4096.0
    const double number = value->get<double>();
    if (std::abs(number) <= 0x1p53 && number == std::trunc(number)) return static_cast<int64_t>(number);
  }
  throw_wrong_type(*value, key, where, "an integer");
}

std::optional<double> get_number(const Json& object, const char* key, const std::string& where) {
  const Json* value = find_value(object, key, where);
  if (!value) return std::nullopt;
  if (!value->is_number()) throw_wrong_type(*value, key, where, "a number");
  return value->get<double>();
}

std::optional<bool> get_bool(const Json& object, const char* key, const std::string& where) {
  const Json* value = find_value(object, key, where);
  if (!value) return std::nullopt;
  if (!value->is_boolean()) throw_wrong_type(*value, key, where, "true or false");
  return value->get<bool>();
}

std::optional<std::string> get_string(const Json& object, const char* key, const std::string& where) {
  const Json* value = find_value(object, key, where);
  if (!value) return std::nullopt;
  if (!value->is_string()) throw_wrong_type(*value, key, where, "a string");
  return value->get<std::string>();
}

int64_t get_required_int(const Json& object, const char* key, const std::string& where) {
  const auto value = get_int(object, key, where);
  if (!value) throw_missing(key, where);
  return *value;
}

std::string get_required_string(const Json& object, const char* key, const std::string& where) {
  auto value = get_string(object, key, where);
  if (!value) throw_missing(key, where);
  return *std::move(value);
}

std::string to_json_line(const Json& value) {
  return value.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

std::string to_json_file(const Json& value, const std::string& where) {
  try {
    return value.dump(2) + "\n";
  } catch (const Json::type_error&) {  // the only one that dump has
    throw error(ErrorKind::kCorrupt, "{}: has text that is not UTF-8, which JSON cannot hold", where);
  }
}

}  // namespace pent
