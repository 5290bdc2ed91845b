// Tokens to trees.
#pragma once

#include <string>
#include <vector>

#include "text/jinja/ast.h"
#include "text/jinja/lexer.h"

namespace pent::jinja {

// Throws kCorrupt where the syntax is wrong, kUnsupported where it is Jinja that we do not run, naming WHERE and the line.
Body parse(std::vector<Token> tokens, const std::string& where);

}  // namespace pent::jinja
