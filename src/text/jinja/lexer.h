// Template text to tokens, with Jinja's rules for the white space around tags.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pent::jinja {

enum class TokenKind {
  kText,
  kPrintBegin,
  kPrintEnd,
  kBlockBegin,
  kBlockEnd,
  kName,
  kString,
  kInteger,
  kFloat,
  kOperator,
  kEnd
};

struct Token {
  TokenKind kind;
  std::string text;  // of a string: its value
  int line;
};

// trim_blocks and lstrip_blocks are on, as in Hugging Face's environment. The last token is kEnd.
// Throws kCorrupt and kUnsupported naming WHERE and the line.
std::vector<Token> tokenize(std::string_view source, const std::string& where);

}  // namespace pent::jinja
