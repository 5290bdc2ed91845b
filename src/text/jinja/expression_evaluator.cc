// Evaluation as Jinja2 does it: undefined names are falsy and print nothing, but nothing else can be done with them.
#include "text/jinja/expression_evaluator.h"

#include "text/jinja/filters.h"
#include "text/jinja/functions.h"
#include "text/jinja/operators.h"
#include "text/jinja/printing.h"

namespace pent::jinja {
namespace {

// The expression as a message names it: message.tool_calls[0].name
std::string described(const Expr& expr) {
  switch (expr.kind) {
    case ExprKind::kName: return expr.name;
    case ExprKind::kAttribute: return described(*expr.operands[0]) + "." + expr.name;
    case ExprKind::kItem: {
      const Value& key = expr.operands[1]->constant;
      const std::string text = key.as_string() ? "'" + *key.as_string() + "'"
                               : key.as_int()  ? std::to_string(*key.as_int())
                                               : described(*expr.operands[1]);
      return described(*expr.operands[0]) + "[" + text + "]";
    }
    case ExprKind::kCall: return described(*expr.operands[0]) + "(…)";
    default: return "…";
  }
}

}  // namespace

Value ExpressionEvaluator::evaluate(const Expr& expr) {
  const Nesting nesting(*this);
  runtime_.spend(Runtime::kStepCost);
  line_ = expr.line;
  switch (expr.kind) {
    case ExprKind::kConstant: return expr.constant;
    case ExprKind::kName: return look_up(expr.name);
    case ExprKind::kList: return evaluate_all(expr);
    case ExprKind::kTuple: return Value(evaluate_all(expr), ListKind::kTuple);
    case ExprKind::kDict: return make_dict(expr);
    case ExprKind::kAttribute:
    case ExprKind::kItem:
    case ExprKind::kSlice: return access(expr);
    case ExprKind::kUnary: {
      const Value value = evaluate(*expr.operands[0]);
      if (expr.name == "not") return !value.truth();
      require_defined(*expr.operands[0], value);
      return signed_value(expr.name, value);
    }
    case ExprKind::kBinary: return binary(expr);
    case ExprKind::kConcat: return concatenate(expr);
    case ExprKind::kCompare: return compare_all(expr);
    case ExprKind::kIfElse:
      if (evaluate(*expr.operands[1]).truth()) return evaluate(*expr.operands[0]);
      return expr.operands[2] ? evaluate(*expr.operands[2]) : Value();
    case ExprKind::kFilter: {
      const Value input = evaluate(*expr.operands[0]);
      const Arguments arguments = arguments_of(expr);
      return apply_filter(expr.name, input, arguments, runtime_);
    }
    case ExprKind::kTest: {
      const Value input = evaluate(*expr.operands[0]);
      const Arguments arguments = arguments_of(expr);
      return apply_test(expr.name, input, arguments, runtime_);
    }
    case ExprKind::kCall: return call(expr, nullptr);
    case ExprKind::kBody: return body_text_;
  }
  return {};
}

// Fails with the name of what is undefined but would have to be something.
void ExpressionEvaluator::require_defined(const Expr& expr, const Value& value, std::string_view part_wanted) {
  if (!value.is_undefined()) return;
  const std::string name = printable(described(expr), 80);
  if (part_wanted.empty()) throw wrong("'{}' is undefined", name);
  throw wrong("{} of '{}', which is undefined", printable(part_wanted, 40), name);
}

Value ExpressionEvaluator::look_up(const std::string& name) {
  for (const Frame* frame = frames_.current(); frame; frame = frame->parent) {
    runtime_.spend(frame->variables.size());
    if (const Value* found = find_variable(frame->variables, name)) return *found;
  }
  return global_function(name);
}

Items ExpressionEvaluator::evaluate_all(const Expr& expr) {
  Items items;
  for (const ExprPtr& operand : expr.operands) items.push_back(evaluate(*operand));
  return items;
}

Value ExpressionEvaluator::make_dict(const Expr& expr) {
  Entries entries;
  for (size_t i = 0; i < expr.operands.size(); i += 2) {
    Value key = evaluate(*expr.operands[i]);
    set_entry(entries, std::move(key), evaluate(*expr.operands[i + 1]), runtime_);
  }
  return entries;
}

Value ExpressionEvaluator::access(const Expr& expr) {
  const Value object = evaluate(*expr.operands[0]);
  if (expr.kind == ExprKind::kAttribute) {
    if (object.is_undefined()) require_defined(*expr.operands[0], object, "." + expr.name);
    return get_attribute(object, expr.name, runtime_);
  }
  require_defined(*expr.operands[0], object, "an item");
  Value keys[3] = {None{}, None{}, None{}};
  for (size_t i = 1; i < expr.operands.size(); ++i) {
    if (expr.operands[i]) keys[i - 1] = evaluate(*expr.operands[i]);
  }
  line_ = expr.line;
  if (expr.kind == ExprKind::kSlice) return get_slice(object, keys[0], keys[1], keys[2], runtime_);
  return get_item(object, keys[0], runtime_);
}

Value ExpressionEvaluator::binary(const Expr& expr) {
  const Value left = evaluate(*expr.operands[0]);
  if (expr.name == "and") return left.truth() ? evaluate(*expr.operands[1]) : left;
  if (expr.name == "or") return left.truth() ? left : evaluate(*expr.operands[1]);
  const Value right = evaluate(*expr.operands[1]);
  line_ = expr.line;
  require_defined(*expr.operands[0], left);
  if (expr.name != "%" || !left.as_string()) require_defined(*expr.operands[1], right);
  return arithmetic(expr.name, left, right, runtime_);
}

Value ExpressionEvaluator::compare_all(const Expr& expr) {
  Value left = evaluate(*expr.operands[0]);
  for (size_t i = 0; i < expr.names.size(); ++i) {
    const Value right = evaluate(*expr.operands[i + 1]);
    line_ = expr.line;
    const std::string& op = expr.names[i];
    if (op[0] == '<' || op[0] == '>') {
      require_defined(*expr.operands[i], left);
      require_defined(*expr.operands[i + 1], right);
    }
    if (!compare(op, left, right, runtime_)) return false;
    left = right;
  }
  return true;
}

Value ExpressionEvaluator::concatenate(const Expr& expr) {
  std::string text;
  for (const ExprPtr& operand : expr.operands) text += to_text(evaluate(*operand), runtime_);
  return text;
}

Arguments ExpressionEvaluator::arguments_of(const Expr& expr) {
  Arguments arguments;
  for (size_t i = 0; i < expr.names.size(); ++i) {
    Value value = evaluate(*expr.operands[i + 1]);
    if (expr.names[i].empty()) {
      arguments.positional.push_back(std::move(value));
    } else {
      arguments.named.emplace_back(expr.names[i], std::move(value));
    }
  }
  line_ = expr.line;
  return arguments;
}

Value ExpressionEvaluator::call(const Expr& expr, const Value* caller) {
  const Value callee = evaluate(*expr.operands[0]);
  Arguments arguments = arguments_of(expr);
  if (caller) arguments.named.emplace_back("caller", *caller);
  const Function* function = callee.as_function();
  if (!function) {
    const std::string name = printable(described(*expr.operands[0]), 80);
    if (callee.is_undefined())
      throw error(ErrorKind::kUnsupported, "there is no function '{}' that templates may call", name);
    throw wrong("'{}' is {}, not a function", name, callee.type_name());
  }
  if (function->macro) return call_macro(*function, arguments);
  return function->builtin(runtime_, function->self, arguments);
}

}  // namespace pent::jinja
