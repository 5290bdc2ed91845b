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

namespace pent::jinja {

class Value;
struct Undefined {};
struct None {};
struct Text;
struct List;
struct Dict;
struct Function;
struct Namespace;
using Items = std::vector<Value>;
using Entries = std::vector<std::pair<Value, Value>>;
using Variables = std::vector<std::pair<std::string, Value>>;

// A generator is what filters such as map give: it can be gone through, but has no length and no items by number.
enum class ListKind { kList, kTuple, kGenerator };

// Cheap to copy: strings and containers are shared and never changed. Only a namespace changes; the Runtime owns it.
class Value {
 public:
  using Storage =
      std::variant<Undefined, None, bool, int64_t, double, std::shared_ptr<const Text>, std::shared_ptr<const List>,
                   std::shared_ptr<const Dict>, std::shared_ptr<const Function>, Namespace*>;
  Value() = default;
  Value(None none) : storage_(none) {}
  Value(bool value) : storage_(value) {}
  Value(int64_t value) : storage_(value) {}
  Value(double value) : storage_(value) {}
  // `safe`: what Python calls Markup: HTML that `+` and `%` do not escape, while they escape what they join it with.
  Value(std::string text, bool safe = false);
  Value(const char* text) : Value(std::string(text)) {}
  Value(Items items, ListKind kind = ListKind::kList);
  Value(Entries entries);
  Value(Function function);
  Value(Namespace* space) : storage_(space) {}

  bool is_undefined() const { return std::holds_alternative<Undefined>(storage_); }
  bool is_none() const { return std::holds_alternative<None>(storage_); }
  bool is_safe() const;
  // nullptr if of another type.
  const std::string* as_string() const;
  const Items* as_list() const;   // of a list or a tuple
  const Items* as_items() const;  // of a list, a tuple or a generator
  const Entries* as_dict() const;
  const Function* as_function() const { return pointee<Function>(); }
  const bool* as_bool() const { return std::get_if<bool>(&storage_); }
  const int64_t* as_int() const { return std::get_if<int64_t>(&storage_); }
  const double* as_float() const { return std::get_if<double>(&storage_); }
  Namespace* as_namespace() const;
  ListKind list_kind() const;  // of a list, tuple or generator

  std::optional<int64_t> integer() const;  // of an integer, and of true and false: 1 and 0, as in Python
  std::optional<double> number() const;    // of those and of floats
  bool truth() const;
  const char* type_name() const;  // with its article
  int depth() const;              // containers within containers

 private:
  template <typename T>
  const T* pointee() const {
    const auto* shared = std::get_if<std::shared_ptr<const T>>(&storage_);
    return shared ? shared->get() : nullptr;
  }
  Storage storage_;
};

struct Text {
  std::string text;
  bool safe;
};
struct List {
  Items items;
  ListKind kind;
  int depth;
};
struct Dict {
  Entries entries;
  int depth;
};
struct Namespace {
  Variables variables;
};

struct Node;
struct Frame;
class Runtime;
struct Arguments;
using Builtin = Value (*)(Runtime& runtime, const Value& self, const Arguments& arguments);

// A macro with the frame it was defined in, or one of our functions, bound to `self` if it is a method.
struct Function {
  std::string name;
  const Node* macro = nullptr;
  Frame* frame = nullptr;
  Builtin builtin = nullptr;
  Value self = {};
};

const Value* find_variable(const Variables& variables, std::string_view name);  // nullptr if absent
void set_variable(Variables& variables, std::string_view name, Value value);

}  // namespace pent::jinja
