// Encoding in the order of Hugging Face's tokenizers: added tokens of the raw text, normalization of each piece between
// them, added tokens of the normalized text, words, BPE. Decoding is by bytes. docs/formats.md, tokenizer.json.
#include "text/bpe_tokenizer.h"

#include <optional>

#include "base/error.h"
#include "text/byte_alphabet.h"
#include "text/utf8.h"

namespace pent {
namespace {

struct TokenEntry {
  std::string text;   // as the vocabulary spells it
  std::string bytes;  // what it stands for
  bool known = false;
  bool special = false;
};

class BpeTokenizer : public Tokenizer {
 public:
  explicit BpeTokenizer(TokenizerParts parts);

  std::vector<TokenId> encode(std::string_view text, bool add_special) const override;
  std::string decode(const std::vector<TokenId>& ids, bool skip_special) const override;
  std::string_view token_bytes(TokenId id) const override { return entry(id).bytes; }
  std::string_view token_text(TokenId id) const override { return entry(id).text; }
  std::optional<TokenId> find(std::string_view token_text) const override;
  bool is_special(TokenId id) const override { return entry(id).special; }
  int size() const override { return static_cast<int>(entries_.size()); }

 private:
  const TokenEntry& entry(TokenId id) const;
  TokenEntry& slot(TokenId id, size_t size_limit, const std::string& text);
  void fill_entries();
  void encode_words(std::string normalized, std::vector<TokenId>& ids) const;

  TokenizerParts parts_;
  std::vector<TokenEntry> entries_;
  TokenIndex added_ids_;
  AddedTokenFinder raw_finder_, normalized_finder_;
};

BpeTokenizer::BpeTokenizer(TokenizerParts parts) : parts_(std::move(parts)) {
  fill_entries();
  for (const AddedToken& token : parts_.added_tokens) {
    if (!token.normalized) {
      raw_finder_.add(token, token.content);
    } else if (const std::string pattern = parts_.normalizer(token.content); !pattern.empty()) {
      normalized_finder_.add(token, pattern);
    }
  }
  for (const auto* ids : {&parts_.prefix, &parts_.suffix}) {
    for (const TokenId id : *ids) {
      if (id < 0 || id >= size())
        throw error(ErrorKind::kCorrupt, "{}: the post-processor adds token {} of {}", parts_.where, id, size());
    }
  }
}

TokenEntry& BpeTokenizer::slot(TokenId id, size_t size_limit, const std::string& text) {
  if (id < 0 || static_cast<size_t>(id) >= size_limit) {
    throw error(ErrorKind::kCorrupt, "{}: token '{}' has id {}, but with {} tokens the ids must be 0 to {}",
                parts_.where, printable(text), id, size_limit, size_limit - 1);
  }
  if (static_cast<size_t>(id) >= entries_.size()) entries_.resize(id + 1);
  return entries_[id];
}

void BpeTokenizer::fill_entries() {
  const TokenIndex& vocabulary = parts_.bpe.vocabulary();
  const size_t limit = vocabulary.size() + parts_.added_tokens.size();
  for (const auto& [text, id] : vocabulary) {
    TokenEntry& entry = slot(id, limit, text);
    if (entry.known)
      throw error(ErrorKind::kCorrupt, "{}: tokens '{}' and '{}' both have id {}", parts_.where, printable(entry.text),
                  printable(text), id);
    entry = {text, bytes_of_token(text), true, false};
  }
  for (const AddedToken& token : parts_.added_tokens) {
    if (token.content.empty()) throw error(ErrorKind::kCorrupt, "{}: added token {} is empty", parts_.where, token.id);
    if (!added_ids_.emplace(token.content, token.id).second) {
      throw error(ErrorKind::kCorrupt, "{}: added token '{}' is listed twice", parts_.where, printable(token.content));
    }
    const auto in_vocabulary = vocabulary.find(token.content);
    TokenEntry& entry = slot(token.id, limit, token.content);
    if (entry.known ? entry.text != token.content : in_vocabulary != vocabulary.end()) {
      throw error(ErrorKind::kCorrupt, "{}: added token '{}' has id {}, but {}", parts_.where, printable(token.content),
                  token.id,
                  entry.known ? "that is '" + printable(entry.text) + "'" : "the vocabulary gives it another");
    }
    entry = {token.content, token.content, true, token.special};
  }
  for (size_t id = 0; id < entries_.size(); ++id) {
    if (!entries_[id].known)
      throw error(ErrorKind::kCorrupt, "{}: no token has id {}, though {} exists", parts_.where, id,
                  entries_.size() - 1);
  }
}

const TokenEntry& BpeTokenizer::entry(TokenId id) const {
  if (id < 0 || id >= size()) {
    throw error(ErrorKind::kInvalidArgument, "{}: token id {} does not exist; the vocabulary has {}", parts_.where, id,
                size());
  }
  return entries_[id];
}

std::optional<TokenId> BpeTokenizer::find(std::string_view token_text) const {
  if (const auto added = added_ids_.find(token_text); added != added_ids_.end()) return added->second;
  const TokenIndex& vocabulary = parts_.bpe.vocabulary();
  const auto found = vocabulary.find(token_text);
  return found == vocabulary.end() ? std::nullopt : std::optional(found->second);
}

void BpeTokenizer::encode_words(std::string normalized, std::vector<TokenId>& ids) const {
  const Words words = parts_.pre_tokenizer(std::move(normalized));
  for (size_t i = 0; i < words.spans.size(); ++i) parts_.bpe.encode_word(words[i], ids);
}

std::vector<TokenId> BpeTokenizer::encode(std::string_view text, bool add_special) const {
  std::string repaired;
  if (!is_valid_utf8(text)) text = repaired = replace_invalid_utf8(text);
  std::vector<TokenId> ids;
  if (add_special) ids = parts_.prefix;
  const auto take = [&](TokenId id) { ids.push_back(id); };
  raw_finder_.split(text, take, [&](std::string_view raw) {
    const std::string normalized = parts_.normalizer(std::string(raw));
    normalized_finder_.split(normalized, take, [&](std::string_view piece) { encode_words(std::string(piece), ids); });
  });
  if (add_special) ids.insert(ids.end(), parts_.suffix.begin(), parts_.suffix.end());
  return ids;
}

std::string BpeTokenizer::decode(const std::vector<TokenId>& ids, bool skip_special) const {
  std::string bytes;
  for (const TokenId id : ids) {
    const TokenEntry& token = entry(id);
    if (!(skip_special && token.special)) bytes += token.bytes;
  }
  return is_valid_utf8(bytes) ? bytes : replace_invalid_utf8(bytes);
}

}  // namespace

std::shared_ptr<const Tokenizer> make_bpe_tokenizer(TokenizerParts parts) {
  return std::make_shared<BpeTokenizer>(std::move(parts));
}

}  // namespace pent
