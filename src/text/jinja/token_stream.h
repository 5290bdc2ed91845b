// The parser's view of the tokens: look, accept, expect, and errors with the line.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "text/jinja/lexer.h"

namespace pent::jinja {

class TokenStream {
 public:
  TokenStream(std::vector<Token> tokens, const std::string& where) : tokens_(std::move(tokens)), where_(where) {}

  const Token& peek(size_t ahead = 0) const { return tokens_[std::min(at_ + ahead, tokens_.size() - 1)]; }
  const Token& next() { return at_ + 1 < tokens_.size() ? tokens_[at_++] : tokens_[at_]; }
  size_t position() const { return at_; }
  // Whether the name occurs among the tokens read since `position`.
  bool mentioned_since(size_t position, std::string_view name) const {
    return std::any_of(tokens_.begin() + static_cast<std::ptrdiff_t>(position),
                       tokens_.begin() + static_cast<std::ptrdiff_t>(at_),
                       [&](const Token& token) { return token.kind == TokenKind::kName && token.text == name; });
  }

  bool at(TokenKind kind, std::string_view text) const { return peek().kind == kind && peek().text == text; }
  bool at_operator(std::string_view text) const { return at(TokenKind::kOperator, text); }
  bool at_name(std::string_view text) const { return at(TokenKind::kName, text); }
  bool accept_operator(std::string_view text) { return at_operator(text) && (next(), true); }
  bool accept_name(std::string_view text) { return at_name(text) && (next(), true); }
  bool accept(TokenKind kind) { return peek().kind == kind && (next(), true); }

  void expect_operator(std::string_view text) {
    if (!accept_operator(text)) throw unexpected(fmt::format("'{}'", text));
  }
  void expect_name(std::string_view text) {
    if (!accept_name(text)) throw unexpected(fmt::format("'{}'", text));
  }
  void expect(TokenKind kind, const char* what) {
    if (!accept(kind)) throw unexpected(what);
  }
  std::string expect_any_name(const char* what) {
    if (peek().kind != TokenKind::kName) throw unexpected(what);
    return next().text;
  }

  Error unexpected(const std::string& expected) const {
    const Token& token = peek();
    const bool end_of_tag = token.kind == TokenKind::kPrintEnd || token.kind == TokenKind::kBlockEnd;
    const std::string found = token.kind == TokenKind::kEnd ? "the end"
                              : end_of_tag                  ? "the end of the tag"
                                                            : fmt::format("'{}'", printable(token.text, 40));
    return error(ErrorKind::kCorrupt, "{}:{}: expected {}, found {}", where_, token.line, expected, found);
  }
  Error wrong(int line, const std::string& message) const {
    return error(ErrorKind::kCorrupt, "{}:{}: {}", where_, line, message);
  }
  Error unsupported(int line, const std::string& what) const {
    return error(ErrorKind::kUnsupported, "{}:{}: {} is not supported in chat templates yet", where_, line, what);
  }
  const std::string& where() const { return where_; }

 private:
  std::vector<Token> tokens_;
  const std::string& where_;
  size_t at_ = 0;
};

}  // namespace pent::jinja
