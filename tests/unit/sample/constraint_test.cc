// Constraints: what a cell may get is exactly what can be completed, and whatever decodes, a text of the language comes out.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "sample/constraint/cell_filter.h"
#include "sample/decode.h"
#include "support/expect_error.h"
#include "support/fake_denoiser.h"
#include "text/grammar/gbnf.h"
#include "text/grammar/json_schema.h"
#include "text/grammar/regex_syntax.h"

namespace pent {
namespace {

// Token 0 ends; 15, the mask, and 14 have no bytes.
const std::vector<std::string> kTokens = {"",  "a", "b",  "c", "ab", "ba", "abc", "cc",
                                          "(", ")", "()", "1", "11", "a)", "",    ""};
constexpr int kVocabulary = 16;

grammar::Automaton compile_regex(const std::string& pattern) {
  return grammar::Automaton::compile(grammar::grammar_of(grammar::parse_regex(pattern, "--regex")), "--regex");
}

std::shared_ptr<const TokenAutomaton> over_tokens(grammar::Automaton automaton, bool may_end) {
  const std::vector<std::string_view> bytes(kTokens.begin(), kTokens.end());
  return std::make_shared<const TokenAutomaton>(std::move(automaton), std::make_shared<const TokenTrie>(bytes),
                                                kVocabulary, may_end ? std::vector<int32_t>{0} : std::vector<int32_t>{},
                                                "--regex");
}

grammar::Automaton any_language() {
  const int which = *rc::gen::inRange(0, 9);
  if (which == 7)
    return grammar::Automaton::compile(grammar::parse_gbnf("root ::= \"(\" root \")\" root | \"a\"?", "--grammar"),
                                       "--grammar");
  if (which == 8)
    return grammar::Automaton::compile(
        grammar::parse_gbnf("root ::= term (\"b\" term)*\nterm ::= \"a\" | \"1\"+ | \"(\" root \")\"", "--grammar"),
        "--grammar");
  const char* const kPatterns[] = {"(ab|c)*",   "a{2,5}(b|c)+",     "abcab", ".*c.*", "(\\(\\))*a?|1{3}",
                                   "[^c]{3,6}", "(a|b)*a(a|b)(a|b)"};
  return compile_regex(kPatterns[which]);
}

// Whether the tokens are a text and, where they may, end tokens to the end.
bool is_text(const grammar::Automaton& language, const std::vector<int32_t>& tokens, bool may_end) {
  std::string text;
  size_t i = 0;
  for (; i < tokens.size() && tokens[i] != 0; ++i) {
    if (kTokens[static_cast<size_t>(tokens[i])].empty()) return false;
    text += kTokens[static_cast<size_t>(tokens[i])];
  }
  for (; i < tokens.size(); ++i)
    if (!may_end || tokens[i] != 0) return false;
  return language.matches(text);
}

// By trying everything that begins like a text.
bool is_completable(const grammar::Automaton& language, const std::vector<int32_t>& tokens, bool may_end,
                    size_t from = 0, int32_t state = 0, bool ended = false) {
  if (from == tokens.size()) return ended || language.accepts(state);
  for (int32_t token = 0; token < kVocabulary; ++token) {
    if (tokens[from] >= 0 && tokens[from] != token) continue;
    int32_t next = state;
    if (token == 0) {
      if (!may_end || (!ended && !language.accepts(state))) continue;
    } else {
      if (ended || kTokens[static_cast<size_t>(token)].empty()) continue;
      for (const char byte : kTokens[static_cast<size_t>(token)])
        if (next >= 0) next = language.next(next, static_cast<uint8_t>(byte));
      if (next < 0) continue;
    }
    if (is_completable(language, tokens, may_end, from + 1, next, ended || token == 0)) return true;
  }
  return false;
}

Canvas canvas_of(const std::vector<int32_t>& tokens) {
  Canvas canvas(15);
  for (const int32_t token : tokens) {
    if (token < 0)
      canvas.append_masked(1);
    else
      canvas.append_fixed(std::vector<int32_t>{token});
  }
  return canvas;
}

template <typename Property>
void check(Property property) {
  EXPECT_TRUE(rc::check(property));
}

// with gaps up to four, against enumeration.
TEST(CellFilterProperty, A10_AllowsExactlyWhatCanBeCompleted) {
  check([] {
    const grammar::Automaton language = any_language();
    const bool may_end = *rc::gen::arbitrary<bool>();
    std::vector<int32_t> tokens;
    int gaps = 0;
    for (int cells = *rc::gen::inRange(1, 7); cells > 0; --cells) {
      const bool gap = gaps < 4 && *rc::gen::inRange(0, 6) > 0;
      gaps += gap;
      tokens.push_back(gap ? -1 : *rc::gen::inRange(0, 14));
    }
    const auto count = static_cast<int32_t>(tokens.size());
    std::unique_ptr<CellFilter> filter;
    try {
      const CellRule rule{.begin = 0, .end = count, .language = over_tokens(language, may_end)};
      filter = std::make_unique<CellFilter>(std::vector<CellRule>{rule}, canvas_of(tokens));
    } catch (const Error& refused) {
      if (std::string_view(refused.what()).find("vocabulary cannot spell") == std::string_view::npos)
        RC_ASSERT(!is_completable(language, tokens, may_end));
      return;
    }
    RC_ASSERT(is_completable(language, tokens, may_end));
    // Decides what is open, some cells again, and looks at every cell on the way.
    for (int turn = 0; turn < 6; ++turn) {
      for (int32_t cell = 0; cell < count; ++cell) {
        const int32_t before = tokens[static_cast<size_t>(cell)];
        const auto allowed = filter->allowed(cell);
        for (int32_t token = 0; token < kVocabulary; ++token) {
          tokens[static_cast<size_t>(cell)] = token;
          RC_ASSERT(is_completable(language, tokens, may_end) == contains(*allowed, token));
          RC_ASSERT(filter->fits(cell, token) == contains(*allowed, token));
        }
        tokens[static_cast<size_t>(cell)] = before;
      }
      const int32_t cell = *rc::gen::inRange(0, count);
      int32_t& held = tokens[static_cast<size_t>(cell)];
      if (held >= 0) {
        if (gaps == 4) continue;
        filter->reopen(cell);
        held = -1;
        ++gaps;
      } else {
        const auto allowed = filter->allowed(cell);
        int32_t token = *rc::gen::inRange(0, kVocabulary);
        while (!contains(*allowed, token)) token = (token + 1) % kVocabulary;
        filter->decide(cell, token);
        held = token;
        --gaps;
      }
    }
  });
}

struct Case {
  grammar::Automaton language = compile_regex("a");
  bool may_end = true;
  Canvas canvas{15};
  int32_t begin = 0;
  SamplingParams params;
};

// A canvas with some text before, fixed cells that fit within, and any decoder.
Case any_case() {
  Case made{.language = any_language(), .may_end = *rc::gen::inRange(0, 4) > 0};
  made.begin = *rc::gen::inRange(0, 4);
  const int32_t cells = *rc::gen::inRange(3, 24);
  const auto automaton = over_tokens(made.language, made.may_end);
  std::vector<int32_t> tokens(static_cast<size_t>(cells), -1);
  CellFilter filter({{0, cells, automaton}}, canvas_of(tokens));
  for (int fixed = *rc::gen::inRange(0, 4); fixed > 0; --fixed) {
    const int32_t cell = *rc::gen::inRange(0, cells);
    if (tokens[static_cast<size_t>(cell)] >= 0) continue;
    int32_t token = *rc::gen::inRange(0, kVocabulary);
    while (!filter.fits(cell, token)) token = (token + 1) % kVocabulary;
    filter.decide(cell, token);
    tokens[static_cast<size_t>(cell)] = token;
  }
  for (int32_t i = 0; i < made.begin; ++i) made.canvas.append_fixed(std::vector<int32_t>{5});
  for (const int32_t token : tokens) {
    if (token < 0)
      made.canvas.append_masked(1);
    else
      made.canvas.append_fixed(std::vector<int32_t>{token});
  }
  const int masked = made.canvas.masked_count(0, made.canvas.size());
  GenerationOptions options{.seed = *rc::gen::inRange<uint64_t>(0, 1000)};
  options.max_tokens = std::max(masked, 1);
  options.temperature = *rc::gen::element(0.0, 0.7, 1.5);
  options.top_p = *rc::gen::element(1.0, 0.5);
  options.preset =
      *rc::gen::element<std::string>("llada", "fast-dllm", "dream", "eb", "llada2", "llada2.1", "mdlm", "remdm", "p2");
  made.params = resolve(options, fake_diffusion_spec());
  made.params.cell_rules = {{made.begin, made.begin + cells, automaton}};
  return made;
}

// A-8, of regular expressions and grammars; schemas: schema_property_test.cc.
TEST(ConstraintProperty, A08_WhateverDecodesItIsATextOfTheLanguage) {
  check([] {
    Case made;
    try {
      made = any_case();
    } catch (const Error&) {
      return;  // too short, or not to be spelled
    }
    FakeDenoiser model(fake_diffusion_spec(), scrambled_logits(kVocabulary));
    std::vector<std::unique_ptr<Sampler>> samplers;
    // Without stop tokens every cell is decided, behind the end too.
    samplers.push_back(make_diffusion_sampler(made.canvas, made.params, {}));
    const auto outcome = decode(model, samplers, made.params, {.banned = unwritable_tokens(model.spec(), 15)})[0];
    RC_ASSERT(outcome.finish_reason == "length");
    const Canvas& canvas = samplers[0]->canvas();
    std::vector<int32_t> tokens;
    for (int32_t cell = 0; cell < canvas.size(); ++cell) {
      RC_ASSERT(canvas[cell].state != CellState::kMasked);
      if (made.canvas[cell].state == CellState::kFixed)
        RC_ASSERT(canvas[cell].token == made.canvas[cell].token);
      if (cell >= made.begin) tokens.push_back(canvas[cell].token);
    }
    RC_ASSERT(is_text(made.language, tokens, made.may_end));
  });
}

TEST(ConstraintProperty, SoDoesAutoregressiveDecoding) {
  check([] {
    const grammar::Automaton language = any_language();
    const int budget = *rc::gen::inRange(3, 24);
    SamplingParams params = resolve({.max_tokens = budget, .temperature = *rc::gen::element(0.0, 1.0)}, fake_ar_spec());
    params.cell_rules = {{2, 2 + budget, over_tokens(language, /*may_end=*/true)}};
    FakeDenoiser model(fake_ar_spec(), scrambled_logits(kVocabulary));
    std::vector<std::unique_ptr<Sampler>> samplers;
    try {
      samplers.push_back(make_ar_sampler({1, 5}, params, {0}));
    } catch (const Error&) {
      return;
    }
    decode(model, samplers, params, {.banned = {14, 15}});
    RC_ASSERT(is_text(language, samplers[0]->completion(), /*may_end=*/true));
  });
}

TEST(Constraint, TheModelsWishesAreKeptWhereTheyFit) {
  // It wants "c" everywhere, "b" second; (ab|c)* lets it have "c".
  FakeDenoiser model(fake_diffusion_spec(), [](const std::vector<int32_t>&, int32_t) {
    std::vector<float> logits(kVocabulary);
    logits[3] = 5, logits[2] = 3;
    return logits;
  });
  SamplingParams params = resolve({.max_tokens = 4, .steps = 1}, fake_diffusion_spec());
  const auto written = [&](const std::string& pattern) {
    params.cell_rules = {{0, 4, over_tokens(compile_regex(pattern), true)}};
    std::vector<std::unique_ptr<Sampler>> samplers;
    Canvas canvas(15);
    canvas.append_masked(4);
    samplers.push_back(make_diffusion_sampler(canvas, params, {}));
    EXPECT_EQ(decode(model, samplers, params, {.banned = {14, 15}})[0].nfe, 1);
    return samplers[0]->canvas().tokens();
  };
  EXPECT_EQ(written("(ab|c)*"), (std::vector<int32_t>{3, 3, 3, 3}));
  // All four in one forward, jointly: the first "c" decided leaves the others their next best.
  EXPECT_EQ(written("b*cb*"), (std::vector<int32_t>{3, 2, 2, 2}));
}

TEST(Constraint, RefusesBeforeAnyForward) {
  const auto refuse = [](const std::string& pattern, const std::vector<int32_t>& tokens, const std::string& why) {
    const CellRule rule{
        .begin = 0, .end = static_cast<int32_t>(tokens.size()), .language = over_tokens(compile_regex(pattern), true)};
    EXPECT_ERROR(CellFilter({rule}, canvas_of(tokens)), kInvalidArgument, why);
  };
  refuse("a{20}", std::vector<int32_t>(5, -1),
         "--regex: the shortest text that matches it has 20 tokens, and there is room for 5");
  refuse("(ab)+", {3, -1, -1}, "the text around them contradicts it");
  EXPECT_ERROR(over_tokens(compile_regex("xyz"), true), kInvalidArgument,
               "the model's vocabulary cannot spell any text that matches it");
  const CellRule exact{.begin = 0, .end = 2, .language = over_tokens(compile_regex("a|abcabcabc"), false)};
  EXPECT_ERROR(CellFilter({exact}, canvas_of({-1, -1})), kInvalidArgument, "no text of exactly 2 tokens matches it");
}

TEST(TokenAutomaton, KnowsShortestAndEnd) {
  const auto made = over_tokens(compile_regex("(abc){2}b"), true);
  EXPECT_EQ(made->shortest(), 3);
  int32_t state = made->start();
  for (const int32_t token : {6, 6, 2}) {
    EXPECT_EQ(made->next(state, 0), -1);
    state = made->next(state, token);
    ASSERT_GE(state, 0);
  }
  EXPECT_TRUE(made->accepts(state));
  const int32_t end = made->next(state, 0);
  ASSERT_GE(end, 0);
  EXPECT_EQ(made->next(end, 0), end);
  EXPECT_EQ(made->next(end, 1), -1);
  EXPECT_EQ(made->next(state, 14), -1);
}

}  // namespace
}  // namespace pent
