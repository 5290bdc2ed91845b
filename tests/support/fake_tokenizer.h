// A tokenizer over a handful of words, longest match first.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "text/tokenizer.h"
#include "text/utf8.h"

namespace pent {

class FakeTokenizer : public Tokenizer {
 public:
  explicit FakeTokenizer(std::vector<std::string> tokens) : tokens_(std::move(tokens)) {}

  std::vector<TokenId> encode(std::string_view text, bool) const override {
    std::vector<TokenId> ids;
    while (!text.empty()) {
      TokenId best = -1;
      for (TokenId id = 0; id < size(); ++id)
        if (text.starts_with(token_bytes(id)) && (best < 0 || token_bytes(id).size() > token_bytes(best).size()))
          best = id;
      PENT_CHECK(best >= 0, "no token for '{}'", text);
      ids.push_back(best);
      text.remove_prefix(token_bytes(best).size());
    }
    return ids;
  }
  std::string decode(const std::vector<TokenId>& ids, bool skip_special) const override {
    std::string bytes;
    for (const TokenId id : ids)
      if (!skip_special || !is_special(id)) bytes += token_bytes(id);
    return replace_invalid_utf8(bytes);
  }
  std::string_view token_bytes(TokenId id) const override { return tokens_.at(static_cast<size_t>(id)); }
  std::string_view token_text(TokenId id) const override { return token_bytes(id); }
  std::optional<TokenId> find(std::string_view text) const override {
    for (TokenId id = 0; id < size(); ++id)
      if (token_bytes(id) == text) return id;
    return std::nullopt;
  }
  bool is_special(TokenId id) const override { return token_bytes(id).starts_with('<') && token_bytes(id).size() > 1; }
  int size() const override { return static_cast<int>(tokens_.size()); }

 private:
  std::vector<std::string> tokens_;
};

}  // namespace pent
