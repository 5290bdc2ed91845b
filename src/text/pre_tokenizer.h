// Pre-tokenizers of tokenizer.json: cut text into the words that BPE works on.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace pent {

// A text and the words in it: in order, not overlapping; what lies between them is dropped.
struct Words {
  struct Span {
    size_t begin, end;
  };
  std::string text;
  std::vector<Span> spans;

  explicit Words(std::string whole) : text(std::move(whole)) {
    if (!text.empty()) spans.push_back({0, text.size()});
  }
  std::string_view operator[](size_t i) const {
    return std::string_view(text).substr(spans[i].begin, spans[i].end - spans[i].begin);
  }
};

using PreTokenizerStep = std::function<void(Words&)>;

// Steps in order, each refining the words of the one before. Thread-safe.
struct PreTokenizer {
  std::vector<PreTokenizerStep> steps;

  Words operator()(std::string text) const {
    Words words(std::move(text));
    for (const auto& step : steps) step(words);
    return words;
  }
};

// ByteLevel, Digits, Split and Sequence of them; kUnsupported names anything else.
PreTokenizer parse_pre_tokenizer(const Json& value, const std::string& where);

// The steps themselves, for GGUF files and the trainer. `pattern` is matched by a hand-written scanner where there is one.
PreTokenizerStep split_step(const std::string& pattern,
                            const std::string& where);  // matches and what lies between them
PreTokenizerStep digits_step(bool individual);
PreTokenizerStep byte_level_step(bool add_prefix_space, bool use_regex);

}  // namespace pent
