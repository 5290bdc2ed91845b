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

PassPlan cut_to_window(const PassPlan& plan, int32_t window) {
  PassPlan cut = plan;
  cut.ranges.clear();
  for (const PassSequence& sequence : plan.sequences) {
    for (uint32_t index = sequence.row_begin; index < sequence.row_end; ++index) {
      PassRow& row = cut.rows[index];
      const int32_t first = plan.rows[sequence.denoises ? sequence.row_begin : index].slot - window + 1;
      const auto ranges = std::span(plan.ranges).subspan(row.ranges_begin, row.ranges_count);
      row.ranges_begin = static_cast<uint32_t>(cut.ranges.size());
      for (const SlotRange& range : ranges)
        if (range.end > first) cut.ranges.push_back({std::max(range.begin, first), range.end});
      row.ranges_count = static_cast<uint32_t>(cut.ranges.size()) - row.ranges_begin;
    }
  }
  return cut;
}

}  // namespace pent
