// Training a recipe, from text files to an exported model. Free of LibTorch's headers.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/cancel.h"
#include "train/recipe/recipe.h"

namespace pent::train {

struct TrainOptions {
  bool resume = false;                  // go on from the newest checkpoint; without one, start
  bool dry_run = false;                 // print the plan only
  const CancelToken* cancel = nullptr;  // when set: checkpoint, then stop
};

struct TrainResult {
  std::filesystem::path model;       // the exported model; empty after a dry run or a cancelled one
  std::optional<double> validation;  // nats per token of what was exported (a bound for diffusion)
  bool cancelled = false;
};

// Progress goes to stderr: a bar on a terminal, plain lines otherwise. Figures go to metrics.jsonl in the run
// directory.
TrainResult train(const Recipe& recipe, const TrainOptions& options);

}  // namespace pent::train
