// What --mode auto does with a request (engine/mode_planner.h says by what rule).
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "engine/mode_planner.h"
#include "sample/preset.h"

namespace pent {

struct Model;

struct AutoMode {
  std::shared_ptr<ModePlanner> planner;  // null: the model's own mode and nothing else …
  std::string reason;                    // … for this reason
};

// `params`: of one of the `answers` that are written together, candidates included. Makes model.planner where it is worth it, from
// the curve that an earlier process kept or from one that it measures now, in half a second or one forward of each size.
AutoMode plan_auto(Model& model, const SamplingParams& params, size_t answers);

}  // namespace pent
