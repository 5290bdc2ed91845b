// Tokenizers: text to ids and back.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/model_files.h"

namespace pent {

using TokenId = int32_t;

// Immutable and thread-safe after construction.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  // Added tokens written in the text are recognised; none is added unless add_special (then the post-processor's).
  virtual std::vector<TokenId> encode(std::string_view text, bool add_special = false) const = 0;
  // Of a text behind other text: without the space that SentencePiece and others put before a text's first word.
  virtual std::vector<TokenId> encode_within(std::string_view text) const { return encode(text); }
  // Bytes of all ids together, invalid UTF-8 replaced by U+FFFD. skip_special leaves out added tokens marked special.
  // Throws kInvalidArgument for an id that does not exist.
  virtual std::string decode(const std::vector<TokenId>& ids, bool skip_special = false) const = 0;
  // The raw bytes one id stands for within a text (may be a part of a UTF-8 character).
  virtual std::string_view token_bytes(TokenId id) const = 0;
  // The same where no token stands before it: SentencePiece and WordPiece leave out the space there.
  virtual std::string opening_bytes(TokenId id) const { return std::string(token_bytes(id)); }
  // The token as the vocabulary spells it ("Ġthe"), and back.
  virtual std::string_view token_text(TokenId id) const = 0;
  virtual std::optional<TokenId> find(std::string_view token_text) const = 0;
  virtual bool is_special(TokenId id) const = 0;
  virtual int size() const = 0;  // number of ids, 0 … size()-1
};

std::shared_ptr<const Tokenizer> parse_tokenizer_json(std::string_view json, const std::string& where);
std::shared_ptr<const Tokenizer> make_tokenizer_from_gguf(const GgufFile& file);
std::shared_ptr<const Tokenizer> make_tokenizer(const ModelFiles& files);  // whichever the model has

// Text that grows token by token: gives back only whole UTF-8 characters, holding the rest until the next token.
class StreamDecoder {
 public:
  explicit StreamDecoder(const Tokenizer& tokenizer, bool skip_special = true)
      : tokenizer_(tokenizer), skip_special_(skip_special) {}
  std::string push(TokenId id);
  std::string finish();  // what is still held, as U+FFFD

 private:
  const Tokenizer& tokenizer_;
  bool skip_special_;
  bool at_start_ = true;
  std::string held_;
};

}  // namespace pent
