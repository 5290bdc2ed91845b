// Prefix and dual cache of Fast-dLLM v1, and the delayed cache of dKV-Cache.
#include "sample/cache.h"

#include <array>
#include <numeric>
#include <utility>

#include "base/error.h"

namespace pent {
namespace {

constexpr std::array<std::pair<CacheKind, std::string_view>, 6> kNames = {{{CacheKind::kNone, "none"},
                                                                           {CacheKind::kPrefix, "prefix"},
                                                                           {CacheKind::kDual, "dual"},
                                                                           {CacheKind::kDelayed, "delayed"},
                                                                           {CacheKind::kBlock, "block"},
                                                                           {CacheKind::kSubBlock, "sub-block"}}};

std::vector<int32_t> range(int32_t begin, int32_t end) {
  std::vector<int32_t> cells(static_cast<size_t>(end - begin));
  std::iota(cells.begin(), cells.end(), begin);
  return cells;
}

// Masked cells, and those decided one forward ago: keys and values change most when a cell stops being a mask.
std::vector<int32_t> undecided_a_forward_ago(const Canvas& canvas, int32_t step) {
  std::vector<int32_t> cells;
  for (int32_t cell = 0; cell < canvas.size(); ++cell) {
    const Cell& it = canvas[cell];
    const bool fresh = it.state == CellState::kCommitted && it.step == step - 1;
    if (fresh || it.state == CellState::kMasked) cells.push_back(cell);
  }
  return cells;
}

}  // namespace

std::string_view to_string(CacheKind kind) {
  for (const auto& [value, name] : kNames)
    if (value == kind) return name;
  PENT_CHECK(false, "cache kind {}", static_cast<int>(kind));
}

std::optional<CacheKind> parse_cache(std::string_view name) {
  for (const auto& [value, text] : kNames)
    if (text == name) return value;
  return std::nullopt;
}

bool is_exact(CacheKind kind) { return kind == CacheKind::kNone || kind == CacheKind::kBlock; }

bool is_for_block_causal(CacheKind kind) { return kind == CacheKind::kBlock || kind == CacheKind::kSubBlock; }

std::vector<int32_t> cells_to_compute(CacheKind kind, const Canvas& canvas, Block block, bool first_of_block,
                                      int32_t step) {
  if (kind == CacheKind::kDelayed && step % kDelayedRefresh != 0) return undecided_a_forward_ago(canvas, step);
  if (kind == CacheKind::kPrefix && !first_of_block) return range(block.begin, canvas.size());
  if (kind == CacheKind::kDual && !first_of_block) return range(block.begin, block.end);
  return range(0, canvas.size());
}

}  // namespace pent
