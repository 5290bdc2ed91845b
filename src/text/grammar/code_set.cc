// Set algebra by sorted ranges. A range of characters becomes UTF-8 byte ranges by cutting it where the length of the encoding
// changes and where a continuation byte would not run over all its values (Thompson's scheme, as in RE2 and in Cox, "Regular
// Expression Matching in the Wild", 2010).
#include "text/grammar/code_set.h"

#include <utf8proc.h>

#include <algorithm>
#include <map>
#include <string>

#include "text/utf8.h"

namespace pent::grammar {
namespace {

constexpr CodeRange kSurrogates{0xD800, 0xDFFF};

std::string bytes_of(uint32_t code) {
  std::string bytes;
  append_utf8(static_cast<char32_t>(code), bytes);
  return bytes;
}

// first and last have encodings of one length.
void split(uint32_t first, uint32_t last, std::vector<ByteSequence>& sequences) {
  const std::string low = bytes_of(first), high = bytes_of(last);
  for (size_t tail = low.size() - 1; tail > 0; --tail) {
    const uint32_t below = (uint32_t{1} << (6 * tail)) - 1;  // the codes that `tail` continuation bytes tell apart
    if ((first & ~below) == (last & ~below)) continue;
    if ((first & below) != 0) {
      split(first, first | below, sequences);
      return split((first | below) + 1, last, sequences);
    }
    if ((last & below) != below) {
      split(first, (last & ~below) - 1, sequences);
      return split(last & ~below, last, sequences);
    }
  }
  ByteSequence sequence;
  for (size_t i = 0; i < low.size(); ++i)
    sequence.push_back({static_cast<uint8_t>(low[i]), static_cast<uint8_t>(high[i])});
  sequences.push_back(std::move(sequence));
}

}  // namespace

CodeSet CodeSet::category(std::string_view name) {
  // Every character is looked at once, not for every pattern that asks.
  static const std::map<std::string, CodeSet, std::less<>> kCategories = [] {
    std::map<std::string, CodeSet, std::less<>> sets;
    uint32_t first = 0;
    for (uint32_t code = 1; code <= kLastCode + 1; ++code) {
      const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(first));
      if (code <= kLastCode && utf8proc_category(static_cast<utf8proc_int32_t>(code)) == category) continue;
      const std::string both = utf8proc_category_string(static_cast<utf8proc_int32_t>(first));
      sets[both].add(first, code - 1);
      sets[both.substr(0, 1)].add(first, code - 1);
      first = code;
    }
    return sets;
  }();
  const auto found = kCategories.find(name);
  return found == kCategories.end() ? CodeSet() : found->second;
}

void CodeSet::add(uint32_t first, uint32_t last) {
  if (first > last || first > kLastCode) return;
  if (first < kSurrogates.first && last >= kSurrogates.first) {
    add(first, kSurrogates.first - 1);
    first = kSurrogates.first;
  }
  if (first >= kSurrogates.first && first <= kSurrogates.last) first = kSurrogates.last + 1;
  if (first > last) return;
  CodeRange range{first, std::min(last, kLastCode)};
  auto begin = std::lower_bound(ranges_.begin(), ranges_.end(), range.first,
                                [](const CodeRange& each, uint32_t code) { return each.last + 1 < code; });
  auto end = begin;
  for (; end != ranges_.end() && end->first <= range.last + 1; ++end)
    range = {std::min(range.first, end->first), std::max(range.last, end->last)};
  ranges_.insert(ranges_.erase(begin, end), range);
}

void CodeSet::add(const CodeSet& other) {
  for (const CodeRange& range : other.ranges_) add(range.first, range.last);
}

CodeSet CodeSet::complement() const {
  CodeSet rest;
  uint32_t next = 0;
  for (const CodeRange& range : ranges_) {
    if (range.first > next) rest.add(next, range.first - 1);
    next = range.last + 1;
  }
  rest.add(next, kLastCode);
  return rest;
}

CodeSet CodeSet::without(const CodeSet& other) const {
  CodeSet left = complement();
  left.add(other);
  return left.complement();
}

bool CodeSet::contains(uint32_t code) const {
  const auto range = std::lower_bound(ranges_.begin(), ranges_.end(), code,
                                      [](const CodeRange& each, uint32_t value) { return each.last < value; });
  return range != ranges_.end() && range->first <= code;
}

std::vector<ByteSequence> utf8_sequences(const CodeSet& set) {
  constexpr uint32_t kLengthEnds[] = {0x7F, 0x7FF, 0xFFFF, kLastCode};
  std::vector<ByteSequence> sequences;
  for (const CodeRange& range : set.ranges()) {
    for (uint32_t first = range.first; first <= range.last;) {
      const uint32_t last =
          std::min(range.last, *std::lower_bound(std::begin(kLengthEnds), std::end(kLengthEnds), first));
      split(first, last, sequences);
      first = last + 1;
    }
  }
  return sequences;
}

}  // namespace pent::grammar
