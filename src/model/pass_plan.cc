#include "model/pass_plan.h"

namespace pent {
namespace {

void add_rows(PassPlan& plan, int32_t sequence, std::span<const int32_t> tokens, int32_t first_position, bool causal) {
  const uint32_t row_begin = static_cast<uint32_t>(plan.rows.size());
  const int32_t end = first_position + static_cast<int32_t>(tokens.size());
  if (!causal) plan.ranges.push_back({0, end});
  for (int32_t i = 0; i < static_cast<int32_t>(tokens.size()); ++i) {
    const int32_t position = first_position + i;
    if (causal) plan.ranges.push_back({0, position + 1});
    plan.rows.push_back({tokens[i], position, position, static_cast<uint32_t>(plan.ranges.size() - 1), 1});
  }
  plan.sequences.push_back({sequence, row_begin, static_cast<uint32_t>(plan.rows.size())});
}

}  // namespace

void PassPlan::clear() {
  rows.clear();
  sequences.clear();
  ranges.clear();
  head_rows.clear();
}

void PassPlan::add_full(int32_t sequence, std::span<const int32_t> tokens, int32_t first_position) {
  add_rows(*this, sequence, tokens, first_position, false);
}

void PassPlan::add_causal(int32_t sequence, std::span<const int32_t> tokens, int32_t first_position) {
  add_rows(*this, sequence, tokens, first_position, true);
}

}  // namespace pent
