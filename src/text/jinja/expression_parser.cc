// Recursive descent with Jinja's precedence, loosest first: if-else, or, and, not, comparison, + -, ~, * // %, unary,
// then what follows an operand: .name [item] |filter is-test.
#include "text/jinja/expression_parser.h"

#include <algorithm>

#include "text/jinja/filters.h"

namespace pent::jinja {
namespace {

class ExpressionParser {
 public:
  explicit ExpressionParser(TokenStream& tokens) : tokens_(tokens) {}

  ExprPtr if_else() {
    const Nesting nesting(*this);
    ExprPtr value = disjunction();
    while (tokens_.at_name("if")) {
      const int line = tokens_.next().line;
      ExprPtr condition = disjunction();
      ExprPtr otherwise = tokens_.accept_name("else") ? if_else() : nullptr;
      value = make(ExprKind::kIfElse, line, {}, std::move(value), std::move(condition), std::move(otherwise));
    }
    return value;
  }

  ExprPtr disjunction() { return left_chain(TokenKind::kName, {"or"}, &ExpressionParser::conjunction); }

 private:
  // Counts how deep the descent is.
  struct Nesting {
    explicit Nesting(ExpressionParser& p) : parser(p) {
      if (++parser.nesting_ > kMaxTreeDepth) throw parser.too_deep();
    }
    ~Nesting() { --parser.nesting_; }
    ExpressionParser& parser;
  };

  Error too_deep() const {
    return error(ErrorKind::kCorrupt, "{}:{}: expression nested deeper than {}", tokens_.where(), tokens_.peek().line,
                 kMaxTreeDepth);
  }

  template <typename... Operands>
  ExprPtr make(ExprKind kind, int line, std::string name, Operands... operands) {
    auto expr = std::make_unique<Expr>(Expr{kind, line, std::move(name), {}, {}});
    (add_operand(*expr, std::move(operands)), ...);
    return expr;
  }

  void add_operand(Expr& expr, ExprPtr operand) {
    if (operand) expr.depth = std::max(expr.depth, operand->depth + 1);
    if (expr.depth > kMaxTreeDepth) throw too_deep();
    expr.operands.push_back(std::move(operand));
  }

  ExprPtr binary(const Token& op, ExprPtr left, ExprPtr right) {
    return make(ExprKind::kBinary, op.line, op.text, std::move(left), std::move(right));
  }

  // operand (op operand)*, grouped from the left.
  ExprPtr left_chain(TokenKind kind, std::initializer_list<std::string_view> operators,
                     ExprPtr (ExpressionParser::*operand)()) {
    ExprPtr left = (this->*operand)();
    while (tokens_.peek().kind == kind &&
           std::find(operators.begin(), operators.end(), tokens_.peek().text) != operators.end()) {
      const Token op = tokens_.next();
      left = binary(op, std::move(left), (this->*operand)());
    }
    return left;
  }

  ExprPtr conjunction() { return left_chain(TokenKind::kName, {"and"}, &ExpressionParser::negation); }

  ExprPtr negation() {
    if (!tokens_.at_name("not")) return comparison();
    const Nesting nesting(*this);
    const int line = tokens_.next().line;
    return make(ExprKind::kUnary, line, "not", negation());
  }

  bool at_comparison() const {
    const Token& token = tokens_.peek();
    if (token.kind == TokenKind::kName)
      return token.text == "in" || (token.text == "not" && tokens_.peek(1).text == "in");
    constexpr std::string_view kOperators[] = {"==", "!=", "<", "<=", ">", ">="};
    return token.kind == TokenKind::kOperator &&
           std::find(std::begin(kOperators), std::end(kOperators), token.text) != std::end(kOperators);
  }

  ExprPtr comparison() {
    ExprPtr left = sum();
    if (!at_comparison()) return left;
    const Token op = tokens_.next();
    const bool negated = op.text == "not";
    if (negated) tokens_.expect_name("in");
    left = binary(negated ? Token{op.kind, "in", op.line} : op, std::move(left), sum());
    if (negated) left = make(ExprKind::kUnary, op.line, "not", std::move(left));
    if (at_comparison()) throw tokens_.unsupported(op.line, "a chain of comparisons");
    return left;
  }

  ExprPtr sum() { return left_chain(TokenKind::kOperator, {"+", "-"}, &ExpressionParser::concatenation); }
  ExprPtr concatenation() { return left_chain(TokenKind::kOperator, {"~"}, &ExpressionParser::product); }

  ExprPtr product() {
    ExprPtr left = left_chain(TokenKind::kOperator, {"*", "//", "%"}, &ExpressionParser::filtered_unary);
    for (const char* op : {"/", "**"}) {
      if (tokens_.at_operator(op)) throw tokens_.unsupported(tokens_.peek().line, std::string("the operator ") + op);
    }
    return left;
  }

  ExprPtr filtered_unary() { return filters_and_tests(unary()); }

  ExprPtr unary() {
    const Nesting nesting(*this);
    if (!tokens_.at_operator("-") && !tokens_.at_operator("+")) return postfix(primary());
    const Token sign = tokens_.next();
    return make(ExprKind::kUnary, sign.line, sign.text, unary());
  }

  ExprPtr primary() {
    const int line = tokens_.peek().line;
    if (tokens_.peek().kind == TokenKind::kString) return adjacent_strings();
    if (tokens_.peek().kind == TokenKind::kInteger) return constant(line, int64_t{std::stoll(tokens_.next().text)});
    if (tokens_.peek().kind == TokenKind::kName) return name_or_call();
    if (tokens_.accept_operator("(")) {
      ExprPtr inner = if_else();
      if (tokens_.at_operator(",")) throw tokens_.unsupported(line, "a tuple");
      tokens_.expect_operator(")");
      return inner;
    }
    if (tokens_.accept_operator("[")) return list(line);
    if (tokens_.accept_operator("{")) return dict(line);
    throw tokens_.unexpected("an expression");
  }

  ExprPtr constant(int line, Value value) {
    ExprPtr expr = make(ExprKind::kConstant, line, {});
    expr->constant = std::move(value);
    return expr;
  }

  ExprPtr adjacent_strings() {
    const int line = tokens_.peek().line;
    std::string text;
    while (tokens_.peek().kind == TokenKind::kString) text += tokens_.next().text;
    return constant(line, std::move(text));
  }

  ExprPtr name_or_call() {
    const Token token = tokens_.next();
    const std::string& name = token.text;
    if (name == "true" || name == "True") return constant(token.line, true);
    if (name == "false" || name == "False") return constant(token.line, false);
    if (name == "none" || name == "None") return constant(token.line, None{});
    for (const char* keyword : {"and", "or", "not", "in", "is", "if", "else"}) {
      if (name == keyword)
        throw error(ErrorKind::kCorrupt, "{}:{}: expected an expression, found '{}'", tokens_.where(), token.line,
                    name);
    }
    if (!tokens_.at_operator("(")) return make(ExprKind::kName, token.line, name);
    if (name != "raise_exception") throw tokens_.unsupported(token.line, "the function '" + printable(name, 40) + "'");
    tokens_.next();
    ExprPtr message = if_else();
    tokens_.expect_operator(")");
    return make(ExprKind::kRaise, token.line, {}, std::move(message));
  }

  ExprPtr list(int line) {
    ExprPtr expr = make(ExprKind::kList, line, {});
    while (!tokens_.accept_operator("]")) {
      if (!expr->operands.empty()) tokens_.expect_operator(",");
      if (tokens_.accept_operator("]")) break;  // after a comma
      add_operand(*expr, if_else());
    }
    return expr;
  }

  ExprPtr dict(int line) {
    ExprPtr expr = make(ExprKind::kDict, line, {});
    while (!tokens_.accept_operator("}")) {
      if (!expr->operands.empty()) tokens_.expect_operator(",");
      if (tokens_.accept_operator("}")) break;
      add_operand(*expr, if_else());
      tokens_.expect_operator(":");
      add_operand(*expr, if_else());
    }
    return expr;
  }

  ExprPtr postfix(ExprPtr expr) {
    while (true) {
      const int line = tokens_.peek().line;
      if (tokens_.accept_operator(".")) {
        if (tokens_.peek().kind == TokenKind::kInteger) throw tokens_.unsupported(line, "an index after a dot");
        std::string name = tokens_.expect_any_name("the name of an attribute");
        if (tokens_.at_operator("(")) throw tokens_.unsupported(line, "the method '" + printable(name, 40) + "'");
        expr = make(ExprKind::kAttribute, line, std::move(name), std::move(expr));
      } else if (tokens_.accept_operator("[")) {
        expr = subscript(line, std::move(expr));
      } else if (tokens_.at_operator("(")) {
        throw tokens_.unsupported(line, "a call of an expression");
      } else {
        return expr;
      }
    }
  }

  ExprPtr subscript(int line, ExprPtr object) {
    ExprPtr first = tokens_.at_operator(":") ? nullptr : if_else();
    if (!tokens_.accept_operator(":")) {
      tokens_.expect_operator("]");
      return make(ExprKind::kItem, line, {}, std::move(object), std::move(first));
    }
    ExprPtr last = tokens_.at_operator("]") || tokens_.at_operator(":") ? nullptr : if_else();
    if (tokens_.at_operator(":")) throw tokens_.unsupported(line, "a slice with a step");
    tokens_.expect_operator("]");
    return make(ExprKind::kSlice, line, {}, std::move(object), std::move(first), std::move(last));
  }

  ExprPtr filters_and_tests(ExprPtr expr) {
    while (true) {
      const int line = tokens_.peek().line;
      if (tokens_.accept_operator("|")) {
        expr = filter(line, std::move(expr));
      } else if (tokens_.accept_name("is")) {
        const bool negated = tokens_.accept_name("not");
        std::string name = tokens_.expect_any_name("the name of a test");
        if (!is_known_test(name)) throw tokens_.unsupported(line, "the test '" + printable(name, 40) + "'");
        expr = make(ExprKind::kTest, line, std::move(name), std::move(expr));
        if (negated) expr = make(ExprKind::kUnary, line, "not", std::move(expr));
      } else if (tokens_.at_operator("(")) {
        throw tokens_.unsupported(line, "a call of an expression");
      } else {
        return expr;
      }
    }
  }

  ExprPtr filter(int line, ExprPtr input) {
    std::string name = tokens_.expect_any_name("the name of a filter");
    const int max_arguments = max_filter_arguments(name);
    if (max_arguments < 0) throw tokens_.unsupported(line, "the filter '" + printable(name, 40) + "'");
    ExprPtr expr = make(ExprKind::kFilter, line, std::move(name), std::move(input));
    if (!tokens_.accept_operator("(")) return expr;
    while (!tokens_.accept_operator(")")) {
      if (expr->operands.size() > 1) tokens_.expect_operator(",");
      if (tokens_.peek(1).kind == TokenKind::kOperator && tokens_.peek(1).text == "=") {
        throw tokens_.unsupported(
            line, "the argument '" + printable(tokens_.peek().text, 40) + "=' of the filter '" + expr->name + "'");
      }
      add_operand(*expr, if_else());
    }
    if (static_cast<int>(expr->operands.size()) - 1 > max_arguments) {
      throw tokens_.unsupported(
          line, fmt::format("the filter '{}' with {} arguments", expr->name, expr->operands.size() - 1));
    }
    return expr;
  }

  TokenStream& tokens_;
  int nesting_ = 0;
};

}  // namespace

ExprPtr parse_expression(TokenStream& tokens) { return ExpressionParser(tokens).if_else(); }
ExprPtr parse_or_expression(TokenStream& tokens) { return ExpressionParser(tokens).disjunction(); }

}  // namespace pent::jinja
