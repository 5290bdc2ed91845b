// Cache policies: which cells of the canvas a forward computes, and which keep the keys and values of an earlier one. A policy is
// nothing but a way to make pass plans (model/pass_plan.h). Sources: Fast-dLLM (arXiv:2505.22618; spec 20 §8.1, §8.2), dKV-Cache
// (arXiv:2505.15781; spec 20 §15), Fast-dLLM v2 (arXiv:2509.26328; spec 20 §8.4).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "model/pass_plan.h"
#include "sample/canvas.h"
#include "sample/length.h"

namespace pent {

// kPrefix, kDual and kDelayed are for full attention, kBlock and kSubBlock for block-causal. All but kNone and kBlock are
// approximations: cells that are kept saw the canvas as it was when they were last computed.
enum class CacheKind {
  kNone,      // every forward computes the whole canvas
  kPrefix,    // what lies before the active block is kept: prompt and finished blocks
  kDual,      // what lies before and behind the active block is kept
  kDelayed,   // prompt and decided cells are kept, each from the second forward after it was decided (dKV-Cache-Decode)
  kBlock,     // attention blocks that are wholly decided are kept: nothing behind them changes what they are
  kSubBlock,  // and within the block being decoded the sub-blocks that are not (Fast-dLLM v2)
};
std::string_view to_string(CacheKind kind);
std::optional<CacheKind> parse_cache(
    std::string_view name);  // "none", "prefix", "dual", "delayed", "block", "sub-block"
bool is_exact(CacheKind kind);
bool is_for_block_causal(CacheKind kind);  // kNone is for both

// The cells that forward number `step` (of this canvas, from 0) computes, ascending. The whole canvas: with kPrefix and kDual in
// the first forward of a block, with kDelayed every kDelayedRefresh forwards; so what is kept is never older.
inline constexpr int32_t kDelayedRefresh = 8;  // cache_steps, as its authors use it with LLaDA
std::vector<int32_t> cells_to_compute(CacheKind kind, const Canvas& canvas, Block block, bool first_of_block,
                                      int32_t step);

}  // namespace pent
