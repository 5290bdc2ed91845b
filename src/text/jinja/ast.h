// The parsed template. Plain trees; evaluator.cc gives them meaning.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "text/jinja/value.h"

namespace pent::jinja {

enum class ExprKind {
  kConstant,   // constant
  kName,       // name
  kList,       // operands
  kDict,       // operands: key, value, key, value …
  kAttribute,  // operands[0].name
  kItem,       // operands[0][operands[1]]
  kSlice,      // operands[0][operands[1]:operands[2]], each end may be null
  kUnary,      // name ("not", "-", "+") operands[0]
  kBinary,     // operands[0] name operands[1]: + - * // % ~ == != < <= > >= in and or
  kIfElse,     // operands[0] if operands[1] else operands[2] (null: undefined)
  kFilter,     // operands[0] | name(operands[1…])
  kTest,       // operands[0] is name
  kRaise,      // raise_exception(operands[0])
};

struct Expr {
  ExprKind kind;
  int line;
  std::string name;
  Value constant;
  std::vector<std::unique_ptr<Expr>> operands;
  int depth = 1;  // of the tree below
};
using ExprPtr = std::unique_ptr<Expr>;

enum class NodeKind { kText, kPrint, kIf, kFor, kSet };

struct Node;
using Body = std::vector<Node>;

// A branch of an if; the else branch has no condition.
struct Branch {
  ExprPtr condition;
  Body body;
};

struct Node {
  NodeKind kind;
  int line;
  std::string text;                   // kText: the text; kFor and kSet: the variable
  ExprPtr expression = {};            // kPrint, kSet: the value; kFor: what is gone through
  ExprPtr filter = {};                // kFor: `if` of the loop, or null
  std::vector<Branch> branches = {};  // kIf: in order; kFor: the body, then the else body if there is one
};

}  // namespace pent::jinja
