// What a request says its text must be, made ready for a model's vocabulary.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/spec.h"
#include "sample/constraint/token_automaton.h"
#include "sample/options.h"
#include "text/tokenizer.h"

namespace pent {

// A language and its name in errors.
struct Constraint {
  enum class Kind { kRegex, kJsonSchema, kGrammar, kChoice, kAnyText };
  Kind kind = Kind::kRegex;
  std::string text;
  std::vector<std::string> choices;  // kChoice: one of these texts
  std::string what;                  // "--regex"
  std::vector<std::string> include;  // texts that stand in it, anywhere and in any order; they may overlap

  bool operator==(const Constraint&) const = default;
};

// What the options say of the text: one language, texts that it includes, or both. Nothing where they say nothing. Throws kInvalidArgument
// when there are two languages, or one together with stop strings, which could cut the text, and for an included text that is none.
std::optional<Constraint> constraint_of(const GenerationOptions& options);

// Keeps what was made last: a request's answers, or requests one after the other, often ask for the same.
class ConstraintCompiler {
 public:
  // Only tokens that are text, and at the end (`may_end`) the model's stop tokens. `opens`: no text stands before it. Throws what reading, compiling and spelling the
  // language throw.
  std::shared_ptr<const TokenAutomaton> compile(const Constraint& constraint, const Tokenizer& tokenizer,
                                                const ModelSpec& spec, bool may_end, bool opens);

 private:
  void read_vocabulary(const Tokenizer& tokenizer, const ModelSpec& spec);

  std::shared_ptr<const TokenTrie> trie_,
      opening_;  // of the text tokens; opening_: null where they open a text no differently
  Constraint last_;
  bool last_may_end_ = false, last_opens_ = false;
  std::shared_ptr<const TokenAutomaton> last_made_;
};

// A pattern that matches this text alone; also what stands for its characters in a class.
std::string escaped_for_regex(std::string_view text);

// Tokens that are text: not special, not the mask, not an end.
bool is_text_token(TokenId token, const Tokenizer& tokenizer, const ModelSpec& spec);

// The bytes of tokens with no text before them, special ones left out: unlike decode() it changes nothing, so what a language
// accepted stays as it was.
std::string bytes_of(const Tokenizer& tokenizer, const std::vector<TokenId>& tokens);

}  // namespace pent
