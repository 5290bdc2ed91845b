// The stream of events of one generation. The terminal view, --trace files, the server's stream and the metrics all draw
// from it; replaying it paints the same picture.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/error.h"
#include "sample/canvas.h"

namespace pent {

struct CellChange {
  int32_t cell = 0;  // index in the canvas (prompt included)
  int32_t token = 0;
  float confidence = 0;
  CellState state = CellState::kMasked;
};

// How cells moved: those of [cell, cell + removed) went, then `inserted` masked ones came before what stood behind them.
struct Splice {
  int32_t cell = 0;
  int32_t removed = 0;
  int32_t inserted = 0;
};

struct TraceEvent {
  enum class Kind { kBegin, kStep, kEnd };
  Kind kind = Kind::kStep;
  int32_t n_index = 0;                     // which of the -n answers
  double seconds = 0;                      // since the generation began
  int32_t step = 0;                        // denoising steps done
  int32_t nfe = 0;                         // forwards done
  int32_t block_begin = 0, block_end = 0;  // the active block, canvas cells
  std::vector<CellChange> changes;         // kBegin: every cell; kStep: what changed, inserted cells included
  std::vector<Splice> splices;  // kStep: one after the other, before the changes, whose cells count after them
  std::string finish_reason;    // kEnd
  int32_t tokens =
      -1;  // kEnd: of the answer, as far as it is final, from the first cell that was not fixed on; -1: not said
};

using TraceSink = std::function<void(const TraceEvent&)>;

// Moves anything that is kept for each cell as the event moves cells; what is new is value-initialised. PENT_CHECK: a splice
// is of cells that are there.
template <typename PerCell>
void move_cells(std::vector<PerCell>& cells, const TraceEvent& event) {
  for (const Splice& splice : event.splices) {
    PENT_CHECK(splice.cell >= 0 && splice.removed >= 0 && splice.inserted >= 0 &&
                   splice.cell + int64_t{splice.removed} <= static_cast<int64_t>(cells.size()),
               "splice at {} of {}", splice.cell, cells.size());
    const auto at = cells.erase(cells.begin() + splice.cell, cells.begin() + splice.cell + splice.removed);
    cells.insert(at, static_cast<size_t>(splice.inserted), PerCell{});
  }
}

// The picture so far: kBegin lays the cells down, kStep moves and changes them or appends one behind the last (AR). The cells
// of a canvas after all events of its generation are the final canvas. PENT_CHECK: every change is of a cell or the one behind.
void paint(std::vector<Cell>& cells, const TraceEvent& event);

}  // namespace pent
