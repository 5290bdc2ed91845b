// Encoding in the order of Hugging Face's tokenizers: added tokens of the raw text, normalization of each piece between
// them, added tokens of the normalized text, words, tokens. Decoding is by bytes. docs/formats.md, tokenizer.json.
#include "text/composed_tokenizer.h"

#include <optional>

#include "base/error.h"
#include "text/utf8.h"

namespace pent {
namespace {

constexpr size_t kMaxUnusedIds = 1024;  // beyond as many again as there are tokens

struct TokenEntry {
  std::string text;   // as the vocabulary spells it
  std::string bytes;  // what it stands for within a text
  bool known = false;
  bool added = false;
  bool special = false;
};

class ComposedTokenizer : public Tokenizer {
 public:
  explicit ComposedTokenizer(TokenizerParts parts);

  std::vector<TokenId> encode(std::string_view text, bool add_special) const override;
  std::vector<TokenId> encode_within(std::string_view text) const override;
  std::string decode(const std::vector<TokenId>& ids, bool skip_special) const override;
  std::string_view token_bytes(TokenId id) const override { return entry(id).bytes; }
  std::string opening_bytes(TokenId id) const override;
  std::string_view token_text(TokenId id) const override { return entry(id).text; }
  std::optional<TokenId> find(std::string_view token_text) const override;
  bool is_special(TokenId id) const override { return entry(id).special; }
  int size() const override { return static_cast<int>(entries_.size()); }

 private:
  const TokenEntry& entry(TokenId id) const;
  TokenEntry& slot(TokenId id, size_t tokens, const std::string& text);
  void add_vocabulary(size_t tokens);
  void add_added_tokens(size_t tokens);
  void encode_text(std::string_view text, bool within, std::vector<TokenId>& ids) const;

  TokenizerParts parts_;
  std::vector<TokenEntry> entries_;
  TokenIndex added_ids_;
  AddedTokenFinder raw_finder_, normalized_finder_;
};

ComposedTokenizer::ComposedTokenizer(TokenizerParts parts) : parts_(std::move(parts)) {
  const size_t tokens = parts_.model->vocabulary().size() + parts_.added_tokens.size();
  add_vocabulary(tokens);
  add_added_tokens(tokens);
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

TokenEntry& ComposedTokenizer::slot(TokenId id, size_t tokens, const std::string& text) {
  if (id < 0 || static_cast<size_t>(id) >= 2 * tokens + kMaxUnusedIds) {
    throw error(ErrorKind::kCorrupt, "{}: token '{}' has id {}, far beyond the number of tokens ({})", parts_.where,
                printable(text), id, tokens);
  }
  if (static_cast<size_t>(id) >= entries_.size()) entries_.resize(id + 1);
  return entries_[id];
}

void ComposedTokenizer::add_vocabulary(size_t tokens) {
  entries_.reserve(tokens);
  for (const auto& [text, id] : parts_.model->vocabulary()) {
    TokenEntry& entry = slot(id, tokens, text);
    if (entry.known)
      throw error(ErrorKind::kCorrupt, "{}: tokens '{}' and '{}' both have id {}", parts_.where, printable(entry.text),
                  printable(text), id);
    entry = {.text = text, .bytes = parts_.decoder(text, {}), .known = true};
  }
}

void ComposedTokenizer::add_added_tokens(size_t tokens) {
  const TokenIndex& vocabulary = parts_.model->vocabulary();
  for (const AddedToken& token : parts_.added_tokens) {
    if (token.content.empty()) throw error(ErrorKind::kCorrupt, "{}: added token {} is empty", parts_.where, token.id);
    if (!added_ids_.emplace(token.content, token.id).second) {
      throw error(ErrorKind::kCorrupt, "{}: added token '{}' is listed twice", parts_.where, printable(token.content));
    }
    const auto in_vocabulary = vocabulary.find(token.content);
    TokenEntry& entry = slot(token.id, tokens, token.content);
    if (entry.known ? entry.text != token.content : in_vocabulary != vocabulary.end()) {
      throw error(ErrorKind::kCorrupt, "{}: added token '{}' has id {}, but {}", parts_.where, printable(token.content),
                  token.id,
                  entry.known ? "that is '" + printable(entry.text) + "'" : "the vocabulary gives it another");
    }
    entry = {.text = token.content,
             .bytes = parts_.decoder(token.content, {.added = true}),
             .known = true,
             .added = true,
             .special = token.special};
  }
}

const TokenEntry& ComposedTokenizer::entry(TokenId id) const {
  if (id < 0 || id >= size()) {
    throw error(ErrorKind::kInvalidArgument, "{}: token id {} does not exist; the vocabulary has {}", parts_.where, id,
                size());
  }
  return entries_[id];
}

std::string ComposedTokenizer::opening_bytes(TokenId id) const {
  const TokenEntry& token = entry(id);
  return parts_.decoder(token.text, {.first = true, .added = token.added});
}

std::optional<TokenId> ComposedTokenizer::find(std::string_view token_text) const {
  if (const auto added = added_ids_.find(token_text); added != added_ids_.end()) return added->second;
  const TokenIndex& vocabulary = parts_.model->vocabulary();
  const auto found = vocabulary.find(token_text);
  return found == vocabulary.end() ? std::nullopt : std::optional(found->second);
}

void ComposedTokenizer::encode_text(std::string_view text, bool within, std::vector<TokenId>& ids) const {
  std::string repaired;
  if (!is_valid_utf8(text)) text = repaired = replace_invalid_utf8(text);
  const auto take = [&](TokenId id) { ids.push_back(id); };
  raw_finder_.split(text, take, [&](std::string_view raw) {
    const bool begins = raw.data() == text.data();
    const std::string normalized = parts_.normalizer(std::string(raw), begins && within);
    normalized_finder_.split(normalized, take, [&](std::string_view piece) {
      const bool first = begins && piece.data() == normalized.data();
      const Words words = parts_.pre_tokenizer(std::string(piece), first && !within, first && within);
      for (size_t i = 0; i < words.spans.size(); ++i) {
        if (!words[i].empty()) parts_.model->encode_word(words[i], ids);
      }
    });
  });
}

std::vector<TokenId> ComposedTokenizer::encode_within(std::string_view text) const {
  std::vector<TokenId> ids;
  encode_text(text, /*within=*/true, ids);
  return ids;
}

std::vector<TokenId> ComposedTokenizer::encode(std::string_view text, bool add_special) const {
  std::vector<TokenId> ids;
  if (add_special) ids = parts_.prefix;
  encode_text(text, /*within=*/false, ids);
  if (add_special) ids.insert(ids.end(), parts_.suffix.begin(), parts_.suffix.end());
  return ids;
}

std::string ComposedTokenizer::decode(const std::vector<TokenId>& ids, bool skip_special) const {
  std::string bytes;
  bool first = true;
  for (const TokenId id : ids) {
    const TokenEntry& token = entry(id);
    if (!token.known || (skip_special && token.special)) continue;
    bytes += first ? opening_bytes(id) : token.bytes;
    first = false;
  }
  return is_valid_utf8(bytes) ? bytes : replace_invalid_utf8(bytes);
}

}  // namespace

std::shared_ptr<const Tokenizer> compose_tokenizer(TokenizerParts parts) {
  return std::make_shared<ComposedTokenizer>(std::move(parts));
}

}  // namespace pent
