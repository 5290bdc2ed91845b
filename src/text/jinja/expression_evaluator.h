// Values of expressions.
#pragma once

#include <string>
#include <string_view>

#include "text/jinja/arguments.h"
#include "text/jinja/ast.h"
#include "text/jinja/frames.h"
#include "text/jinja/runtime.h"

namespace pent::jinja {

class ExpressionEvaluator {
 public:
  ExpressionEvaluator(Variables globals, std::time_t now) : runtime_(now), frames_(std::move(globals)) {}
  virtual ~ExpressionEvaluator() = default;

 protected:
  Value evaluate(const Expr& expr);
  Value call(const Expr& call, const Value* caller);  // `caller`: passed on by that name, if there is one

  // Counts how deep expressions, blocks and macros are within each other: each takes a part of the stack.
  class Nesting {
   public:
    explicit Nesting(ExpressionEvaluator& evaluator) : depth_(evaluator.depth_) {
      if (++depth_ > kMaxDepth) {
        --depth_;
        throw error(ErrorKind::kResourceExhausted, "macros call each other deeper than we allow");
      }
    }
    ~Nesting() { --depth_; }

   private:
    static constexpr int kMaxDepth = 1000;
    int& depth_;
  };

  Runtime runtime_;
  Frames frames_;
  int line_ = 0;     // of what is being evaluated
  Value body_text_;  // what ExprKind::kBody stands for

 private:
  virtual Value call_macro(const Function& macro, const Arguments& arguments) = 0;

  Value look_up(const std::string& name);
  Value make_dict(const Expr& expr);
  Value binary(const Expr& expr);
  Value compare_all(const Expr& expr);
  Value concatenate(const Expr& expr);
  Value access(const Expr& expr);
  Items evaluate_all(const Expr& expr);
  Arguments arguments_of(const Expr& expr);
  static void require_defined(const Expr& expr, const Value& value, std::string_view part_wanted = {});

  int depth_ = 0;
};

}  // namespace pent::jinja
