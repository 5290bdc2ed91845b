// Pre-tokenizers as Hugging Face's tokenizers run them (docs/formats.md, tokenizer.json).
#include "text/pre_tokenizer.h"

#include <algorithm>

#include "text/byte_alphabet.h"
#include "text/json_field.h"
#include "text/regex.h"
#include "text/scanners.h"
#include "text/unicode.h"
#include "text/utf8.h"

namespace pent {
namespace {

// A word cut into consecutive pieces that do or do not match the pattern; together they cover it.
struct Piece {
  size_t begin, end;
  bool matched;
};
using Finder = std::function<void(std::string_view word, std::vector<Piece>& pieces)>;

Finder make_finder(const std::string& pattern, const std::string& where) {
  if (const WordScanner scan = find_scanner(pattern)) {
    return [scan](std::string_view word, std::vector<Piece>& pieces) {
      for (size_t at = 0; at < word.size();) {
        const size_t end = scan(word, at);
        pieces.push_back({at, end, true});
        at = end;
      }
    };
  }
  return [regex = Regex(pattern, where)](std::string_view word, std::vector<Piece>& pieces) {
    size_t at = 0;
    regex.find_all(word, [&](size_t begin, size_t end) {
      if (begin > at) pieces.push_back({at, begin, false});
      pieces.push_back({begin, end, true});
      at = end;
    });
    if (at < word.size()) pieces.push_back({at, word.size(), false});
  };
}

Finder literal_finder(const std::string& literal) {
  return [literal](std::string_view word, std::vector<Piece>& pieces) {
    size_t at = 0;
    for (size_t hit; (hit = word.find(literal, at)) != std::string_view::npos; at = hit + literal.size()) {
      if (hit > at) pieces.push_back({at, hit, false});
      pieces.push_back({hit, hit + literal.size(), true});
    }
    if (at < word.size()) pieces.push_back({at, word.size(), false});
  };
}

using Arrange = void (*)(std::vector<Piece>& pieces);

void keep_all(std::vector<Piece>&) {}

void drop_matches(std::vector<Piece>& pieces) {
  std::erase_if(pieces, [](const Piece& p) { return p.matched; });
}

void join_runs(std::vector<Piece>& pieces) {
  std::vector<Piece> joined;
  for (const Piece& piece : pieces) {
    if (!joined.empty() && joined.back().matched == piece.matched) {
      joined.back().end = piece.end;
    } else {
      joined.push_back(piece);
    }
  }
  pieces = std::move(joined);
}

// A match joins the piece before it, unless that was a match itself.
void join_to_previous(std::vector<Piece>& pieces) {
  std::vector<Piece> joined;
  bool after_match = false;
  for (const Piece& piece : pieces) {
    if (piece.matched && !after_match && !joined.empty()) {
      joined.back().end = piece.end;
    } else {
      joined.push_back(piece);
    }
    after_match = piece.matched;
  }
  pieces = std::move(joined);
}

void join_to_next(std::vector<Piece>& pieces) {
  std::vector<Piece> joined;
  bool before_match = false;
  for (auto piece = pieces.rbegin(); piece != pieces.rend(); ++piece) {
    if (piece->matched && !before_match && !joined.empty()) {
      joined.back().begin = piece->begin;
    } else {
      joined.push_back(*piece);
    }
    before_match = piece->matched;
  }
  std::reverse(joined.begin(), joined.end());
  pieces = std::move(joined);
}

PreTokenizerStep refine(Finder find, Arrange arrange, bool invert) {
  return [find = std::move(find), arrange, invert](Words& words) {
    std::vector<Words::Span> spans;
    std::vector<Piece> pieces;
    for (size_t i = 0; i < words.spans.size(); ++i) {
      pieces.clear();
      find(words[i], pieces);
      if (invert) {
        for (Piece& piece : pieces) piece.matched = !piece.matched;
      }
      arrange(pieces);
      const size_t origin = words.spans[i].begin;
      for (const Piece& piece : pieces) spans.push_back({origin + piece.begin, origin + piece.end});
    }
    words.spans = std::move(spans);
  };
}

// Each character on its own, matched or not.
using CharTest = bool (*)(char32_t);
Finder char_finder(CharTest matches) {
  return [matches](std::string_view word, std::vector<Piece>& pieces) {
    for (size_t at = 0; at < word.size();) {
      const DecodedChar c = decode_utf8(word, at);
      const bool matched = matches(c.code);
      if (matched || pieces.empty() || pieces.back().matched) {
        pieces.push_back({at, at + c.length, matched});
      } else {
        pieces.back().end += c.length;
      }
      at += c.length;
    }
  };
}

bool is_space(char32_t code) { return char_class(code) == CharClass::kSpace; }
bool is_digit(char32_t code) { return char_class(code) == CharClass::kNumber; }

// \w+|[^\w\s]+, the rest dropped.
void find_words(std::string_view word, std::vector<Piece>& pieces) {
  enum Kind { kSpace, kWord, kOther };
  Kind before = kSpace;
  for (size_t at = 0; at < word.size();) {
    const DecodedChar c = decode_utf8(word, at);
    const Kind kind = is_word_char(c.code) ? kWord : is_space(c.code) ? kSpace : kOther;
    if (!pieces.empty() && kind == before) {
      pieces.back().end += c.length;
    } else {
      pieces.push_back({at, at + c.length, kind == kSpace});
    }
    before = kind;
    at += c.length;
  }
}

Arrange parse_behavior(const std::string& behavior, const std::string& where) {
  if (behavior == "Isolated") return keep_all;
  if (behavior == "Removed") return drop_matches;
  if (behavior == "Contiguous") return join_runs;
  if (behavior == "MergedWithPrevious") return join_to_previous;
  if (behavior == "MergedWithNext") return join_to_next;
  throw error(ErrorKind::kCorrupt, "{}.behavior: '{}' is not a way to split", where, printable(behavior, 60));
}

PreTokenizerStep parse_split(const JsonPart& part) {
  const JsonPart pattern = part.part("pattern");
  const auto literal = get_string(pattern.object, "String", pattern.where);
  if (literal && literal->empty()) throw error(ErrorKind::kCorrupt, "{}.String: must not be empty", pattern.where);
  Finder find = literal ? literal_finder(*literal)
                        : make_finder(get_required_string(pattern.object, "Regex", pattern.where), pattern.where);
  const Arrange arrange = parse_behavior(get_required_string(part.object, "behavior", part.where), part.where);
  return refine(std::move(find), arrange, part.flag("invert", false));
}

void add_steps(const Json& value, const std::string& where, PreTokenizer& pre_tokenizer) {
  if (value.is_null()) return;
  const JsonPart part = JsonPart::checked(value, where);
  const std::string type = part.type();
  auto& steps = pre_tokenizer.steps;
  if (type == "ByteLevel") {
    steps.push_back(byte_level_step(part.flag("add_prefix_space", true), part.flag("use_regex", true)));
  } else if (type == "Metaspace") {
    steps.push_back(metaspace_step(parse_metaspace(part)));
  } else if (type == "BertPreTokenizer") {
    add_bert_steps(pre_tokenizer);
  } else if (type == "Digits") {
    steps.push_back(digits_step(part.flag("individual_digits", false)));
  } else if (type == "Split") {
    steps.push_back(parse_split(part));
  } else if (type == "Punctuation") {
    const std::string behavior = get_string(part.object, "behavior", where).value_or("Isolated");
    steps.push_back(refine(char_finder(is_punctuation), parse_behavior(behavior, where), false));
  } else if (type == "Whitespace") {
    steps.push_back(refine(find_words, drop_matches, false));
  } else if (type == "WhitespaceSplit") {
    steps.push_back(refine(char_finder(is_space), drop_matches, false));
  } else if (type == "CharDelimiterSplit") {
    const std::string delimiter = get_required_string(part.object, "delimiter", where);
    if (delimiter.empty()) throw error(ErrorKind::kCorrupt, "{}.delimiter: must not be empty", where);
    steps.push_back(refine(literal_finder(delimiter), drop_matches, false));
  } else if (type == "Sequence") {
    for (const Json& member : required_array(part, "pretokenizers")) {
      add_steps(member, where + ".pretokenizers", pre_tokenizer);
    }
  } else {
    throw error(ErrorKind::kUnsupported, "{}: pre-tokenizer '{}' is not supported", where, printable(type, 60));
  }
}

}  // namespace

PreTokenizerStep split_step(const std::string& pattern, const std::string& where) {
  return refine(make_finder(pattern, where), keep_all, false);
}

PreTokenizerStep digits_step(bool individual) {
  return refine(char_finder(is_digit), individual ? keep_all : join_runs, false);
}

PreTokenizerStep byte_level_step(bool add_prefix_space, bool use_regex) {
  return [add_prefix_space, use_regex](Words& words) {
    Words mapped({}, words.first_word_at_start(), words.first_word_within());
    std::string prefixed;
    for (size_t i = 0; i < words.spans.size(); ++i) {
      std::string_view word = words[i];
      if (add_prefix_space && !(i == 0 && mapped.within) && word.front() != ' ')
        word = prefixed.assign(1, ' ').append(word);
      for (size_t at = 0; at < word.size();) {
        const size_t end = use_regex ? scan_gpt2_word(word, at) : word.size();
        const size_t begin = mapped.text.size();
        append_in_byte_alphabet(word.substr(at, end - at), mapped.text);
        mapped.spans.push_back({begin, mapped.text.size()});
        at = end;
      }
    }
    words = std::move(mapped);
  };
}

PreTokenizerStep metaspace_step(const MetaspaceOptions& options) {
  return [options, find = literal_finder(options.replacement)](Words& words) {
    Words marked({}, words.first_word_at_start(), words.first_word_within());
    std::vector<Piece> pieces;
    for (size_t i = 0; i < words.spans.size(); ++i) {
      std::string word = replace_all(words[i], " ", options.replacement);
      const bool prepend = options.prepend == MetaspaceOptions::Prepend::kAlways ||
                           (options.prepend == MetaspaceOptions::Prepend::kFirst && i == 0 && marked.at_start);
      if (prepend && !(i == 0 && marked.within) && !word.starts_with(options.replacement))
        word.insert(0, options.replacement);
      pieces.assign(1, {0, word.size(), false});
      if (options.split) {
        pieces.clear();
        find(word, pieces);
        join_to_next(pieces);
      }
      const size_t origin = marked.text.size();
      for (const Piece& piece : pieces) marked.spans.push_back({origin + piece.begin, origin + piece.end});
      marked.text += word;
    }
    words = std::move(marked);
  };
}

void add_bert_steps(PreTokenizer& pre_tokenizer) {
  pre_tokenizer.steps.push_back(refine(char_finder(is_space), drop_matches, false));
  pre_tokenizer.steps.push_back(refine(char_finder(is_punctuation), keep_all, false));
}

PreTokenizer parse_pre_tokenizer(const Json& value, const std::string& where) {
  PreTokenizer pre_tokenizer;
  add_steps(value, where, pre_tokenizer);
  return pre_tokenizer;
}

}  // namespace pent
