// Byte-pair encoding (Sennrich et al. 2016): the pair of lowest rank first, leftmost among equals.
#include "text/bpe.h"

#include <algorithm>
#include <queue>
#include <tuple>
#include <unordered_set>

#include "base/error.h"
#include "text/utf8.h"

namespace pent {
namespace {

uint64_t pair_key(TokenId left, TokenId right) {
  return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
}

// A pair that may be merged; stale if its symbols have changed since.
struct Candidate {
  int rank, position;
  TokenId merged;
  bool operator>(const Candidate& other) const {
    return rank != other.rank ? rank > other.rank : position > other.position;
  }
};
using CandidateQueue = std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>>;

}  // namespace

Bpe::Bpe(TokenIndex vocabulary, const std::vector<Merge>& merges, const BpeOptions& options)
    : WordModel(std::move(vocabulary)), options_(options) {
  rules_.reserve(merges.size());
  for (size_t rank = 0; rank < merges.size(); ++rank) {
    const Merge& merge = merges[rank];
    rules_.insert_or_assign(pair_key(merge.left, merge.right), Rule{static_cast<int>(rank), merge.merged});
  }
}

const Bpe::Rule* Bpe::find_rule(TokenId left, TokenId right) const {
  const auto found = rules_.find(pair_key(left, right));
  return found == rules_.end() ? nullptr : &found->second;
}

// Unknown characters wait until a known one follows: bytes of a later character go before them, as the library has it.
void Bpe::split_into_characters(std::string_view word, std::vector<TokenId>& ids) const {
  bool unk_waits = false;
  const auto flush_unk = [&] {
    if (unk_waits) ids.push_back(*options_.unk);
    unk_waits = false;
  };
  for (size_t at = 0; at < word.size();) {
    const std::string_view character = word.substr(at, decode_utf8(word, at).length);
    at += character.size();
    if (const auto found = vocabulary().find(character); found != vocabulary().end()) {
      flush_unk();
      ids.push_back(found->second);
    } else if (!(options_.byte_fallback && append_byte_tokens(character, ids)) && options_.unk) {
      if (!options_.fuse_unk) flush_unk();
      unk_waits = true;
    }
  }
  flush_unk();
}

void Bpe::encode_word(std::string_view word, std::vector<TokenId>& out) const {
  if (options_.ignore_merges) {
    if (const auto whole = vocabulary().find(word); whole != vocabulary().end()) {
      out.push_back(whole->second);
      return;
    }
  }
  std::vector<TokenId> ids;
  split_into_characters(word, ids);
  const int count = static_cast<int>(ids.size());
  std::vector<Symbol> symbols(ids.size());
  CandidateQueue queue;
  const auto consider = [&](int position) {
    const int next = symbols[position].next;
    if (next < 0) return;
    if (const Rule* rule = find_rule(symbols[position].id, symbols[next].id))
      queue.push({rule->rank, position, rule->merged});
  };
  for (int i = 0; i < count; ++i) symbols[i] = {ids[i], i - 1, i + 1 < count ? i + 1 : -1};
  for (int i = 0; i < count; ++i) consider(i);

  constexpr TokenId kGone = -1;
  while (!queue.empty()) {
    const Candidate best = queue.top();
    queue.pop();
    Symbol& left = symbols[best.position];
    if (left.id == kGone || left.next < 0) continue;
    const Rule* rule = find_rule(left.id, symbols[left.next].id);
    if (!rule || rule->merged != best.merged) continue;
    Symbol& right = symbols[left.next];
    left.id = best.merged;
    left.next = right.next;
    right.id = kGone;
    if (left.next >= 0) symbols[left.next].previous = best.position;
    if (left.previous >= 0) consider(left.previous);
    consider(best.position);
  }
  for (int i = 0; i >= 0 && i < count; i = symbols[i].next) out.push_back(symbols[i].id);
}

std::vector<Bpe::Merge> resolve_merges(const std::vector<std::pair<std::string, std::string>>& pairs,
                                       const TokenIndex& vocabulary, const std::string& where) {
  std::vector<Bpe::Merge> merges;
  merges.reserve(pairs.size());
  const auto id_of = [&](const std::string& token) {
    const auto found = vocabulary.find(token);
    if (found == vocabulary.end()) {
      throw error(ErrorKind::kCorrupt, "{}[{}]: '{}' is not in the vocabulary", where, merges.size(), printable(token));
    }
    return found->second;
  };
  for (const auto& [left, right] : pairs) merges.push_back({id_of(left), id_of(right), id_of(left + right)});
  return merges;
}

std::vector<Bpe::Merge> merges_of_scores(const TokenIndex& vocabulary, const std::vector<double>& scores) {
  std::vector<Bpe::Merge> merges;
  std::unordered_set<size_t> lengths;  // of all tokens: a very long one is cut where the parts can be tokens only
  for (const auto& [token, id] : vocabulary) lengths.insert(token.size());
  for (const auto& [token, id] : vocabulary) {
    for (size_t cut = 0; (cut += decode_utf8(token, cut).length) < token.size();) {
      if (!lengths.contains(cut) || !lengths.contains(token.size() - cut)) continue;
      const auto left = vocabulary.find(std::string_view(token).substr(0, cut));
      if (left == vocabulary.end()) continue;
      const auto right = vocabulary.find(std::string_view(token).substr(cut));
      if (right != vocabulary.end()) merges.push_back({left->second, right->second, id});
    }
  }
  std::sort(merges.begin(), merges.end(), [&](const Bpe::Merge& a, const Bpe::Merge& b) {
    if (scores[a.merged] != scores[b.merged]) return scores[a.merged] > scores[b.merged];
    return std::tie(a.merged, a.left, a.right) < std::tie(b.merged, b.left, b.right);
  });
  return merges;
}

}  // namespace pent
