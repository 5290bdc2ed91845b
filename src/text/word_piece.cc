// Greedy search from the left; one gap makes the whole word unknown.
#include "text/word_piece.h"

#include <algorithm>

#include "text/utf8.h"

namespace pent {

WordPiece::WordPiece(TokenIndex tokens, WordPieceOptions options)
    : WordModel(std::move(tokens)), options_(std::move(options)) {
  for (const auto& [token, id] : vocabulary()) longest_ = std::max(longest_, token.size());
}

void WordPiece::encode_word(std::string_view word, std::vector<TokenId>& out) const {
  std::vector<size_t> ends;  // of the characters
  for (size_t at = 0; at < word.size();) ends.push_back(at += decode_utf8(word, at).length);
  const size_t before = out.size();
  const auto give_up = [&] {
    out.resize(before);
    out.push_back(options_.unk);
  };
  if (ends.size() > options_.max_input_chars_per_word) return give_up();
  std::string candidate;
  for (size_t begin = 0, first = 0; begin < word.size();) {
    candidate = begin > 0 ? options_.continuing_subword_prefix : std::string();
    const size_t prefix = candidate.size();
    candidate.append(word.substr(begin, longest_));
    size_t last = ends.size();
    auto found = vocabulary().end();
    for (; last > first; --last) {
      if (ends[last - 1] - begin > longest_) continue;
      found = vocabulary().find(std::string_view(candidate).substr(0, prefix + ends[last - 1] - begin));
      if (found != vocabulary().end()) break;
    }
    if (found == vocabulary().end()) return give_up();
    out.push_back(found->second);
    begin = ends[last - 1];
    first = last;
  }
}

}  // namespace pent
