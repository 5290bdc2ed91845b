// Normalizers of tokenizer.json: what is done to text before it is cut into words.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/json.h"

namespace pent {

// Steps in order; none leaves the text as it is. Thread-safe.
struct Normalizer {
  std::vector<std::function<std::string(std::string)>> steps;

  std::string operator()(std::string text) const {
    for (const auto& step : steps) text = step(std::move(text));
    return text;
  }
};

// NFC, NFD, NFKC, NFKD, Lowercase, Replace, Prepend and Sequence of them; kUnsupported names anything else.
Normalizer parse_normalizer(const Json& value, const std::string& where);

}  // namespace pent
