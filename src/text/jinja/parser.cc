// Text and blocks: if, for, set. Expressions are in expression_parser.cc.
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
      throw error(ErrorKind::kCorrupt, "{}:{}: '{}' ends no block", tokens_.where(), tokens_.peek(1).line,
                  printable(tokens_.peek(1).text, 40));
    }
    return body;
  }

 private:
  // Ends before the end of the text, or before {% elif|else|end… %}.
  Body parse_body() {
    if (++depth_ > kMaxBlockDepth) {
      throw error(ErrorKind::kCorrupt, "{}:{}: blocks nested deeper than {}", tokens_.where(), tokens_.peek().line,
                  kMaxBlockDepth);
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
      Node node{NodeKind::kPrint, line, {}, parse_expression(tokens_)};
      tokens_.expect(TokenKind::kPrintEnd, "'}}'");
      return node;
    }
    tokens_.expect(TokenKind::kBlockBegin, "a block");
    const std::string keyword = tokens_.expect_any_name("the name of a block");
    if (keyword == "if") return parse_if(line);
    if (keyword == "for") return parse_for(line);
    if (keyword == "set") return parse_set(line);
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

  void end_block(const char* name, const char* opening, int line) {
    if (!accept_tag(name)) {
      throw error(ErrorKind::kCorrupt, "{}:{}: the block '{}' is not closed by '{}'", tokens_.where(), line, opening,
                  name);
    }
    end_tag();
  }

  Node parse_if(int line) {
    Node node{NodeKind::kIf, line, {}};
    do {
      ExprPtr condition = parse_expression(tokens_);
      end_tag();
      node.branches.push_back({std::move(condition), parse_body()});
    } while (accept_tag("elif"));
    if (accept_tag("else")) {
      end_tag();
      node.branches.push_back({nullptr, parse_body()});
    }
    end_block("endif", "if", line);
    return node;
  }

  Node parse_for(int line) {
    Node node{NodeKind::kFor, line, tokens_.expect_any_name("the variable of the loop")};
    if (tokens_.at_operator(",")) throw tokens_.unsupported(line, "a loop with several variables");
    tokens_.expect_name("in");
    node.expression = parse_or_expression(tokens_);
    if (tokens_.accept_name("if")) node.filter = parse_expression(tokens_);
    if (tokens_.at_name("recursive")) throw tokens_.unsupported(line, "a recursive loop");
    end_tag();
    node.branches.push_back({nullptr, parse_body()});
    if (accept_tag("else")) {
      end_tag();
      node.branches.push_back({nullptr, parse_body()});
    }
    end_block("endfor", "for", line);
    return node;
  }

  Node parse_set(int line) {
    Node node{NodeKind::kSet, line, tokens_.expect_any_name("the variable to set")};
    if (tokens_.at_operator(".")) throw tokens_.unsupported(line, "setting an attribute");
    if (tokens_.at_operator(",")) throw tokens_.unsupported(line, "setting several variables");
    if (!tokens_.accept_operator("=")) throw tokens_.unsupported(line, "a set block without '='");
    node.expression = parse_expression(tokens_);
    end_tag();
    return node;
  }

  TokenStream tokens_;
  int depth_ = 0;
};

}  // namespace

Body parse(std::vector<Token> tokens, const std::string& where) { return Parser(std::move(tokens), where).run(); }

}  // namespace pent::jinja
