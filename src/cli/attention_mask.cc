// A row of a block sees its whole block and all that is before it (block-causal attention, as in Block Diffusion,
// arXiv:2503.09573); a row of the prefix sees itself and what is before it.
#include "cli/attention_mask.h"

#include <algorithm>
#include <charconv>
#include <numeric>

#include "base/error.h"

namespace pent::cli {
namespace {

bool read_number(std::string_view text, int32_t& value) {
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  return problem == std::errc() && end == text.data() + text.size();
}

// One past the last position that position `p` of `n` sees.
int32_t sight(const AttentionMask& mask, int32_t p, int32_t n) {
  switch (mask.kind) {
    case AttentionMask::Kind::kFull: return n;
    case AttentionMask::Kind::kCausal: return p + 1;
    case AttentionMask::Kind::kBlock: break;
  }
  if (p < mask.prefix) return p + 1;
  const int64_t end = mask.prefix + (int64_t{p - mask.prefix} / mask.block + 1) * mask.block;
  return static_cast<int32_t>(std::min<int64_t>(end, n));
}

}  // namespace

AttentionMask parse_attention_mask(std::string_view text) {
  using Kind = AttentionMask::Kind;
  if (text == "full") return {.kind = Kind::kFull};
  if (text == "causal") return {.kind = Kind::kCausal};
  AttentionMask mask{.kind = Kind::kBlock};
  if (text.starts_with("block:")) {
    const std::string_view numbers = text.substr(6);
    const size_t colon = numbers.find(':');
    const bool prefix_read = colon == std::string_view::npos || read_number(numbers.substr(colon + 1), mask.prefix);
    if (read_number(numbers.substr(0, colon), mask.block) && prefix_read && mask.block > 0 && mask.prefix >= 0) {
      return mask;
    }
  }
  throw error(ErrorKind::kInvalidArgument, "--mask {}: expected causal, full, block:B or block:B:P with B > 0, P >= 0",
              printable(text));
}

PassPlan make_pass_plan(const AttentionMask& mask, int32_t sequence, std::span<const int32_t> tokens) {
  const auto n = static_cast<int32_t>(tokens.size());
  PassPlan plan;
  plan.sequences = {{.sequence = sequence, .row_begin = 0, .row_end = static_cast<uint32_t>(n)}};
  for (int32_t p = 0; p < n; ++p) {
    const SlotRange seen{0, sight(mask, p, n)};
    if (plan.ranges.empty() || plan.ranges.back().end != seen.end) plan.ranges.push_back(seen);
    plan.rows.push_back({.token = tokens[static_cast<size_t>(p)],
                         .position = p,
                         .slot = p,
                         .ranges_begin = static_cast<uint32_t>(plan.ranges.size() - 1),
                         .ranges_count = 1});
  }
  plan.head_rows.resize(static_cast<size_t>(n));
  std::iota(plan.head_rows.begin(), plan.head_rows.end(), 0u);
  return plan;
}

}  // namespace pent::cli
