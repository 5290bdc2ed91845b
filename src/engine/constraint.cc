// From text to an automaton over the model's tokens.
#include "engine/constraint.h"

#include <algorithm>

#include "base/error.h"
#include "text/grammar/gbnf.h"
#include "text/grammar/json_schema.h"
#include "text/grammar/regex_syntax.h"
#include "text/utf8.h"

namespace pent {
namespace {

std::string pattern_of(const std::vector<std::string>& choices) {
  std::string pattern;
  for (const std::string& choice : choices) pattern += (pattern.empty() ? "(" : "|") + escaped_for_regex(choice);
  return pattern + ")";
}

grammar::Expr any_text() {
  return grammar::repeat(grammar::character(grammar::CodeSet::all()), 0, grammar::kUnlimited);
}

// What is asked for is an option, not a file that is damaged.
grammar::Grammar read_schema(const Constraint& constraint) {
  Json schema;
  try {
    schema = parse_json(constraint.text, constraint.what);
  } catch (const Error& problem) {
    throw error(ErrorKind::kInvalidArgument, "{}", problem.what());
  }
  return grammar::parse_json_schema(schema, constraint.what);
}

grammar::Grammar read(const Constraint& constraint) {
  switch (constraint.kind) {
    case Constraint::Kind::kRegex: return grammar::grammar_of(grammar::parse_regex(constraint.text, constraint.what));
    case Constraint::Kind::kJsonSchema: return read_schema(constraint);
    case Constraint::Kind::kGrammar: return grammar::parse_gbnf(constraint.text, constraint.what);
    case Constraint::Kind::kChoice:
      return grammar::grammar_of(grammar::parse_regex(pattern_of(constraint.choices), constraint.what));
    case Constraint::Kind::kAnyText: return grammar::grammar_of(any_text());
  }
  PENT_CHECK(false, "constraint kind {}", static_cast<int>(constraint.kind));
}

// One automaton after the other that finds an included text: the product has a state for what was found and what is begun.
grammar::Automaton automaton_of(const Constraint& constraint) {
  using grammar::Automaton;
  Automaton automaton = Automaton::compile(read(constraint), constraint.what);
  for (const std::string& text : constraint.include) {
    const auto containing = grammar::grammar_of(grammar::sequence({any_text(), grammar::literal(text), any_text()}));
    automaton = Automaton::intersection(automaton, Automaton::compile(containing, constraint.what), constraint.what);
  }
  return automaton;
}

}  // namespace

std::optional<Constraint> constraint_of(const GenerationOptions& options) {
  using Kind = Constraint::Kind;
  for (const std::string& text : options.include)
    if (text.empty() || !is_valid_utf8(text))
      throw error(ErrorKind::kInvalidArgument, "--include is {}; expected a text that the answer has in it",
                  text.empty() ? "empty" : "not UTF-8");
  std::vector<Constraint> given;
  if (options.regex) given.push_back({.kind = Kind::kRegex, .text = *options.regex, .what = "--regex"});
  if (options.json_schema)
    given.push_back({.kind = Kind::kJsonSchema, .text = *options.json_schema, .what = "--json-schema"});
  if (options.grammar) given.push_back({.kind = Kind::kGrammar, .text = *options.grammar, .what = "--grammar"});
  if (given.empty()) {
    if (options.include.empty()) return std::nullopt;
    given.push_back({.kind = Kind::kAnyText, .what = "--include"});
  } else if (!options.include.empty()) {
    given[0].what += " with --include";
  }
  given[0].include = options.include;
  if (given.size() > 1)
    throw error(ErrorKind::kInvalidArgument, "{} and {} were both given; keep one", given[0].what, given[1].what);
  if (!options.stop.empty())
    throw error(ErrorKind::kInvalidArgument, "--stop could cut a text that {} asks for; leave it out", given[0].what);
  return given[0];
}

std::shared_ptr<const TokenAutomaton> ConstraintCompiler::compile(const Constraint& constraint,
                                                                  const Tokenizer& tokenizer, const ModelSpec& spec,
                                                                  bool may_end, bool opens) {
  if (last_made_ && last_ == constraint && last_may_end_ == may_end && last_opens_ == opens) return last_made_;
  if (!trie_) read_vocabulary(tokenizer, spec);
  last_made_ = std::make_shared<const TokenAutomaton>(automaton_of(constraint), trie_, spec.vocab_size,
                                                      may_end ? spec.stop_ids : std::vector<int32_t>(), constraint.what,
                                                      opens ? opening_ : nullptr);
  last_ = constraint;
  last_may_end_ = may_end;
  last_opens_ = opens;
  return last_made_;
}

void ConstraintCompiler::read_vocabulary(const Tokenizer& tokenizer, const ModelSpec& spec) {
  std::vector<std::string> opening;
  std::vector<std::string_view> within, at_start;
  for (TokenId token = 0; token < tokenizer.size(); ++token) {
    const bool text = is_text_token(token, tokenizer, spec);
    within.push_back(text ? tokenizer.token_bytes(token) : std::string_view());
    opening.push_back(text ? tokenizer.opening_bytes(token) : std::string());
  }
  at_start.assign(opening.begin(), opening.end());
  trie_ = std::make_shared<const TokenTrie>(within);
  if (at_start != within) opening_ = std::make_shared<const TokenTrie>(at_start);
}

std::string escaped_for_regex(std::string_view text) {
  std::string pattern;
  for (const char c : text) {
    if (std::string_view("\\.[]{}()*+?^$|-").find(c) != std::string_view::npos) pattern += '\\';
    pattern += c;
  }
  return pattern;
}

bool is_text_token(TokenId token, const Tokenizer& tokenizer, const ModelSpec& spec) {
  return token != spec.mask_id && token != spec.expand_id && !tokenizer.is_special(token) &&
         std::find(spec.stop_ids.begin(), spec.stop_ids.end(), token) == spec.stop_ids.end();
}

std::string bytes_of(const Tokenizer& tokenizer, const std::vector<TokenId>& tokens) {
  std::string bytes;
  bool opens = true;
  for (const TokenId token : tokens) {
    if (tokenizer.is_special(token)) continue;
    bytes += opens ? tokenizer.opening_bytes(token) : std::string(tokenizer.token_bytes(token));
    opens = false;
  }
  return bytes;
}

}  // namespace pent
