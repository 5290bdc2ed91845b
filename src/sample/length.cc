// Fixed canvases, decoded as one block or block by block (spec 20 §1).
#include "sample/length.h"

#include <algorithm>

#include "base/error.h"

namespace pent {

std::vector<Block> cut_blocks(const Canvas& canvas, int block_length) {
  PENT_CHECK(block_length >= 1, "block length {}", block_length);
  std::vector<Block> blocks;
  int in_block = block_length;  // a full block: the first masked cell opens a new one
  for (int32_t cell = 0; cell < canvas.size(); ++cell) {
    if (canvas[cell].state != CellState::kMasked) continue;
    if (in_block == block_length) {
      blocks.push_back({cell, cell + 1});
      in_block = 0;
    }
    blocks.back().end = cell + 1;
    ++in_block;
  }
  return blocks;
}

std::vector<Block> cut_aligned_blocks(const Canvas& canvas, int block_length) {
  PENT_CHECK(block_length >= 1, "block length {}", block_length);
  std::vector<Block> blocks;
  for (int32_t cell = 0; cell < canvas.size(); ++cell) {
    if (canvas[cell].state != CellState::kMasked || (!blocks.empty() && cell < blocks.back().end)) continue;
    const int64_t end = (int64_t{cell} / block_length + 1) * block_length;
    blocks.push_back({cell, static_cast<int32_t>(std::min<int64_t>(end, canvas.size()))});
  }
  return blocks;
}

std::vector<int> share_steps(int total, int blocks) {
  PENT_CHECK(total >= 1 && blocks >= 0, "{} steps, {} blocks", total, blocks);
  std::vector<int> steps;
  for (int block = 0; block < blocks; ++block)
    steps.push_back(std::max(1, total / blocks + (block < total % blocks ? 1 : 0)));
  return steps;
}

}  // namespace pent
