// Decoders of tokenizer.json: what a token stands for in text.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace pent {

// Where a token stands and what it is, as far as its text depends on that.
struct TokenPlace {
  bool first = false;  // nothing is decoded before it
  bool added = false;  // an added token: its text is no spelling of bytes
};

// The library's decoders transform lists of strings; all that published tokenizers use comes down to steps on single tokens
// and a rule for the first of a text. So text can be streamed, and the bytes of a single token are known. Thread-safe.
struct TokenDecoder {
  using Step = std::function<void(std::string& token, TokenPlace place)>;
  std::vector<Step> steps;

  std::string operator()(std::string_view token, TokenPlace place) const {
    std::string bytes(token);
    for (const Step& step : steps) step(bytes, place);
    return bytes;
  }
};

// ByteLevel, ByteFallback, Fuse, Metaspace, Replace, Strip, WordPiece and Sequence of them; null: a space between tokens.
// kUnsupported names anything else, and what would depend on more than the first token.
TokenDecoder parse_token_decoder(const Json& value, const std::string& where);

// The decoders themselves, for files that name none.
TokenDecoder byte_level_decoder();
TokenDecoder metaspace_decoder();                             // U+2581 is a space, left out of the first token
TokenDecoder sentence_piece_decoder(bool strip_first_space);  // U+2581 is a space, <0xXX> a byte
TokenDecoder word_piece_decoder();

}  // namespace pent
