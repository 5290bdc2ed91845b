// What the word models share: SentencePiece's byte tokens.
#include "text/word_model.h"

#include <fmt/format.h>

#include <cstdint>

namespace pent {

bool WordModel::append_byte_tokens(std::string_view text, std::vector<TokenId>& out) const {
  const size_t before = out.size();
  for (const char byte : text) {
    const auto found = vocabulary_.find(fmt::format("<0x{:02X}>", static_cast<uint8_t>(byte)));
    if (found == vocabulary_.end()) {
      out.resize(before);
      return false;
    }
    out.push_back(found->second);
  }
  return true;
}

}  // namespace pent
