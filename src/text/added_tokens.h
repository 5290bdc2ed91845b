// Added tokens: strings that are found in the text before anything else and stand for one id each.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "text/tokenizer.h"

namespace pent {

struct AddedToken {
  TokenId id = 0;
  std::string content;
  bool single_word = false;  // only where no word character touches it
  bool lstrip = false;       // swallows white space before it
  bool rstrip = false;       // and after it
  bool normalized = false;   // looked for in normalized text, else in the raw text
  bool special = false;      // left out by decode(skip_special)
};

// Finds the tokens of one pass, leftmost and then longest. Immutable, thread-safe.
class AddedTokenFinder {
 public:
  AddedTokenFinder();
  // `pattern` is what to look for: the content, normalized for the second pass. Must not be empty.
  void add(const AddedToken& token, std::string_view pattern);

  // Cuts `text` into pieces that are a token or free text, in order.
  void split(std::string_view text, const std::function<void(TokenId)>& on_token,
             const std::function<void(std::string_view)>& on_text) const;

 private:
  struct Entry {
    TokenId id;
    bool single_word, lstrip, rstrip;
  };
  struct Match {
    size_t length = 0;
    const Entry* entry = nullptr;
  };
  Match longest_match(std::string_view text, size_t begin) const;

  std::vector<Entry> entries_;
  std::vector<int> entry_of_node_;              // node of the trie -> entry, -1: none
  std::unordered_map<uint64_t, int> child_of_;  // node << 8 | byte -> node
  bool starts_[256] = {};                       // bytes that some token begins with
};

}  // namespace pent
