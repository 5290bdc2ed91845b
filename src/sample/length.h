// How long the canvas is, how it is cut into blocks, and how the steps are shared between them (sampler part "length").
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sample/canvas.h"

namespace pent {

enum class LengthKind {
  kFixed,    // the canvas as it is given
  kDaedal,   // DAEDAL (arXiv:2508.00819): from `initial` cells on it grows, before and while it is decided
  kDreamOn,  // DreamOn (sample/dreamon.h): from `initial` cells on the model makes it longer and shorter
};

struct LengthRule {
  LengthKind kind = LengthKind::kFixed;
  int initial = 0;  // cells to begin with, unless it is fixed
  int most = 0;     // cells at most; 0: --max-tokens says
  // kDaedal, the paper's names and values. Confidences in an end: so sure that stage 1 has cells enough, and stage 2 needs no more; and
  // the probability below which a cell of stage 2 is worth more cells.
  double tau_eos = 0.5, tau_expand = 0.9, tau_low = 0.1;

  bool operator==(const LengthRule&) const = default;
};
inline constexpr int kDaedalInitial = 64;  // the paper's

// "auto" (DAEDAL from 64 cells), "N" (a fixed canvas) or "MIN..MAX" (DAEDAL between them). Throws kInvalidArgument naming --length.
LengthRule parse_length(std::string_view text);
std::string to_string(const LengthRule& rule);

// Canvas cells [begin, end); where cells have priorities, those of this one.
struct Block {
  int32_t begin = 0;
  int32_t end = 0;
  double priority = 0;
};

// Blocks of block_length masked cells each, in position order, from the first masked cell to the last; the last block takes
// what is left and may be shorter. Fixed cells between holes lie inside a block and do not count. No masked cell: no block.
// `priorities`: of each cell, or empty; the blocks of the highest come first.
std::vector<Block> cut_blocks(const Canvas& canvas, int block_length, std::span<const double> priorities = {});

// The same for block-causal attention: blocks end at multiples of block_length counted from cell 0, and begin with their first
// masked cell.
std::vector<Block> cut_aligned_blocks(const Canvas& canvas, int block_length);

// `total` steps over `blocks` blocks as evenly as possible: the first blocks get one more, and every block at least one.
std::vector<int> share_steps(int total, int blocks);

}  // namespace pent
