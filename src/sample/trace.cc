// Painting a canvas from the events of its generation.
#include "sample/trace.h"

namespace pent {

void paint(std::vector<Cell>& cells, const TraceEvent& event) {
  if (event.kind == TraceEvent::Kind::kBegin) cells.clear();
  move_cells(cells, event);
  for (const CellChange& change : event.changes) {
    PENT_CHECK(change.cell >= 0 && static_cast<size_t>(change.cell) <= cells.size(), "cell {} of {}", change.cell,
               cells.size());
    if (static_cast<size_t>(change.cell) == cells.size()) cells.emplace_back();
    cells[static_cast<size_t>(change.cell)] = {
        .token = change.token,
        .state = change.state,
        .confidence = change.confidence,
        .step = change.state == CellState::kCommitted ? event.step - 1 : -1};  // event.step counts this step too
  }
}

}  // namespace pent
