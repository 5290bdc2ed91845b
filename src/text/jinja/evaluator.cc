// Evaluation as Jinja2 does it: undefined names are falsy and print nothing, but nothing can be done with them; a loop's
// body is a scope of its own, made anew for each turn; an if is none.
#include "text/jinja/evaluator.h"

#include <algorithm>

#include "text/jinja/filters.h"
#include "text/utf8.h"

namespace pent::jinja {
namespace {

// What a template may cost, in bytes produced; the figures for steps make up for the time they take.
constexpr int64_t kMaxWork = int64_t{1} << 26;
constexpr size_t kStepCost = 16, kTurnCost = 256;
constexpr size_t kMaxOutputBytes = size_t{1} << 24;

class Evaluator {
 public:
  Evaluator(Variables globals, const std::string& where) : where_(where), budget_(kMaxWork) {
    scopes_.push_back(std::move(globals));
  }

  std::string run(const Body& body) {
    execute(body);
    return std::move(output_);
  }

 private:
  Error fail(int line, const std::string& message) const {
    return error(ErrorKind::kInvalidArgument, "{}:{}: {}", where_, line, message);
  }

  void print(std::string_view text) {
    if (output_.size() + text.size() > kMaxOutputBytes) {
      throw error(ErrorKind::kResourceExhausted, "{}: the template writes more than {} bytes", where_, kMaxOutputBytes);
    }
    budget_.spend(text.size());
    output_ += text;
  }

  void execute(const Body& body) {
    for (const Node& node : body) {
      budget_.spend(kStepCost);
      switch (node.kind) {
        case NodeKind::kText: print(node.text); break;
        case NodeKind::kPrint: print(to_text(evaluate(*node.expression), budget_)); break;
        case NodeKind::kIf: execute_if(node); break;
        case NodeKind::kFor: execute_for(node); break;
        case NodeKind::kSet: assign(node.text, evaluate(*node.expression)); break;
      }
    }
  }

  void execute_if(const Node& node) {
    for (const Branch& branch : node.branches) {
      if (!branch.condition || evaluate(*branch.condition).truth()) return execute(branch.body);
    }
  }

  // The items of a list, the keys of a mapping, the characters of a string.
  std::vector<Value> items_of(const Value& value, int line) {
    std::vector<Value> items;
    if (const auto* list = value.as_list()) {
      items = *list;
    } else if (const auto* entries = value.as_dict()) {
      for (const auto& [key, item] : *entries) items.push_back(key);
    } else if (const std::string* text = value.as_string()) {
      for (size_t i = 0, length; i < text->size(); i += length) {
        length = decode_utf8(*text, i).length;
        items.push_back(text->substr(i, length));
      }
    } else if (!value.is_undefined()) {
      throw fail(line, fmt::format("cannot loop over {}", value.type_name()));
    }
    budget_.spend(items.size() * kStepCost);
    return items;
  }

  void execute_for(const Node& node) {
    std::vector<Value> items = items_of(evaluate(*node.expression), node.line);
    budget_.spend(items.size() * kTurnCost);
    if (node.filter) {
      std::erase_if(items, [&](const Value& item) {
        scopes_.push_back({{node.text, item}});
        const bool kept = evaluate(*node.filter).truth();
        scopes_.pop_back();
        return !kept;
      });
    }
    const auto count = static_cast<int64_t>(items.size());
    for (int64_t i = 0; i < count; ++i) {
      Value loop(std::vector<std::pair<std::string, Value>>{{"index", i + 1},
                                                            {"index0", i},
                                                            {"revindex", count - i},
                                                            {"revindex0", count - i - 1},
                                                            {"first", i == 0},
                                                            {"last", i + 1 == count},
                                                            {"length", count}});
      scopes_.push_back({{node.text, items[i]}, {"loop", std::move(loop)}});
      execute(node.branches[0].body);
      scopes_.pop_back();
    }
    if (count == 0 && node.branches.size() > 1) execute(node.branches[1].body);
  }

  void assign(const std::string& name, Value value) {
    Variables& scope = scopes_.back();
    const auto known =
        std::find_if(scope.begin(), scope.end(), [&](const auto& variable) { return variable.first == name; });
    if (known != scope.end()) {
      known->second = std::move(value);
    } else {
      scope.emplace_back(name, std::move(value));
    }
  }

  Value look_up(const std::string& name) {
    for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope) {
      budget_.spend(scope->size());
      for (const auto& [known, value] : *scope) {
        if (known == name) return value;
      }
    }
    return {};
  }

  Value evaluate(const Expr& expr) {
    budget_.spend(kStepCost);
    switch (expr.kind) {
      case ExprKind::kConstant: return expr.constant;
      case ExprKind::kName: return look_up(expr.name);
      case ExprKind::kList: return make_list(expr);
      case ExprKind::kDict: return make_dict(expr);
      case ExprKind::kAttribute: return attribute(expr);
      case ExprKind::kItem: return item(expr);
      case ExprKind::kSlice: return slice(expr);
      case ExprKind::kUnary: return unary(expr);
      case ExprKind::kBinary: return binary(expr);
      case ExprKind::kIfElse:
        if (evaluate(*expr.operands[1]).truth()) return evaluate(*expr.operands[0]);
        return expr.operands[2] ? evaluate(*expr.operands[2]) : Value();
      case ExprKind::kFilter: return filter(expr);
      case ExprKind::kTest: return apply_test(expr.name, evaluate(*expr.operands[0]));
      case ExprKind::kRaise:
        throw error(ErrorKind::kInvalidArgument, "{}: {}", where_,
                    printable(to_text(evaluate(*expr.operands[0]), budget_), 1000));
    }
    return {};
  }

  Value make_list(const Expr& expr) {
    std::vector<Value> items;
    for (const ExprPtr& operand : expr.operands) items.push_back(evaluate(*operand));
    return items;
  }

  Value make_dict(const Expr& expr) {
    std::vector<std::pair<std::string, Value>> entries;
    for (size_t i = 0; i < expr.operands.size(); i += 2) {
      const Value key = evaluate(*expr.operands[i]);
      if (!key.as_string())
        throw fail(expr.line, std::string("the key of a mapping must be a string, not ") + key.type_name());
      budget_.spend(entries.size());
      const auto known = std::find_if(entries.begin(), entries.end(),
                                      [&](const auto& entry) { return entry.first == *key.as_string(); });
      Value value = evaluate(*expr.operands[i + 1]);
      if (known != entries.end()) {
        known->second = std::move(value);
      } else {
        entries.emplace_back(*key.as_string(), std::move(value));
      }
    }
    return entries;
  }

  Value attribute(const Expr& expr) {
    const Value object = evaluate(*expr.operands[0]);
    if (object.is_undefined()) throw fail(expr.line, "'." + printable(expr.name, 40) + "' of an undefined value");
    const Value* found = find_entry(object, expr.name);
    return found ? *found : Value();
  }

  Value item(const Expr& expr) {
    const Value object = evaluate(*expr.operands[0]), key = evaluate(*expr.operands[1]);
    if (object.is_undefined()) throw fail(expr.line, "an item of an undefined value");
    if (key.number() && (object.as_list() || object.as_string())) {
      const std::vector<Value> items = items_of(object, expr.line);
      const auto size = static_cast<int64_t>(items.size());
      const int64_t index = *key.number() < 0 ? *key.number() + size : *key.number();
      return index >= 0 && index < size ? items[index] : Value();
    }
    const Value* found = key.as_string() ? find_entry(object, *key.as_string()) : nullptr;
    return found ? *found : Value();
  }

  Value slice(const Expr& expr) {
    const Value object = evaluate(*expr.operands[0]);
    if (!object.as_list() && !object.as_string())
      throw fail(expr.line, std::string("cannot slice ") + object.type_name());
    const std::vector<Value> items = items_of(object, expr.line);
    const auto size = static_cast<int64_t>(items.size());
    const auto limit = [&](const ExprPtr& operand, int64_t fallback) {
      if (!operand) return fallback;
      const Value value = evaluate(*operand);
      if (value.is_none()) return fallback;
      if (!value.as_int()) throw fail(expr.line, std::string("a slice needs integers, not ") + value.type_name());
      return std::clamp<int64_t>(*value.as_int() < 0 ? *value.as_int() + size : *value.as_int(), 0, size);
    };
    const int64_t first = limit(expr.operands[1], 0), last = std::max(first, limit(expr.operands[2], size));
    if (object.as_list()) return std::vector<Value>(items.begin() + first, items.begin() + last);
    std::string text;
    for (int64_t i = first; i < last; ++i) text += *items[i].as_string();
    return text;
  }

  Value unary(const Expr& expr) {
    const Value value = evaluate(*expr.operands[0]);
    if (expr.name == "not") return !value.truth();
    if (!value.number()) throw fail(expr.line, fmt::format("'{}' of {}", expr.name, value.type_name()));
    return expr.name == "-" ? -*value.number() : *value.number();  // |value| < 2^63: see arithmetic
  }

  Value binary(const Expr& expr) {
    const std::string& op = expr.name;
    Value left = evaluate(*expr.operands[0]);
    if (op == "and") return left.truth() ? evaluate(*expr.operands[1]) : left;
    if (op == "or") return left.truth() ? left : evaluate(*expr.operands[1]);
    const Value right = evaluate(*expr.operands[1]);
    if (op == "==") return equal(left, right, budget_);
    if (op == "!=") return !equal(left, right, budget_);
    if (op == "~") return to_text(left, budget_) + to_text(right, budget_);
    if (op == "in") return contains(right, left, expr.line);
    if (op == "+" && left.as_string() && right.as_string()) return to_text(left, budget_) + to_text(right, budget_);
    if (op == "+" && left.as_list() && right.as_list()) {
      std::vector<Value> items = *left.as_list();
      items.insert(items.end(), right.as_list()->begin(), right.as_list()->end());
      budget_.spend(items.size() * sizeof(Value));
      return items;
    }
    if (op == "<" || op == "<=" || op == ">" || op == ">=") return ordered(expr, left, right);
    if (left.number() && right.number()) return arithmetic(expr, *left.number(), *right.number());
    throw fail(expr.line, fmt::format("'{}' between {} and {}", op, left.type_name(), right.type_name()));
  }

  Value ordered(const Expr& expr, const Value& left, const Value& right) {
    int order = 0;
    if (left.number() && right.number()) {
      order = *left.number() < *right.number() ? -1 : *left.number() > *right.number();
    } else if (left.as_string() && right.as_string()) {
      budget_.spend(left.as_string()->size());
      order = left.as_string()->compare(*right.as_string());  // the order of UTF-8 bytes is that of code points
    } else {
      throw fail(expr.line, fmt::format("'{}' between {} and {}", expr.name, left.type_name(), right.type_name()));
    }
    if (expr.name == "<") return order < 0;
    if (expr.name == "<=") return order <= 0;
    return expr.name == ">" ? order > 0 : order >= 0;
  }

  // Results stay within ±(2^63 - 1), so that every value can be negated.
  Value arithmetic(const Expr& expr, int64_t left, int64_t right) {
    int64_t result = 0;
    bool overflow = false;
    if (expr.name == "+") {
      overflow = __builtin_add_overflow(left, right, &result);
    } else if (expr.name == "-") {
      overflow = __builtin_sub_overflow(left, right, &result);
    } else if (expr.name == "*") {
      overflow = __builtin_mul_overflow(left, right, &result);
    } else {
      if (right == 0) throw fail(expr.line, "division by zero");
      const bool rounds_up = left % right != 0 && (left % right < 0) != (right < 0);  // Python rounds down
      result = expr.name == "%" ? left % right + (rounds_up ? right : 0) : left / right - rounds_up;
    }
    if (overflow || result == INT64_MIN) throw fail(expr.line, "a number becomes too large");
    return result;
  }

  bool contains(const Value& container, const Value& value, int line) {
    if (const std::string* text = container.as_string(); text && value.as_string()) {
      budget_.spend(text->size());
      return text->find(*value.as_string()) != std::string::npos;
    }
    if (const auto* items = container.as_list()) {
      return std::any_of(items->begin(), items->end(), [&](const Value& item) { return equal(item, value, budget_); });
    }
    if (container.as_dict()) return value.as_string() && find_entry(container, *value.as_string());
    if (container.is_undefined()) return false;
    throw fail(line, fmt::format("'in' between {} and {}", value.type_name(), container.type_name()));
  }

  Value filter(const Expr& expr) {
    std::vector<Value> values;
    for (const ExprPtr& operand : expr.operands) values.push_back(evaluate(*operand));
    return apply_filter(expr.name, values[0], std::span(values).subspan(1), budget_);
  }

  const std::string& where_;
  Budget budget_;
  std::vector<Variables> scopes_;
  std::string output_;
};

}  // namespace

std::string render(const Body& body, Variables globals, const std::string& where) {
  return Evaluator(std::move(globals), where).run(body);
}

}  // namespace pent::jinja
