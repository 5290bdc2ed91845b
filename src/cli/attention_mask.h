// The attention masks of `pent logits --mask`, as pass plans.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "model/pass_plan.h"

namespace pent::cli {

struct AttentionMask {
  enum class Kind { kFull, kCausal, kBlock };
  Kind kind = Kind::kFull;
  int32_t block = 0;   // kBlock: cells per block …
  int32_t prefix = 0;  // … from this position on; those before are causal
};

// "causal", "full", "block:B" or "block:B:P". Throws kInvalidArgument.
AttentionMask parse_attention_mask(std::string_view text);

// All tokens in one pass, the head on every row.
PassPlan make_pass_plan(const AttentionMask& mask, int32_t sequence, std::span<const int32_t> tokens);

}  // namespace pent::cli
