// Decoders as Hugging Face's tokenizers run them (docs/formats.md, tokenizer.json), token by token.
#include "text/token_decoder.h"

#include <array>
#include <charconv>
#include <utility>

#include "text/byte_alphabet.h"
#include "text/json_field.h"
#include "text/regex.h"
#include "text/shared_parts.h"
#include "text/utf8.h"

namespace pent {
namespace {

using Step = TokenDecoder::Step;
constexpr const char* kMetaspace = "\u2581";

void byte_level(std::string& token, TokenPlace place) {
  if (!place.added) token = bytes_of_token(token);
}

// "<0x0A>" -> "\n".
void byte_fallback(std::string& token, TokenPlace) {
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return;
  uint8_t byte = 0;
  const char* end = token.data() + 5;
  if (const auto read = std::from_chars(token.data() + 3, end, byte, 16); read.ec == std::errc() && read.ptr == end)
    token.assign(1, static_cast<char>(byte));
}

Step metaspace(const std::string& mark, bool drop_in_first) {
  return [mark, drop_in_first](std::string& token, TokenPlace place) {
    token = replace_all(token, mark, place.first && drop_in_first ? "" : " ");
  };
}

// The library's clean_up_tokenization: spaces before punctuation and within contractions.
void clean_up(std::string& token) {
  static constexpr std::array<std::pair<const char*, const char*>, 11> kReplacements = {{{" .", "."},
                                                                                         {" ?", "?"},
                                                                                         {" !", "!"},
                                                                                         {" ,", ","},
                                                                                         {" ' ", "'"},
                                                                                         {" n't", "n't"},
                                                                                         {" 'm", "'m"},
                                                                                         {" do not", " don't"},
                                                                                         {" 's", "'s"},
                                                                                         {" 've", "'ve"},
                                                                                         {" 're", "'re"}}};
  for (const auto& [dirty, clean] : kReplacements) token = replace_all(token, dirty, clean);
}

Step word_piece(const std::string& prefix, bool cleanup) {
  return [prefix, cleanup](std::string& token, TokenPlace place) {
    if (!place.first) {
      if (token.starts_with(prefix)) {
        token.erase(0, prefix.size());
      } else {
        token.insert(0, 1, ' ');
      }
    }
    if (cleanup) clean_up(token);
  };
}

// Up to `start` times `content` at the beginning and `stop` times at the end; of the first token alone, or of each.
Step strip(const std::string& content, int64_t start, int64_t stop, bool first_only) {
  return [=](std::string& token, TokenPlace place) {
    if (first_only && !place.first) return;
    for (int64_t i = 0; i < start && token.starts_with(content); ++i) token.erase(0, content.size());
    for (int64_t i = 0; i < stop && token.ends_with(content); ++i) token.erase(token.size() - content.size());
  };
}

bool is_one_character(const std::string& text) {
  return !text.empty() && decode_utf8(text, 0).length == text.size() && is_valid_utf8(text);
}

// Reads the steps one after the other. After Fuse (or ByteLevel, which fuses) the library has one string: what follows
// must then mean the same token by token.
class Reader {
 public:
  TokenDecoder decoder;

  void add(const Json& value, const std::string& where) {
    const JsonPart part = JsonPart::checked(value, where);
    const std::string type = part.type();
    if (type == "Sequence") {
      for (const Json& member : required_array(part, "decoders")) add(member, where + ".decoders");
    } else if (type == "ByteLevel") {
      decoder.steps.push_back(byte_level);
      fused_ = true;
    } else if (type == "ByteFallback") {
      decoder.steps.push_back(byte_fallback);
    } else if (type == "Fuse") {
      fused_ = true;
    } else if (type == "Replace") {
      add_replace(part);
    } else if (type == "Strip") {
      add_strip(part);
    } else if (type == "Metaspace" && !fused_) {
      const MetaspaceOptions options = parse_metaspace(part);
      decoder.steps.push_back(metaspace(options.replacement, options.prepend != MetaspaceOptions::Prepend::kNever));
    } else if (type == "WordPiece" && !fused_) {
      decoder.steps.push_back(
          word_piece(get_string(part.object, "prefix", where).value_or("##"), part.flag("cleanup", true)));
    } else {
      throw error(ErrorKind::kUnsupported, "{}: decoder '{}' is not supported{}", where, printable(type, 60),
                  fused_ ? " after the tokens were joined" : "");
    }
  }

 private:
  void add_replace(const JsonPart& part) {
    Replacement replacement = parse_replacement(part);
    const auto literal = get_string(part.part("pattern").object, "String", part.where);
    if (fused_ && !(literal && is_one_character(*literal))) {
      throw error(ErrorKind::kUnsupported,
                  "{}: Replace after the tokens were joined is supported for a single character only", part.where);
    }
    decoder.steps.push_back([replacement = std::move(replacement)](std::string& token, TokenPlace) {
      if (is_valid_utf8(token)) token = replacement(std::move(token));  // a lone byte has nothing to replace
    });
  }

  void add_strip(const JsonPart& part) {
    const std::string content = get_required_string(part.object, "content", part.where);
    if (!is_one_character(content))
      throw error(ErrorKind::kCorrupt, "{}.content: '{}' is not one character", part.where, printable(content, 60));
    const int64_t start = get_required_int(part.object, "start", part.where);
    const int64_t stop = get_required_int(part.object, "stop", part.where);
    if (start < 0 || stop < 0)
      throw error(ErrorKind::kCorrupt, "{}: start is {}, stop {}; both must be 0 or more", part.where, start, stop);
    if (fused_ && (start > 1 || stop > 0)) {
      throw error(ErrorKind::kUnsupported,
                  "{}: Strip of {} and {} characters of the whole text is not supported, only of 1 and 0", part.where,
                  start, stop);
    }
    decoder.steps.push_back(strip(content, start, stop, fused_));
  }

  bool fused_ = false;
};

}  // namespace

TokenDecoder parse_token_decoder(const Json& value, const std::string& where) {
  if (value.is_null()) {
    return {{[](std::string& token, TokenPlace place) {
      if (!place.first) token.insert(0, 1, ' ');
    }}};
  }
  Reader reader;
  reader.add(value, where);
  return std::move(reader.decoder);
}

TokenDecoder byte_level_decoder() { return {{byte_level}}; }

TokenDecoder metaspace_decoder() { return {{metaspace(kMetaspace, true)}}; }

TokenDecoder sentence_piece_decoder(bool strip_first_space) {
  TokenDecoder decoder{{metaspace(kMetaspace, false), byte_fallback}};
  if (strip_first_space) decoder.steps.push_back(strip(" ", 1, 0, true));
  return decoder;
}

TokenDecoder word_piece_decoder() { return {{word_piece("##", true)}}; }

}  // namespace pent
