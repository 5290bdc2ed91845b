// Cache policies of full-attention models: which rows of the canvas a forward computes, and which keep the keys and values of an
// earlier one. A policy is nothing but a way to make pass plans (model/pass_plan.h). Source: Fast-dLLM (arXiv:2505.22618;
// spec 20 §8.1, §8.2).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "model/pass_plan.h"
#include "sample/length.h"

namespace pent {

// All but kNone are approximations: rows that are kept saw the canvas as it was when their block began.
enum class CacheKind {
  kNone,    // every forward computes the whole canvas
  kPrefix,  // what lies before the active block is kept: prompt and finished blocks
  kDual,    // what lies before and behind the active block is kept
};
std::string_view to_string(CacheKind kind);
std::optional<CacheKind> parse_cache(std::string_view name);  // "none", "prefix", "dual"

// Appends to `plan` the rows of one forward over a canvas that shows `tokens`. The first forward of a block computes all of
// them, whatever the policy; so what is kept is never older than the block. Returns the cell of the first row.
int32_t plan_canvas(CacheKind kind, int32_t sequence, std::span<const int32_t> tokens, Block block, bool first_of_block,
                    PassPlan& plan);

}  // namespace pent
