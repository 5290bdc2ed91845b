// Reading a pattern or a grammar character by character; shared by the two syntaxes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "text/grammar/grammar.h"

namespace pent::grammar {

inline constexpr int kMaxCount = 100'000;  // of a repetition
inline constexpr int kMaxGroups = 200;     // inside one another

class Scanner {
 public:
  // `what` names the text in errors.
  Scanner(std::string_view text, std::string what);

  bool at_end() const { return at_ == text_.size(); }
  char peek() const { return at_end() ? '\0' : text_[at_]; }
  std::string_view rest() const { return text_.substr(at_); }
  size_t position() const { return at_; }
  void skip(size_t bytes) { at_ += bytes; }
  bool take(std::string_view token);
  uint32_t take_character();  // the next one; refuses the end
  // Exactly `digits` hexadecimal digits, or with 0 as many as come before a closing brace, which is taken.
  uint32_t take_hex(size_t digits);
  std::optional<int> take_number();  // decimal, at most kMaxCount
  // What follows an opening brace of a repetition; nothing, and nothing taken, if that is none.
  struct Counts {
    int min = 0, max = 0;
  };
  std::optional<Counts> take_counts();

  [[noreturn]] void refuse(const std::string& why, ErrorKind kind = ErrorKind::kInvalidArgument) const;

 private:
  std::string_view text_;
  std::string what_;
  size_t at_ = 0;
};

}  // namespace pent::grammar
