// Sets of Unicode characters (surrogates are none), and what they are as bytes.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace pent::grammar {

inline constexpr uint32_t kLastCode = 0x10FFFF;

struct CodeRange {
  uint32_t first = 0, last = 0;  // both inside
  bool operator==(const CodeRange&) const = default;
};

class CodeSet {
 public:
  CodeSet() = default;
  CodeSet(std::initializer_list<CodeRange> ranges) {
    for (const CodeRange& range : ranges) add(range.first, range.last);
  }
  static CodeSet all() { return CodeSet().complement(); }
  // A general category ("Lu") or its first letter ("L"); empty set: no such category.
  static CodeSet category(std::string_view name);

  void add(uint32_t first, uint32_t last);
  void add(const CodeSet& other);
  CodeSet complement() const;
  CodeSet without(const CodeSet& other) const;
  bool contains(uint32_t code) const;
  bool empty() const { return ranges_.empty(); }
  // Ascending, disjoint, not touching, without surrogates.
  const std::vector<CodeRange>& ranges() const { return ranges_; }

 private:
  std::vector<CodeRange> ranges_;
};

// One to four ranges of bytes, one after the other.
struct ByteRange {
  uint8_t first = 0, last = 0;
  auto operator<=>(const ByteRange&) const = default;
};
using ByteSequence = std::vector<ByteRange>;

// The UTF-8 of a set: its characters' encodings are exactly the byte strings of these sequences, each of one of them.
std::vector<ByteSequence> utf8_sequences(const CodeSet& set);

}  // namespace pent::grammar
