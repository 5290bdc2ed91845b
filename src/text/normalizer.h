// Normalizers of tokenizer.json: what is done to text before it is cut into words.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"

namespace pent {

// Steps in order; none leaves the text as it is. Thread-safe.
struct Normalizer {
  std::vector<std::function<std::string(std::string)>> steps;
  std::vector<size_t> openings;  // which of them only put something before a text

  // `text` is valid UTF-8, and so is the result. `within`: it stands behind other text, so there are no openings.
  // kResourceExhausted where the steps make it many times longer.
  std::string operator()(std::string text, bool within = false) const;
};

// BertNormalizer, ByteLevel, Lowercase, NFC, NFD, NFKC, NFKD, Nmt, Precompiled, Prepend, Replace, Strip, StripAccents and
// Sequence of them; kUnsupported names anything else.
Normalizer parse_normalizer(const Json& value, const std::string& where);

// The steps themselves, for files that do not spell them out.
struct BertNormalizerOptions {
  bool clean_text = true;             // control characters go, white space becomes spaces
  bool handle_chinese_chars = true;   // spaces around CJK ideographs
  std::optional<bool> strip_accents;  // as `lowercase` where it is not said
  bool lowercase = true;
};
std::string bert_normalize(std::string text, const BertNormalizerOptions& options);
std::string strip_space(const std::string& text, bool left, bool right);

}  // namespace pent
