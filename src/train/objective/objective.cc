// Masked diffusion and next-token prediction (objective/objective.h). Draws are keyed by (seed, step, sequence,
// position): they do not depend on threads or micro-batches and need no state.
#include "train/objective/objective.h"

#include <cmath>
#include <numeric>

#include "base/random.h"

namespace pent::train {
namespace {

double draw(const ObjectiveRules& rules, uint32_t step, size_t sequence, size_t position, DrawPurpose purpose,
            uint32_t index = 0) {
  return draw_uniform({.seed = rules.seed,
                       .n_index = static_cast<uint32_t>(sequence),
                       .step = step,
                       .cell = static_cast<uint32_t>(position),
                       .purpose = purpose,
                       .index = index});
}

// One t per window, one in each of n equal cells of [0, 1); which window gets which cell is drawn as well, because
// windows come sorted by length.
std::vector<double> stratified_times(size_t n, const ObjectiveRules& rules, uint32_t step) {
  std::vector<size_t> cells(n);
  std::iota(cells.begin(), cells.end(), size_t{0});
  for (size_t i = n; i > 1; --i)
    std::swap(cells[i - 1],
              cells[static_cast<size_t>(draw(rules, step, i, 0, DrawPurpose::kTime, 1) * static_cast<double>(i))]);
  std::vector<double> times(n);
  for (size_t i = 0; i < n; ++i)
    times[i] = (static_cast<double>(cells[i]) + draw(rules, step, i, 0, DrawPurpose::kTime)) / static_cast<double>(n);
  return times;
}

// Where a window is noised: clean before `begin`; from `end` to `last` all masked; clean from `last`.
struct NoisedRegion {
  size_t begin, end, last;
};

NoisedRegion noised_region(const Window& window, size_t sequence, const ObjectiveRules& rules, uint32_t step) {
  const auto first = static_cast<size_t>(window.loss_begin), size = window.tokens.size();
  const NoisedRegion whole = {first, size, size};
  if (rules.block_windows + rules.infill_windows <= 0 || first >= size) return whole;
  const auto uniform = [&](uint32_t index, size_t below) {
    return static_cast<size_t>(draw(rules, step, sequence, 0, DrawPurpose::kTime, index) * static_cast<double>(below));
  };
  const double shape = draw(rules, step, sequence, 0, DrawPurpose::kTime, 2);
  if (shape >= rules.block_windows + rules.infill_windows) return whole;
  const size_t begin = first + uniform(3, size - first);
  const size_t end = std::min(size, begin + 1 + uniform(4, kLongestBlock));
  return {begin, end, shape < rules.block_windows ? size : end};
}

void add_masked(const Window& window, size_t sequence, double t, const ObjectiveRules& rules, uint32_t step,
                NoisedBatch& batch) {
  const double p = (1 - rules.epsilon) * t + rules.epsilon;
  const NoisedRegion region = noised_region(window, sequence, rules, step);
  auto& input = batch.inputs[sequence];
  for (size_t j = region.begin; j < region.last; ++j) {
    ++batch.eligible;
    const double chance = j < region.end ? p : 1;
    if (draw(rules, step, sequence, j, DrawPurpose::kNoise) >= chance) continue;
    input[j] = rules.mask;
    batch.rows.push_back(
        {static_cast<int32_t>(sequence), static_cast<int32_t>(j), window.tokens[j], static_cast<float>(1 / chance)});
  }
}

void add_next(const Window& window, size_t sequence, const ObjectiveRules& rules, uint32_t step, NoisedBatch& batch) {
  auto& input = batch.inputs[sequence];
  for (size_t j = static_cast<size_t>(std::max(1, window.loss_begin)); j < window.tokens.size(); ++j) {
    ++batch.eligible;
    batch.rows.push_back({static_cast<int32_t>(sequence), static_cast<int32_t>(j - 1), window.tokens[j], 1.0f});
    if (rules.token_mask > 0 && draw(rules, step, sequence, j, DrawPurpose::kNoise) < rules.token_mask)
      input[j] = rules.mask;
  }
}

}  // namespace

NoisedBatch noise_batch(std::span<const Window> windows, const ObjectiveRules& rules, uint32_t step) {
  NoisedBatch batch;
  for (const Window& window : windows) batch.inputs.push_back(window.tokens);
  const auto times = rules.diffusion ? stratified_times(windows.size(), rules, step) : std::vector<double>();
  for (size_t i = 0; i < windows.size(); ++i) {
    if (rules.diffusion) {
      add_masked(windows[i], i, times[i], rules, step, batch);
    } else {
      add_next(windows[i], i, rules, step, batch);
    }
  }
  const float scale = 1.0f / static_cast<float>(std::max<int64_t>(batch.eligible, 1));
  for (auto& row : batch.rows) row.weight *= scale;
  return batch;
}

}  // namespace pent::train
