// Normalizers as Hugging Face's tokenizers run them (docs/formats.md, tokenizer.json).
#include "text/normalizer.h"

#include <algorithm>

#include "text/byte_alphabet.h"
#include "text/json_field.h"
#include "text/precompiled_charsmap.h"
#include "text/shared_parts.h"
#include "text/unicode.h"
#include "text/utf8.h"

namespace pent {
namespace {

constexpr size_t kMaxGrowth = 32, kAlwaysAllowed = 65536;

bool is_space(char32_t code) { return char_class(code) == CharClass::kSpace; }

// `map` appends what it makes of a character.
template <typename Map>
std::string map_characters(std::string_view text, Map map) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const DecodedChar c = decode_utf8(text, at);
    map(c.code, text.substr(at, c.length), out);
    at += c.length;
  }
  return out;
}

template <typename Test>
std::string drop_characters(std::string_view text, Test drop) {
  return map_characters(text, [&](char32_t code, std::string_view character, std::string& out) {
    if (!drop(code)) out += character;
  });
}

// BERT's list of ideographs (google-research/bert, tokenization.py), with the library's gap at U+2B820.
bool is_chinese(char32_t c) {
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x20000 && c <= 0x2A6DF) ||
         (c >= 0x2A700 && c <= 0x2B73F) || (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

// What SentencePiece's "nmt" rules do before NFKC: controls go, other white space becomes a space.
std::string normalize_nmt(std::string_view text) {
  return map_characters(text, [](char32_t c, std::string_view character, std::string& out) {
    if ((c >= 0x01 && c <= 0x08) || c == 0x0B || (c >= 0x0E && c <= 0x1F) || c == 0x7F || c == 0x8F || c == 0x9F)
      return;
    const bool space = c == 0x09 || c == 0x0A || c == 0x0C || c == 0x0D || c == 0x1680 ||
                       (c >= 0x200B && c <= 0x200F) || c == 0x2028 || c == 0x2029 || c == 0x2581 || c == 0xFEFF ||
                       c == 0xFFFD;
    out += space ? " " : character;
  });
}

std::string clean_bert_text(std::string_view text) {
  return map_characters(text, [](char32_t c, std::string_view character, std::string& out) {
    const bool breaks = c == '\t' || c == '\n' || c == '\r';
    if (c == 0 || c == kReplacementCharacter || (!breaks && is_invisible_control(c))) return;
    out += is_space(c) ? " " : character;
  });
}

BertNormalizerOptions parse_bert(const JsonPart& part) {
  return {.clean_text = part.flag("clean_text", true),
          .handle_chinese_chars = part.flag("handle_chinese_chars", true),
          .strip_accents = get_bool(part.object, "strip_accents", part.where),
          .lowercase = part.flag("lowercase", true)};
}

void add_steps(const Json& value, const std::string& where, Normalizer& normalizer) {
  if (value.is_null()) return;
  const JsonPart part = JsonPart::checked(value, where);
  const std::string type = part.type();
  const auto normal_form = [&](NormalForm form) {
    normalizer.steps.push_back([form](const std::string& text) { return normalize(text, form); });
  };
  if (type == "NFC") {
    normal_form(NormalForm::kNfc);
  } else if (type == "NFD") {
    normal_form(NormalForm::kNfd);
  } else if (type == "NFKC") {
    normal_form(NormalForm::kNfkc);
  } else if (type == "NFKD") {
    normal_form(NormalForm::kNfkd);
  } else if (type == "BertNormalizer") {
    normalizer.steps.push_back(
        [options = parse_bert(part)](std::string text) { return bert_normalize(std::move(text), options); });
  } else if (type == "ByteLevel") {
    normalizer.steps.push_back([](const std::string& text) {
      std::string out;
      append_in_byte_alphabet(text, out);
      return out;
    });
  } else if (type == "Nmt") {
    normalizer.steps.push_back([](const std::string& text) { return normalize_nmt(text); });
  } else if (type == "Precompiled") {
    const std::string base64 = get_required_string(part.object, "precompiled_charsmap", where);
    normalizer.steps.push_back(PrecompiledCharsmap(decode_base64(base64, where), where));
  } else if (type == "Strip") {
    normalizer.steps.push_back([left = part.flag("strip_left", true), right = part.flag("strip_right", true)](
                                   const std::string& text) { return strip_space(text, left, right); });
  } else if (type == "StripAccents") {
    normalizer.steps.push_back([](const std::string& text) { return drop_characters(text, is_mark); });
  } else if (type == "Lowercase") {
    normalizer.steps.push_back([](const std::string& text) { return lowercase(text); });
  } else if (type == "Replace") {
    normalizer.steps.push_back(parse_replacement(part));
  } else if (type == "Prepend") {
    normalizer.openings.push_back(normalizer.steps.size());
    normalizer.steps.push_back([prefix = parse_content(part, "prepend")](const std::string& text) {
      return text.empty() ? text : prefix + text;
    });
  } else if (type == "Sequence") {
    for (const Json& member : required_array(part, "normalizers"))
      add_steps(member, where + ".normalizers", normalizer);
  } else {
    throw error(ErrorKind::kUnsupported, "{}: normalizer '{}' is not supported", where, printable(type, 60));
  }
}

}  // namespace

std::string Normalizer::operator()(std::string text, bool within) const {
  const size_t limit = kMaxGrowth * text.size() + kAlwaysAllowed;
  for (size_t i = 0; i < steps.size(); ++i) {
    if (within && std::find(openings.begin(), openings.end(), i) != openings.end()) continue;
    text = steps[i](std::move(text));
    if (text.size() > limit) {
      throw error(ErrorKind::kResourceExhausted,
                  "the tokenizer's normalizer makes a text more than {} times longer, which none should", kMaxGrowth);
    }
  }
  return text;
}

std::string bert_normalize(std::string text, const BertNormalizerOptions& options) {
  if (options.clean_text) text = clean_bert_text(text);
  if (options.handle_chinese_chars) {
    text = map_characters(text, [](char32_t code, std::string_view character, std::string& out) {
      if (is_chinese(code)) {
        out.append(" ").append(character).append(" ");
      } else {
        out += character;
      }
    });
  }
  if (options.strip_accents.value_or(options.lowercase))
    text = drop_characters(normalize(text, NormalForm::kNfd), is_nonspacing_mark);
  return options.lowercase ? lowercase(text) : text;
}

std::string strip_space(const std::string& text, bool left, bool right) {
  size_t begin = text.size(), end = 0;  // of what is not white space
  for (size_t at = 0; at < text.size();) {
    const DecodedChar c = decode_utf8(text, at);
    if (!is_space(c.code)) {
      begin = std::min(begin, at);
      end = at + c.length;
    }
    at += c.length;
  }
  if (begin > end) return left || right ? std::string() : text;
  if (!left) begin = 0;
  if (!right) end = text.size();
  return text.substr(begin, end - begin);
}

Normalizer parse_normalizer(const Json& value, const std::string& where) {
  Normalizer normalizer;
  add_steps(value, where, normalizer);
  return normalizer;
}

}  // namespace pent
