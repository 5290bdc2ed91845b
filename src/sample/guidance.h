// Classifier-free guidance without a classifier (LLaDA, arXiv:2502.09992 appendix; spec 20 §1.1): every forward also shows the model
// the canvas with each given cell masked, and what the text given makes more likely is made more likely still.
#pragma once

#include <cstddef>
#include <cstdint>

#include "model/pass_plan.h"
#include "sample/canvas.h"

namespace pent {

// Appends the unconditional twin of the rows [first_row, …) of the plan, which belong to one sequence, as rows of the sequence
// `twin`, and twins for the head rows [first_head, …). Cells that are fixed are masked in it; positions are cells.
void add_unconditional(const Canvas& canvas, int32_t twin, size_t first_row, size_t first_head, PassPlan& plan);

}  // namespace pent
