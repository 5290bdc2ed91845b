#include "model/pass_plan.h"

#include <algorithm>
#include <iterator>

namespace pent {

void PassPlan::clear() {
  rows.clear();
  sequences.clear();
  ranges.clear();
  head_rows.clear();
  twin_rows.clear();
}

void PassPlan::add_full(int32_t sequence, std::span<const int32_t> tokens, int32_t first_position) {
  add_window(sequence, tokens, first_position, first_position + static_cast<int32_t>(tokens.size()));
}

void PassPlan::add_window(int32_t sequence, std::span<const int32_t> tokens, int32_t first_position, int32_t seen) {
  const auto row_begin = static_cast<uint32_t>(rows.size()), range = static_cast<uint32_t>(ranges.size());
  ranges.push_back({0, seen});
  for (int32_t position = first_position; const int32_t token : tokens) {
    rows.push_back({token, position, position, range, 1});
    ++position;
  }
  sequences.push_back({sequence, row_begin, static_cast<uint32_t>(rows.size())});
}

void PassPlan::add_cells(int32_t sequence, std::span<const int32_t> canvas, std::span<const int32_t> cells) {
  const auto row_begin = static_cast<uint32_t>(rows.size()), range = static_cast<uint32_t>(ranges.size());
  ranges.push_back({0, static_cast<int32_t>(canvas.size())});
  for (const int32_t cell : cells) rows.push_back({canvas[static_cast<size_t>(cell)], cell, cell, range, 1});
  sequences.push_back({sequence, row_begin, static_cast<uint32_t>(rows.size())});
}

std::vector<uint32_t> PassPlan::wanted_rows() const {
  std::vector<uint32_t> rows;
  std::set_union(head_rows.begin(), head_rows.end(), twin_rows.begin(), twin_rows.end(), std::back_inserter(rows));
  return rows;
}

void PassPlan::add_causal(int32_t sequence, std::span<const int32_t> tokens, int32_t first_position) {
  const auto row_begin = static_cast<uint32_t>(rows.size());
  for (int32_t position = first_position; const int32_t token : tokens) {
    ranges.push_back({0, position + 1});
    rows.push_back({token, position, position, static_cast<uint32_t>(ranges.size() - 1), 1});
    ++position;
  }
  sequences.push_back({sequence, row_begin, static_cast<uint32_t>(rows.size())});
}

void PassPlan::add_block_causal(int32_t sequence, std::span<const int32_t> tokens, int32_t block_size,
                                int32_t first_position) {
  const auto row_begin = static_cast<uint32_t>(rows.size());
  const int32_t end = first_position + static_cast<int32_t>(tokens.size());
  int32_t seen = 0;  // by the block of the last row added
  for (int32_t position = first_position; const int32_t token : tokens) {
    if (position >= seen) {
      seen = static_cast<int32_t>(std::min<int64_t>((int64_t{position} / block_size + 1) * block_size, end));
      ranges.push_back({0, seen});
    }
    rows.push_back({token, position, position, static_cast<uint32_t>(ranges.size() - 1), 1});
    ++position;
  }
  sequences.push_back({sequence, row_begin, static_cast<uint32_t>(rows.size())});
}

}  // namespace pent
