// What --mode auto does with a request (engine/mode_planner.h says by what rule).
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "engine/mode_planner.h"

namespace pent {

struct Model;

struct AutoMode {
  std::shared_ptr<ModePlanner> planner;  // null: the model's own mode and nothing else …
  std::string reason;                    // … for this reason
};

// `answers`: written together, candidates included; an answer has at most max_tokens. Makes model.planner where it is worth it, from
// the curve that an earlier process kept or from one that it measures now, in half a second or one forward of each size.
AutoMode plan_auto(Model& model, int max_tokens, size_t answers);

}  // namespace pent
