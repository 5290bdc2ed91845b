// The unconditional half of a guided forward.
#include "sample/guidance.h"

#include "base/error.h"

namespace pent {

void add_unconditional(const Canvas& canvas, int32_t twin, size_t first_row, size_t first_head, PassPlan& plan) {
  const size_t end = plan.rows.size();
  PENT_CHECK(first_row < end && plan.twin_rows.size() == first_head, "{} twins before head row {}",
             plan.twin_rows.size(), first_head);
  for (size_t row = first_row; row < end; ++row) {
    PassRow copy = plan.rows[row];
    if (canvas[copy.position].state == CellState::kFixed) copy.token = canvas.mask_id();
    plan.rows.push_back(copy);
  }
  plan.sequences.push_back({twin, static_cast<uint32_t>(end), static_cast<uint32_t>(plan.rows.size())});
  const auto offset = static_cast<uint32_t>(end - first_row);
  for (size_t head = first_head; head < plan.head_rows.size(); ++head)
    plan.twin_rows.push_back(plan.head_rows[head] + offset);
}

}  // namespace pent
