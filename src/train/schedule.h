// Learning rates over a run: warm-up, then stable-and-decay (WSD) or cosine.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>

#include "train/recipe/recipe.h"

namespace pent::train {

// Where a run stands; saved with it. With max_minutes the borders move once, when the decay begins.
struct ScheduleBorders {
  int64_t decay_begin = 0;
  int64_t end = 0;
};

inline ScheduleBorders planned_borders(const Recipe& r) {
  const auto decay = static_cast<int64_t>(std::llround(r.schedule.decay * static_cast<double>(r.schedule.steps)));
  return {.decay_begin = r.schedule.steps - decay, .end = r.schedule.steps};
}

// For step 0, 1, …: the first update already moves.
inline double learning_rate(const Recipe& r, const ScheduleBorders& borders, int64_t step) {
  const double final_lr = r.schedule.final_lr, n = static_cast<double>(step) + 1;
  if (step < r.schedule.warmup) return r.optimizer.lr * n / static_cast<double>(r.schedule.warmup);
  if (r.schedule.kind == "cosine") {
    const double span = static_cast<double>(std::max<int64_t>(borders.end - r.schedule.warmup, 1));
    const double done = std::min(1.0, (n - static_cast<double>(r.schedule.warmup)) / span);
    return r.optimizer.lr * (final_lr + (1 - final_lr) * 0.5 * (1 + std::cos(std::numbers::pi * done)));
  }
  if (step < borders.decay_begin) return r.optimizer.lr;
  const double span = static_cast<double>(std::max<int64_t>(borders.end - borders.decay_begin, 1));
  return r.optimizer.lr * (1 - (1 - final_lr) * std::min(1.0, (n - static_cast<double>(borders.decay_begin)) / span));
}

}  // namespace pent::train
