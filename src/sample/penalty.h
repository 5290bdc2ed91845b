// The repetition penalty's neighbourhood: which tokens count as recent for a cell.
#pragma once

#include <cstdint>
#include <span>

#include "model/pass_plan.h"
#include "sample/canvas.h"
#include "sample/preset.h"

namespace pent {

// Appends to request.recent, for a head row that asks for `cell`, the distinct tokens decided at most params.repetition_window
// cells from it on either side, prompt included, stop tokens left out; nothing when there is no penalty. What stands in the cell
// itself repeats nothing: a decoder that asks for it again, to edit it, must not be told to change it.
void request_penalty(const SamplingParams& params, const Canvas& canvas, int32_t cell,
                     std::span<const int32_t> stop_ids, HeadRequest& request);

}  // namespace pent
