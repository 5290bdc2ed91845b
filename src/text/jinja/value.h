// Values of template expressions: what Python's would be, as far as chat templates go.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.h"

namespace pent::jinja {

struct Undefined {};
struct None {};
struct List;
struct Dict;

// Cheap to copy: strings and containers are shared and never changed.
class Value {
 public:
  using Storage = std::variant<Undefined, None, bool, int64_t, std::shared_ptr<const std::string>,
                               std::shared_ptr<const List>, std::shared_ptr<const Dict>>;
  Value() = default;
  Value(None none) : storage_(none) {}
  Value(bool value) : storage_(value) {}
  Value(int64_t value) : storage_(value) {}
  Value(std::string text) : storage_(std::make_shared<const std::string>(std::move(text))) {}
  Value(std::vector<Value> items);
  Value(std::vector<std::pair<std::string, Value>> entries);
  Value(const char*) = delete;  // would become a bool

  bool is_undefined() const { return std::holds_alternative<Undefined>(storage_); }
  bool is_none() const { return std::holds_alternative<None>(storage_); }
  // nullptr if of another type.
  const std::string* as_string() const { return pointee<std::string>(); }
  const std::vector<Value>* as_list() const;
  const std::vector<std::pair<std::string, Value>>* as_dict() const;
  const bool* as_bool() const { return std::get_if<bool>(&storage_); }
  const int64_t* as_int() const { return std::get_if<int64_t>(&storage_); }

  std::optional<int64_t> number() const;  // of an integer, and of true and false: 1 and 0, as in Python
  bool truth() const;
  const char* type_name() const;
  int depth() const;  // containers within containers

 private:
  template <typename T>
  const T* pointee() const {
    const auto* shared = std::get_if<std::shared_ptr<const T>>(&storage_);
    return shared ? shared->get() : nullptr;
  }
  Storage storage_;
};

struct List {
  std::vector<Value> items;
  int depth;
};
struct Dict {
  std::vector<std::pair<std::string, Value>> entries;
  int depth;
};

// What one application of a template may still do: evaluations, bytes produced, values compared.
class Budget {
 public:
  explicit Budget(int64_t units) : left_(units) {}
  void spend(size_t units);  // kResourceExhausted when nothing is left

 private:
  int64_t left_;
};

bool equal(const Value& a, const Value& b, Budget& budget);
std::string to_text(const Value& value, Budget& budget);           // str(value)
std::string to_json(const Value& value, Budget& budget);           // json.dumps(value, ensure_ascii=False)
const Value* find_entry(const Value& dict, std::string_view key);  // nullptr if absent or not a dict

// Without the white space (Python's idea of it) at the ends.
std::string_view strip_left(std::string_view text);
std::string_view strip_right(std::string_view text);

}  // namespace pent::jinja
