// The stream of events of one generation. The terminal view, --trace files, the server's stream and the metrics all draw
// from it; replaying it paints the same picture.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "sample/canvas.h"

namespace pent {

struct CellChange {
  int32_t cell = 0;  // index in the canvas (prompt included)
  int32_t token = 0;
  float confidence = 0;
  CellState state = CellState::kMasked;
};

struct TraceEvent {
  enum class Kind { kBegin, kStep, kEnd };
  Kind kind = Kind::kStep;
  int32_t n_index = 0;                     // which of the -n answers
  double seconds = 0;                      // since the generation began
  int32_t step = 0;                        // denoising steps done
  int32_t nfe = 0;                         // forwards done
  int32_t block_begin = 0, block_end = 0;  // the active block, canvas cells
  std::vector<CellChange> changes;         // kBegin: every cell; kStep: what changed
  std::string finish_reason;               // kEnd
};

using TraceSink = std::function<void(const TraceEvent&)>;

// The picture so far: kBegin lays the cells down, kStep changes them or appends one behind the last (AR). The cells of a
// canvas after all events of its generation are the final canvas. PENT_CHECK: every change is of a cell or the one behind.
void paint(std::vector<Cell>& cells, const TraceEvent& event);

}  // namespace pent
