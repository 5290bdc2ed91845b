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
  kTuple,      // operands
  kDict,       // operands: key, value, key, value …
  kAttribute,  // operands[0].name
  kItem,       // operands[0][operands[1]]
  kSlice,      // operands[0][operands[1]:operands[2]:operands[3]], each but the first may be null
  kUnary,      // name ("not", "-", "+") operands[0]
  kBinary,     // operands[0] name operands[1]: + - * / // % ** and or
  kConcat,     // operands[0] ~ operands[1] ~ …
  kCompare,    // operands[0] names[0] operands[1] names[1] operands[2] …
  kIfElse,     // operands[0] if operands[1] else operands[2] (null: undefined)
  kFilter,     // operands[0] | name(operands[1…]), names as for kCall
  kTest,       // operands[0] is name(operands[1…]), names as for kCall
  kCall,       // operands[0](operands[1…]); names[i]: the keyword of operands[i + 1], or ""
  kBody        // the text of the block that this filters
};

struct Expr {
  ExprKind kind;
  int line;
  std::string name;
  Value constant;
  std::vector<std::unique_ptr<Expr>> operands;
  std::vector<std::string> names = {};
  int depth = 1;  // of the tree below
};
using ExprPtr = std::unique_ptr<Expr>;

enum class NodeKind {
  kText,        // text
  kPrint,       // expression
  kIf,          // branches, in order
  kFor,         // targets, expression, filter (the loop's `if`, or null); branches: the body, then else if there is one
  kSet,         // targets = expression
  kSetBlock,    // targets[0] = the text of branches[0], filtered by `filter`
  kFilter,      // the text of branches[0], filtered by `filter`
  kWith,        // targets[i] = defaults[i] within branches[0]
  kMacro,       // text: its name; targets: the parameters, defaults (may be null) and branches[0]: the body
  kCall,        // expression: a kCall, given the macro that this node is by the name `caller`
  kGeneration,  // branches[0]: what the assistant writes
  kBreak,
  kContinue
};

struct Node;
using Body = std::vector<Node>;

// A branch of an if; the else branch has no condition.
struct Branch {
  ExprPtr condition;
  Body body;
};

// A variable, or with an attribute a variable of a namespace.
struct Target {
  std::string name;
  std::string attribute = {};
};

struct Node {
  NodeKind kind;
  int line;
  std::string text = {};
  ExprPtr expression = {};
  ExprPtr filter = {};
  std::vector<Target> targets = {};
  std::vector<ExprPtr> defaults = {};
  std::vector<Branch> branches = {};
  // Names that the body mentions: kFor: loop; kMacro and kCall: the others.
  bool uses_loop = false, uses_caller = false, uses_varargs = false, uses_kwargs = false;
};

}  // namespace pent::jinja
