#include "text/jinja/value.h"

#include <algorithm>

#include "base/error.h"

namespace pent::jinja {
namespace {

constexpr int kMaxDepth = 64;

int checked_depth(int depth) {
  if (depth > kMaxDepth) throw error(ErrorKind::kResourceExhausted, "values nested deeper than {}", kMaxDepth);
  return depth;
}

}  // namespace

Value::Value(std::string text, bool safe) : storage_(std::make_shared<const Text>(Text{std::move(text), safe})) {}

Value::Value(Items items, ListKind kind) {
  int depth = 0;
  for (const Value& item : items) depth = std::max(depth, item.depth());
  storage_ = std::make_shared<const List>(List{std::move(items), kind, checked_depth(depth + 1)});
}

Value::Value(Entries entries) {
  int depth = 0;
  for (const auto& [key, item] : entries) depth = std::max({depth, key.depth(), item.depth()});
  storage_ = std::make_shared<const Dict>(Dict{std::move(entries), checked_depth(depth + 1)});
}

Value::Value(Function function) {
  checked_depth(function.self.depth() + 1);
  storage_ = std::make_shared<const Function>(std::move(function));
}

bool Value::is_safe() const {
  const Text* text = pointee<Text>();
  return text && text->safe;
}

const std::string* Value::as_string() const {
  const Text* text = pointee<Text>();
  return text ? &text->text : nullptr;
}

const Items* Value::as_list() const {
  const List* list = pointee<List>();
  return list && list->kind != ListKind::kGenerator ? &list->items : nullptr;
}

const Items* Value::as_items() const {
  const List* list = pointee<List>();
  return list ? &list->items : nullptr;
}

const Entries* Value::as_dict() const {
  const Dict* dict = pointee<Dict>();
  return dict ? &dict->entries : nullptr;
}

Namespace* Value::as_namespace() const {
  const auto* space = std::get_if<Namespace*>(&storage_);
  return space ? *space : nullptr;
}

ListKind Value::list_kind() const { return pointee<List>()->kind; }

int Value::depth() const {
  if (const List* list = pointee<List>()) return list->depth;
  if (const Dict* dict = pointee<Dict>()) return dict->depth;
  if (const Function* function = pointee<Function>()) return function->self.depth() + 1;
  return 0;
}

std::optional<int64_t> Value::integer() const {
  if (const bool* flag = as_bool()) return *flag;
  if (const int64_t* number = as_int()) return *number;
  return std::nullopt;
}

std::optional<double> Value::number() const {
  if (const double* number = as_float()) return *number;
  if (const auto whole = integer()) return static_cast<double>(*whole);
  return std::nullopt;
}

bool Value::truth() const {
  if (const auto value = number()) return *value != 0;
  if (const std::string* text = as_string()) return !text->empty();
  if (const auto* items = as_list()) return !items->empty();
  if (const auto* entries = as_dict()) return !entries->empty();
  return !is_undefined() && !is_none();
}

const char* Value::type_name() const {
  if (const List* list = pointee<List>(); list && list->kind != ListKind::kList) {
    return list->kind == ListKind::kTuple ? "a tuple" : "a generator";
  }
  constexpr const char* kNames[] = {"an undefined value", "none",   "a boolean", "an integer", "a float",
                                    "a string",           "a list", "a mapping", "a function", "a namespace"};
  return kNames[storage_.index()];
}

const Value* find_variable(const Variables& variables, std::string_view name) {
  const auto found =
      std::find_if(variables.begin(), variables.end(), [&](const auto& variable) { return variable.first == name; });
  return found == variables.end() ? nullptr : &found->second;
}

void set_variable(Variables& variables, std::string_view name, Value value) {
  if (const Value* known = find_variable(variables, name)) {
    const_cast<Value&>(*known) = std::move(value);
  } else {
    variables.emplace_back(name, std::move(value));
  }
}

}  // namespace pent::jinja
