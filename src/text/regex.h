// Regular expressions of tokenizer files: PCRE2 in UTF mode, compiled just in time, with limits on its effort.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace pent {

// Immutable; find_all may be called from many threads.
class Regex {
 public:
  Regex(const std::string& pattern, const std::string& where);  // kCorrupt if it does not compile
  // Calls found(begin, end) for each non-empty match, left to right. `text` must be valid UTF-8.
  // kResourceExhausted if one match takes too much effort.
  void find_all(std::string_view text, const std::function<void(size_t, size_t)>& found) const;
  // `text` with `content` for each such match.
  std::string replace(std::string_view text, std::string_view content) const;

 private:
  struct Compiled;
  std::shared_ptr<const Compiled> compiled_;
};

}  // namespace pent
