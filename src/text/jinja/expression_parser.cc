// Recursive descent with Jinja's precedence, loosest first: if-else, or, and, not, comparison, + -, ~, * / // %, **,
// unary, then what follows an operand: .name [item] (call) |filter is-test.
#include "text/jinja/expression_parser.h"

#include <algorithm>
#include <charconv>
#include <cmath>

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

  // One, or several with commas between them or one with a comma after it: a tuple.
  ExprPtr tuple(bool with_if_else) {
    const int line = tokens_.peek().line;
    const auto item = [&] { return with_if_else ? if_else() : disjunction(); };
    ExprPtr first = item();
    if (!tokens_.at_operator(",")) return first;
    ExprPtr expr = make(ExprKind::kTuple, line, {}, std::move(first));
    while (tokens_.accept_operator(",") && !at_tuple_end()) add_operand(*expr, item());
    return expr;
  }

  ExprPtr filters(ExprPtr input, bool first_without_sign) {
    if (first_without_sign) input = filter(tokens_.peek().line, std::move(input));
    while (tokens_.at_operator("|")) {
      const int line = tokens_.next().line;
      input = filter(line, std::move(input));
    }
    return input;
  }

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

  bool at_tuple_end() const {
    const TokenKind kind = tokens_.peek().kind;
    return kind == TokenKind::kPrintEnd || kind == TokenKind::kBlockEnd || tokens_.at_operator(")");
  }

  // The operator of a comparison, read; "" if there is none.
  std::string accept_comparison() {
    constexpr std::string_view kOperators[] = {"==", "!=", "<", "<=", ">", ">="};
    const Token& token = tokens_.peek();
    if (token.kind == TokenKind::kOperator &&
        std::find(std::begin(kOperators), std::end(kOperators), token.text) != std::end(kOperators)) {
      return tokens_.next().text;
    }
    if (tokens_.accept_name("in")) return "in";
    if (!tokens_.at_name("not") || tokens_.peek(1).kind != TokenKind::kName || tokens_.peek(1).text != "in") return {};
    tokens_.next();
    tokens_.next();
    return "not in";
  }

  ExprPtr comparison() {
    ExprPtr left = sum();
    const int line = tokens_.peek().line;
    std::string op = accept_comparison();
    if (op.empty()) return left;
    ExprPtr expr = make(ExprKind::kCompare, line, {}, std::move(left));
    for (; !op.empty(); op = accept_comparison()) {
      expr->names.push_back(op);
      add_operand(*expr, sum());
    }
    return expr;
  }

  ExprPtr sum() { return left_chain(TokenKind::kOperator, {"+", "-"}, &ExpressionParser::concatenation); }

  ExprPtr concatenation() {
    ExprPtr first = product();
    if (!tokens_.at_operator("~")) return first;
    ExprPtr expr = make(ExprKind::kConcat, tokens_.peek().line, {}, std::move(first));
    while (tokens_.accept_operator("~")) add_operand(*expr, product());
    return expr;
  }

  ExprPtr product() { return left_chain(TokenKind::kOperator, {"*", "/", "//", "%"}, &ExpressionParser::power); }
  ExprPtr power() { return left_chain(TokenKind::kOperator, {"**"}, &ExpressionParser::filtered_unary); }
  ExprPtr filtered_unary() { return filters_and_tests(unary()); }

  ExprPtr unary() {
    const Nesting nesting(*this);
    if (!tokens_.at_operator("-") && !tokens_.at_operator("+")) return postfix(primary());
    const Token sign = tokens_.next();
    return make(ExprKind::kUnary, sign.line, sign.text, unary());
  }

  ExprPtr primary() {
    const int line = tokens_.peek().line;
    switch (tokens_.peek().kind) {
      case TokenKind::kString: return adjacent_strings();
      case TokenKind::kInteger: return constant(line, int64_t{std::stoll(tokens_.next().text)});
      case TokenKind::kFloat: return constant(line, parse_float(tokens_.next().text));
      case TokenKind::kName: return name();
      default: break;
    }
    if (tokens_.accept_operator("(")) {
      if (tokens_.accept_operator(")")) return make(ExprKind::kTuple, line, {});
      ExprPtr inner = tuple(true);
      tokens_.expect_operator(")");
      return inner;
    }
    if (tokens_.accept_operator("[")) return list(line);
    if (tokens_.accept_operator("{")) return dict(line);
    throw tokens_.unexpected("an expression");
  }

  static double parse_float(const std::string& digits) {
    double value = 0;
    const auto end = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return end.ec == std::errc() ? value : digits.find('-') != std::string::npos ? 0.0 : HUGE_VAL;
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

  ExprPtr name() {
    constexpr std::string_view kKeywords[] = {"and", "or", "not", "in", "is", "if", "else"};
    const Token& token = tokens_.peek();
    const std::string& name = token.text;
    if (std::find(std::begin(kKeywords), std::end(kKeywords), name) != std::end(kKeywords)) {
      throw tokens_.unexpected("an expression");
    }
    tokens_.next();
    if (name == "true" || name == "True") return constant(token.line, true);
    if (name == "false" || name == "False") return constant(token.line, false);
    if (name == "none" || name == "None") return constant(token.line, None{});
    return make(ExprKind::kName, token.line, name);
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
        if (tokens_.peek().kind == TokenKind::kInteger) {
          ExprPtr index = constant(line, int64_t{std::stoll(tokens_.next().text)});
          expr = make(ExprKind::kItem, line, {}, std::move(expr), std::move(index));
        } else {
          expr = make(ExprKind::kAttribute, line, tokens_.expect_any_name("the name of an attribute"), std::move(expr));
        }
      } else if (tokens_.accept_operator("[")) {
        expr = subscript(line, std::move(expr));
      } else if (tokens_.at_operator("(")) {
        expr = with_arguments(make(ExprKind::kCall, line, {}, std::move(expr)));
      } else {
        return expr;
      }
    }
  }

  ExprPtr subscript(int line, ExprPtr object) {
    ExprPtr first = tokens_.at_operator(":") ? nullptr : if_else();
    if (!tokens_.at_operator(":")) {
      if (tokens_.at_operator(",")) throw tokens_.unsupported(line, "an item by several keys");
      tokens_.expect_operator("]");
      return make(ExprKind::kItem, line, {}, std::move(object), std::move(first));
    }
    ExprPtr bounds[2];  // what ends the slice, and its step
    for (ExprPtr& bound : bounds) {
      if (tokens_.accept_operator(":") && !tokens_.at_operator("]") && !tokens_.at_operator(":")) bound = if_else();
    }
    tokens_.expect_operator("]");
    return make(ExprKind::kSlice, line, {}, std::move(object), std::move(first), std::move(bounds[0]),
                std::move(bounds[1]));
  }

  ExprPtr filters_and_tests(ExprPtr expr) {
    while (true) {
      const int line = tokens_.peek().line;
      if (tokens_.accept_operator("|")) {
        expr = filter(line, std::move(expr));
      } else if (tokens_.accept_name("is")) {
        expr = test(line, std::move(expr));
      } else if (tokens_.at_operator("(")) {
        expr = with_arguments(make(ExprKind::kCall, line, {}, std::move(expr)));
      } else {
        return expr;
      }
    }
  }

  ExprPtr filter(int line, ExprPtr input) {
    std::string name = tokens_.expect_any_name("the name of a filter");
    ExprPtr expr = make(ExprKind::kFilter, line, std::move(name), std::move(input));
    return tokens_.at_operator("(") ? with_arguments(std::move(expr)) : std::move(expr);
  }

  // `is defined`, `is not none`, `is divisibleby(3)`, and with one argument also without brackets: `is divisibleby 3`.
  ExprPtr test(int line, ExprPtr input) {
    const bool negated = tokens_.accept_name("not");
    std::string name = tokens_.expect_any_name("the name of a test");
    ExprPtr expr = make(ExprKind::kTest, line, std::move(name), std::move(input));
    if (tokens_.at_operator("(")) {
      expr = with_arguments(std::move(expr));
    } else if (at_bare_argument()) {
      add_argument(*expr, {}, postfix(primary()));
    }
    return negated ? make(ExprKind::kUnary, line, "not", std::move(expr)) : std::move(expr);
  }

  bool at_bare_argument() const {
    const Token& token = tokens_.peek();
    switch (token.kind) {
      case TokenKind::kString:
      case TokenKind::kInteger:
      case TokenKind::kFloat: return true;
      case TokenKind::kOperator: return token.text == "[" || token.text == "{";
      case TokenKind::kName: {
        constexpr std::string_view kOthers[] = {"else", "or", "and", "if", "is", "in", "not"};
        return std::find(std::begin(kOthers), std::end(kOthers), token.text) == std::end(kOthers);
      }
      default: return false;
    }
  }

  void add_argument(Expr& expr, std::string keyword, ExprPtr argument) {
    expr.names.push_back(std::move(keyword));
    add_operand(expr, std::move(argument));
  }

  // (a, b, name=c): of a call, a filter or a test.
  ExprPtr with_arguments(ExprPtr expr) {
    tokens_.expect_operator("(");
    bool named = false;
    for (bool first = true; !tokens_.accept_operator(")"); first = false) {
      if (!first) tokens_.expect_operator(",");
      if (tokens_.accept_operator(")")) break;  // after a comma
      const int line = tokens_.peek().line;
      if (tokens_.at_operator("*") || tokens_.at_operator("**"))
        throw tokens_.unsupported(line, "an argument with a star");
      std::string keyword;
      if (tokens_.peek().kind == TokenKind::kName && tokens_.peek(1).kind == TokenKind::kOperator &&
          tokens_.peek(1).text == "=") {
        keyword = tokens_.next().text;
        tokens_.next();
        named = true;
      } else if (named) {
        throw tokens_.wrong(line, "an argument without a name after one with a name");
      }
      add_argument(*expr, std::move(keyword), if_else());
    }
    return expr;
  }

  TokenStream& tokens_;
  int nesting_ = 0;
};

}  // namespace

ExprPtr parse_expression(TokenStream& tokens) { return ExpressionParser(tokens).if_else(); }
ExprPtr parse_tuple(TokenStream& tokens, bool with_if_else) { return ExpressionParser(tokens).tuple(with_if_else); }
ExprPtr parse_filters(TokenStream& tokens, ExprPtr input, bool first_without_sign) {
  return ExpressionParser(tokens).filters(std::move(input), first_without_sign);
}

}  // namespace pent::jinja
