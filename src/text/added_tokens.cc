// Added tokens as Hugging Face's tokenizers find them (docs/formats.md, tokenizer.json, "Encode").
#include "text/added_tokens.h"

#include <algorithm>

#include "text/unicode.h"
#include "text/utf8.h"

namespace pent {
namespace {

DecodedChar char_before(std::string_view text, size_t end) {
  size_t begin = end - 1;
  while (begin > 0 && (text[begin] & 0xC0) == 0x80) --begin;
  return decode_utf8(text, begin);
}

bool touches_word(std::string_view text, size_t begin, size_t end) {
  return (begin > 0 && is_word_char(char_before(text, begin).code)) ||
         (end < text.size() && is_word_char(decode_utf8(text, end).code));
}

size_t skip_space_back(std::string_view text, size_t end, size_t floor) {
  while (end > floor) {
    const DecodedChar c = char_before(text, end);
    if (char_class(c.code) != CharClass::kSpace) break;
    end -= c.length;
  }
  return end;
}

size_t skip_space(std::string_view text, size_t begin) {
  while (begin < text.size()) {
    const DecodedChar c = decode_utf8(text, begin);
    if (char_class(c.code) != CharClass::kSpace) break;
    begin += c.length;
  }
  return begin;
}

uint64_t edge(int node, char byte) { return static_cast<uint64_t>(node) << 8 | static_cast<uint8_t>(byte); }

}  // namespace

AddedTokenFinder::AddedTokenFinder() : entry_of_node_(1, -1) {}

void AddedTokenFinder::add(const AddedToken& token, std::string_view pattern) {
  int node = 0;
  for (const char byte : pattern) {
    const auto [child, is_new] = child_of_.try_emplace(edge(node, byte), static_cast<int>(entry_of_node_.size()));
    if (is_new) entry_of_node_.push_back(-1);
    node = child->second;
  }
  if (entry_of_node_[node] < 0) entry_of_node_[node] = static_cast<int>(entries_.size());
  entries_.push_back({token.id, token.single_word, token.lstrip, token.rstrip});
  starts_[static_cast<uint8_t>(pattern.front())] = true;
}

AddedTokenFinder::Match AddedTokenFinder::longest_match(std::string_view text, size_t begin) const {
  Match best;
  int node = 0;
  for (size_t at = begin; at < text.size(); ++at) {
    const auto child = child_of_.find(edge(node, text[at]));
    if (child == child_of_.end()) break;
    node = child->second;
    if (entry_of_node_[node] >= 0) best = {at + 1 - begin, &entries_[entry_of_node_[node]]};
  }
  return best;
}

void AddedTokenFinder::split(std::string_view text, const std::function<void(TokenId)>& on_token,
                             const std::function<void(std::string_view)>& on_text) const {
  size_t done = 0;  // everything before has been handed out
  for (size_t at = 0; at < text.size();) {
    if (!starts_[static_cast<uint8_t>(text[at])]) {
      ++at;
      continue;
    }
    const Match match = longest_match(text, at);
    if (!match.entry) {
      ++at;
      continue;
    }
    size_t begin = at, end = at + match.length;
    at = end;  // a match that is refused is passed over as a whole
    if (match.entry->single_word && touches_word(text, begin, end)) continue;
    if (match.entry->lstrip) begin = skip_space_back(text, begin, done);
    if (match.entry->rstrip) end = skip_space(text, end);
    if (begin > done) on_text(text.substr(done, begin - done));
    on_token(match.entry->id);
    at = done = end;
  }
  if (done < text.size()) on_text(text.substr(done));
}

}  // namespace pent
