// Text and blocks. Expressions are in expression_parser.cc.
#include "text/jinja/parser.h"

#include "text/jinja/expression_parser.h"
#include "text/jinja/token_stream.h"

namespace pent::jinja {
namespace {

constexpr int kMaxBlockDepth = 100;

class Parser {
 public:
  Parser(std::vector<Token> tokens, const std::string& where) : tokens_(std::move(tokens), where) {}

  Body run() {
    Body body = parse_body();
    if (tokens_.peek().kind != TokenKind::kEnd) {
      throw tokens_.wrong(tokens_.peek(1).line, "'" + printable(tokens_.peek(1).text, 40) + "' ends no block");
    }
    return body;
  }

 private:
  // Ends before the end of the text, or before {% elif|else|end… %}.
  Body parse_body() {
    if (++depth_ > kMaxBlockDepth) {
      throw tokens_.wrong(tokens_.peek().line, fmt::format("blocks nested deeper than {}", kMaxBlockDepth));
    }
    Body body;
    while (tokens_.peek().kind != TokenKind::kEnd) {
      if (tokens_.peek().kind == TokenKind::kBlockBegin) {
        const std::string& keyword = tokens_.peek(1).text;
        if (keyword == "elif" || keyword == "else" || keyword.starts_with("end")) break;
      }
      body.push_back(parse_node());
    }
    --depth_;
    return body;
  }

  Node parse_node() {
    const int line = tokens_.peek().line;
    if (tokens_.peek().kind == TokenKind::kText) return {NodeKind::kText, line, tokens_.next().text};
    if (tokens_.accept(TokenKind::kPrintBegin)) {
      Node node{NodeKind::kPrint, line};
      node.expression = parse_tuple(tokens_, true);
      tokens_.expect(TokenKind::kPrintEnd, "'}}'");
      return node;
    }
    tokens_.expect(TokenKind::kBlockBegin, "a block");
    const std::string keyword = tokens_.expect_any_name("the name of a block");
    if (keyword == "if") return parse_if(line);
    if (keyword == "for") return parse_for(line);
    if (keyword == "set") return parse_set(line);
    if (keyword == "macro") return parse_macro(line);
    if (keyword == "call") return parse_call(line);
    if (keyword == "filter") return parse_filter(line);
    if (keyword == "with") return parse_with(line);
    if (keyword == "generation") return parse_generation(line);
    if (keyword == "break" || keyword == "continue") return parse_jump(keyword, line);
    throw tokens_.unsupported(line, "the block '" + printable(keyword, 40) + "'");
  }

  void end_tag() { tokens_.expect(TokenKind::kBlockEnd, "'%}'"); }

  // {% NAME, when the body has ended with it.
  bool accept_tag(std::string_view name) {
    if (tokens_.peek().kind != TokenKind::kBlockBegin || tokens_.peek(1).text != name) return false;
    tokens_.next();
    tokens_.next();
    return true;
  }

  void end_block(const std::string& opening, int line) {
    if (!accept_tag("end" + opening)) {
      throw tokens_.wrong(line, fmt::format("the block '{}' is not closed by 'end{}'", opening, opening));
    }
    end_tag();
  }

  // The end of the opening tag, the body, and the tag that closes the block.
  void parse_only_body(Node& node, const std::string& opening) {
    end_tag();
    node.branches.push_back({nullptr, parse_body()});
    end_block(opening, node.line);
  }

  Node parse_if(int line) {
    Node node{NodeKind::kIf, line};
    do {
      ExprPtr condition = parse_expression(tokens_);
      end_tag();
      node.branches.push_back({std::move(condition), parse_body()});
    } while (accept_tag("elif"));
    parse_else(node);
    end_block("if", line);
    return node;
  }

  void parse_else(Node& node) {
    if (!accept_tag("else")) return;
    end_tag();
    node.branches.push_back({nullptr, parse_body()});
  }

  Node parse_for(int line) {
    Node node{NodeKind::kFor, line};
    const bool bracket = tokens_.accept_operator("(");
    node.targets = parse_names("the variable of the loop");
    if (bracket) tokens_.expect_operator(")");
    tokens_.expect_name("in");
    node.expression = parse_tuple(tokens_, false);
    if (tokens_.accept_name("if")) node.filter = parse_expression(tokens_);
    if (tokens_.at_name("recursive")) throw tokens_.unsupported(line, "a recursive loop");
    end_tag();
    const size_t begin = tokens_.position();
    ++loops_;
    node.branches.push_back({nullptr, parse_body()});
    --loops_;
    node.uses_loop = tokens_.mentioned_since(begin, "loop");
    parse_else(node);
    end_block("for", line);
    return node;
  }

  std::vector<Target> parse_names(const char* what) {
    std::vector<Target> targets;
    do {
      if (tokens_.at_operator("(")) throw tokens_.unsupported(tokens_.peek().line, "unpacking within unpacking");
      targets.push_back({tokens_.expect_any_name(what)});
    } while (tokens_.accept_operator(","));
    return targets;
  }

  Node parse_set(int line) {
    Node node{NodeKind::kSet, line};
    node.targets = parse_names("the variable to set");
    if (node.targets.size() == 1 && tokens_.accept_operator(".")) {
      node.targets[0].attribute = tokens_.expect_any_name("the name of an attribute");
    }
    if (tokens_.accept_operator("=")) {
      node.expression = parse_tuple(tokens_, true);
      end_tag();
      return node;
    }
    if (node.targets.size() > 1) throw tokens_.unexpected("'='");
    node.kind = NodeKind::kSetBlock;
    node.filter = parse_filters(tokens_, text_of_body(line), false);
    parse_only_body(node, "set");
    return node;
  }

  static ExprPtr text_of_body(int line) { return std::make_unique<Expr>(Expr{ExprKind::kBody, line, {}, {}, {}}); }

  Node parse_filter(int line) {
    Node node{NodeKind::kFilter, line};
    node.filter = parse_filters(tokens_, text_of_body(line), true);
    parse_only_body(node, "filter");
    return node;
  }

  Node parse_with(int line) {
    Node node{NodeKind::kWith, line};
    while (tokens_.peek().kind != TokenKind::kBlockEnd) {
      if (!node.targets.empty()) tokens_.expect_operator(",");
      node.targets.push_back({tokens_.expect_any_name("the name of a variable")});
      tokens_.expect_operator("=");
      node.defaults.push_back(parse_expression(tokens_));
    }
    parse_only_body(node, "with");
    return node;
  }

  Node parse_macro(int line) {
    Node node{NodeKind::kMacro, line, tokens_.expect_any_name("the name of the macro")};
    if (!tokens_.at_operator("(")) throw tokens_.unexpected("'('");
    parse_function(node, "macro");
    return node;
  }

  // {% call macro(…) %}, {% call(a, b) macro(…) %}
  Node parse_call(int line) {
    Node node{NodeKind::kCall, line, "caller"};
    if (tokens_.at_operator("(")) parse_parameters(node);
    node.expression = parse_expression(tokens_);
    if (node.expression->kind != ExprKind::kCall) throw tokens_.wrong(line, "the block 'call' needs a call");
    parse_function(node, "call");
    return node;
  }

  // Parameters, if they are still to come, and body. A loop around it is not one that it could break.
  void parse_function(Node& node, const std::string& opening) {
    if (tokens_.at_operator("(")) parse_parameters(node);
    const size_t begin = tokens_.position();
    const int loops = std::exchange(loops_, 0);
    parse_only_body(node, opening);
    loops_ = loops;
    node.uses_caller = tokens_.mentioned_since(begin, "caller");
    node.uses_varargs = tokens_.mentioned_since(begin, "varargs");
    node.uses_kwargs = tokens_.mentioned_since(begin, "kwargs");
  }

  void parse_parameters(Node& node) {
    tokens_.expect_operator("(");
    while (!tokens_.accept_operator(")")) {
      if (!node.targets.empty()) tokens_.expect_operator(",");
      const int line = tokens_.peek().line;
      node.targets.push_back({tokens_.expect_any_name("the name of a parameter")});
      const bool has_default = tokens_.accept_operator("=");
      if (!has_default && !node.defaults.empty() && node.defaults.back()) {
        throw tokens_.wrong(line, "a parameter without a default after one with a default");
      }
      node.defaults.push_back(has_default ? parse_expression(tokens_) : nullptr);
    }
  }

  Node parse_generation(int line) {
    Node node{NodeKind::kGeneration, line};
    const int loops = std::exchange(loops_, 0);
    parse_only_body(node, "generation");
    loops_ = loops;
    return node;
  }

  Node parse_jump(const std::string& keyword, int line) {
    if (loops_ == 0) throw tokens_.wrong(line, "'" + keyword + "' outside of a loop");
    end_tag();
    return {keyword == "break" ? NodeKind::kBreak : NodeKind::kContinue, line};
  }

  TokenStream tokens_;
  int depth_ = 0;
  int loops_ = 0;  // around this place, within the macro
};

}  // namespace

Body parse(std::vector<Token> tokens, const std::string& where) { return Parser(std::move(tokens), where).run(); }

}  // namespace pent::jinja
