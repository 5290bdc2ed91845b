// Viterbi over the positions of a word, in double precision and in the order of Hugging Face's tokenizers: of equal sums
// the path found first stays.
#include "text/unigram.h"

#include <algorithm>
#include <limits>

#include "text/utf8.h"

namespace pent {
namespace {

constexpr double kUnknownPenalty = 10;  // below the least probable piece

ByteTrie trie_of(const TokenIndex& vocabulary) {
  std::vector<ByteTrie::Entry> entries;
  entries.reserve(vocabulary.size());
  for (const auto& [piece, id] : vocabulary) entries.emplace_back(piece, id);
  return ByteTrie(std::move(entries));
}

// The best path to a position of the word.
struct Best {
  double score = 0;
  int begin = -1;  // of its last piece; -1: nothing ends here
  TokenId id = 0;

  void offer(double candidate, size_t from, TokenId piece) {
    if (begin < 0 || candidate > score) *this = {candidate, static_cast<int>(from), piece};
  }
};

}  // namespace

Unigram::Unigram(TokenIndex vocabulary, std::vector<double> scores, const UnigramOptions& options)
    : WordModel(std::move(vocabulary)),
      scores_(std::move(scores)),
      options_(options),
      unk_score_(std::numeric_limits<double>::infinity()),
      pieces_(trie_of(this->vocabulary())) {
  for (const double score : scores_) unk_score_ = std::min(unk_score_, score);
  unk_score_ -= kUnknownPenalty;
}

void Unigram::append_unknown(std::string_view run, std::vector<TokenId>& out) const {
  if (const auto known = vocabulary().find(run); known != vocabulary().end()) {
    out.push_back(known->second);
  } else if (!(options_.byte_fallback && append_byte_tokens(run, out))) {
    out.push_back(options_.unk);
  }
}

void Unigram::encode_word(std::string_view word, std::vector<TokenId>& out) const {
  std::vector<Best> best(word.size() + 1);
  for (size_t at = 0; at < word.size();) {
    const size_t character = decode_utf8(word, at).length;
    const double here = best[at].score;
    bool covered = false;
    pieces_.prefixes(word.substr(at), [&](size_t length, TokenId id) {
      best[at + length].offer(here + scores_[id], at, id);
      covered = covered || length == character;
    });
    if (!covered) best[at + character].offer(here + unk_score_, at, options_.unk);
    at += character;
  }
  struct Piece {
    size_t begin, end;
    TokenId id;
  };
  std::vector<Piece> path;  // from the end; neighbouring unknowns are one
  for (size_t end = word.size(); end > 0;) {
    const Best& last = best[end];
    const auto begin = static_cast<size_t>(last.begin);
    if (last.id == options_.unk && !path.empty() && path.back().id == options_.unk) {
      path.back().begin = begin;
    } else {
      path.push_back({begin, end, last.id});
    }
    end = begin;
  }
  for (auto piece = path.rbegin(); piece != path.rend(); ++piece) {
    if (piece->id == options_.unk) {
      append_unknown(word.substr(piece->begin, piece->end - piece->begin), out);
    } else {
      out.push_back(piece->id);
    }
  }
}

}  // namespace pent
