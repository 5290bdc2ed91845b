// Decoding token by token: bytes are held back until they make whole characters.
#include "text/tokenizer.h"
#include "text/utf8.h"

namespace pent {

std::string StreamDecoder::push(TokenId id) {
  if (!(tokenizer_.is_special(id) && skip_special_)) {
    held_ += at_start_ ? tokenizer_.opening_bytes(id) : std::string(tokenizer_.token_bytes(id));
    at_start_ = false;
  }
  const size_t whole = whole_utf8_length(held_);
  std::string text = replace_invalid_utf8(std::string_view(held_).substr(0, whole));
  held_.erase(0, whole);
  return text;
}

std::string StreamDecoder::finish() {
  std::string text = replace_invalid_utf8(held_);
  held_.clear();
  return text;
}

}  // namespace pent
