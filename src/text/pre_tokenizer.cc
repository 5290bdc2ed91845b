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

PreTokenizerStep parse_split(const JsonPart& part) {
  const JsonPart pattern = part.part("pattern");
  const auto literal = get_string(pattern.object, "String", pattern.where);
  if (literal && literal->empty()) throw error(ErrorKind::kCorrupt, "{}.String: must not be empty", pattern.where);
  Finder find = literal ? literal_finder(*literal)
                        : make_finder(get_required_string(pattern.object, "Regex", pattern.where), pattern.where);
  const std::string behavior = get_required_string(part.object, "behavior", part.where);
  const Arrange arrange = behavior == "Isolated"             ? keep_all
                          : behavior == "Removed"            ? drop_matches
                          : behavior == "Contiguous"         ? join_runs
                          : behavior == "MergedWithPrevious" ? join_to_previous
                          : behavior == "MergedWithNext"     ? join_to_next
                                                             : nullptr;
  if (!arrange) throw error(ErrorKind::kCorrupt, "{}.behavior: '{}' is not a way to split", part.where, behavior);
  return refine(std::move(find), arrange, part.flag("invert", false));
}

void add_steps(const Json& value, const std::string& where, PreTokenizer& pre_tokenizer) {
  if (value.is_null()) return;
  const JsonPart part = JsonPart::checked(value, where);
  const std::string type = part.type();
  if (type == "ByteLevel") {
    pre_tokenizer.steps.push_back(byte_level_step(part.flag("add_prefix_space", true), part.flag("use_regex", true)));
  } else if (type == "Digits") {
    pre_tokenizer.steps.push_back(digits_step(part.flag("individual_digits", false)));
  } else if (type == "Split") {
    pre_tokenizer.steps.push_back(parse_split(part));
  } else if (type == "Sequence") {
    for (const Json& member : required_array(part, "pretokenizers")) {
      add_steps(member, where + ".pretokenizers", pre_tokenizer);
    }
  } else {
    throw error(ErrorKind::kUnsupported, "{}: pre-tokenizer '{}' is not supported", where, type);
  }
}

}  // namespace

PreTokenizerStep split_step(const std::string& pattern, const std::string& where) {
  return refine(make_finder(pattern, where), keep_all, false);
}

PreTokenizerStep digits_step(bool individual) {
  const Finder find = [](std::string_view word, std::vector<Piece>& pieces) {
    for (size_t at = 0; at < word.size();) {
      const DecodedChar c = decode_utf8(word, at);
      const bool digit = char_class(c.code) == CharClass::kNumber;
      if (digit || pieces.empty() || pieces.back().matched) {
        pieces.push_back({at, at + c.length, digit});
      } else {
        pieces.back().end += c.length;
      }
      at += c.length;
    }
  };
  return refine(find, individual ? keep_all : join_runs, false);
}

PreTokenizerStep byte_level_step(bool add_prefix_space, bool use_regex) {
  return [add_prefix_space, use_regex](Words& words) {
    Words mapped{std::string()};
    std::string prefixed;
    for (size_t i = 0; i < words.spans.size(); ++i) {
      std::string_view word = words[i];
      if (add_prefix_space && word.front() != ' ') word = prefixed.assign(1, ' ').append(word);
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

PreTokenizer parse_pre_tokenizer(const Json& value, const std::string& where) {
  PreTokenizer pre_tokenizer;
  add_steps(value, where, pre_tokenizer);
  return pre_tokenizer;
}

}  // namespace pent
