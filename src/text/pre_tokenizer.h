// Pre-tokenizers of tokenizer.json: cut text into the words that a model turns into tokens.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "text/shared_parts.h"

namespace pent {

// A text and the words in it: in order, not overlapping; what lies between them is dropped.
struct Words {
  struct Span {
    size_t begin, end;
  };
  std::string text;
  std::vector<Span> spans;
  bool at_start;  // the text begins where the whole input does
  bool within;    // it goes on where other text ends

  explicit Words(std::string whole, bool at_start, bool within = false)
      : text(std::move(whole)), at_start(at_start), within(within) {
    if (!text.empty()) spans.push_back({0, text.size()});
  }
  // Whether the first word begins where the whole input does.
  bool first_word_at_start() const { return at_start && !spans.empty() && spans.front().begin == 0; }
  // Whether the first word goes on where other text ends.
  bool first_word_within() const { return within && !spans.empty() && spans.front().begin == 0; }
  std::string_view operator[](size_t i) const {
    return std::string_view(text).substr(spans[i].begin, spans[i].end - spans[i].begin);
  }
};

using PreTokenizerStep = std::function<void(Words&)>;

// Steps in order, each refining the words of the one before. Thread-safe.
struct PreTokenizer {
  std::vector<PreTokenizerStep> steps;

  Words operator()(std::string text, bool at_start, bool within = false) const {
    Words words(std::move(text), at_start, within);
    for (const auto& step : steps) step(words);
    return words;
  }
};

// BertPreTokenizer, ByteLevel, CharDelimiterSplit, Digits, Metaspace, Punctuation, Split, Whitespace, WhitespaceSplit and
// Sequence of them; kUnsupported names anything else.
PreTokenizer parse_pre_tokenizer(const Json& value, const std::string& where);

// The steps themselves, for GGUF files and the trainer. `pattern` is matched by a hand-written scanner where there is one.
PreTokenizerStep split_step(const std::string& pattern,
                            const std::string& where);  // matches and what lies between them
PreTokenizerStep digits_step(bool individual);
PreTokenizerStep byte_level_step(bool add_prefix_space, bool use_regex);
PreTokenizerStep metaspace_step(const MetaspaceOptions& options);
void add_bert_steps(PreTokenizer& pre_tokenizer);  // words between white space, punctuation on its own

}  // namespace pent
