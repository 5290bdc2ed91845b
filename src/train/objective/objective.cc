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

enum class Shape { kPlain, kBlock, kInfill };

Shape shape_of(size_t sequence, const ObjectiveRules& rules, uint32_t step) {
  if (rules.block_windows + rules.infill_windows <= 0) return Shape::kPlain;
  const double u = draw(rules, step, sequence, 0, DrawPurpose::kTime, 2);
  if (u < rules.block_windows) return Shape::kBlock;
  return u < rules.block_windows + rules.infill_windows ? Shape::kInfill : Shape::kPlain;
}

// Tokens [begin, end) of a window, noised and scored.
struct Span {
  size_t begin, end;
};

// What of the tokens [first, size), which are not none, is noised; ascending. A block window ends with its block, at the
// frontier; an infill window has no frontier before its end.
std::vector<Span> noised_spans(Shape shape, size_t first, size_t size, size_t sequence, const ObjectiveRules& rules,
                               uint32_t step) {
  if (shape == Shape::kPlain) return {{first, size}};
  uint32_t draws = 3;
  const auto uniform = [&](size_t least, size_t most) {
    const double u = draw(rules, step, sequence, 0, DrawPurpose::kTime, draws++);
    return least + static_cast<size_t>(u * static_cast<double>(most - least + 1));
  };
  const size_t frontier = shape == Shape::kBlock ? first + uniform(0, size - first - 1) : size;
  std::vector<Span> spans;
  for (size_t begin = first + uniform(0, kLongestGap); begin + kShortestGap < frontier;) {
    spans.push_back({begin, std::min(frontier - kShortestGap, begin + uniform(1, kLongestSpan))});
    begin = spans.back().end + uniform(kShortestGap, kLongestGap);
  }
  if (shape == Shape::kBlock) spans.push_back({frontier, std::min(size, frontier + uniform(1, kLongestBlock))});
  return spans;
}

void add_masked(const Window& window, size_t sequence, double t, const ObjectiveRules& rules, uint32_t step,
                NoisedBatch& batch) {
  const auto first = static_cast<size_t>(window.loss_begin), size = window.tokens.size();
  if (first >= size) return;
  const double p = (1 - rules.epsilon) * t + rules.epsilon;
  const Shape shape = shape_of(sequence, rules, step);
  const std::vector<Span> spans = noised_spans(shape, first, size, sequence, rules, step);
  // A window counts by its length, however few of its tokens are scored; but a handful must not weigh as hundreds do.
  const auto per_token = [&](double share, size_t scored) {
    return share * static_cast<double>(size - first) / static_cast<double>(std::max(scored, kFewestAtFullWeight));
  };
  auto& input = batch.inputs[sequence];
  const auto hide = [&](size_t j, double weight) {
    input[j] = rules.mask;
    batch.rows.push_back(
        {static_cast<int32_t>(sequence), static_cast<int32_t>(j), window.tokens[j], static_cast<float>(weight)});
  };
  size_t noised = 0;
  for (const Span& span : spans) noised += span.end - span.begin;
  const double weight = shape == Shape::kPlain   ? 1 / p
                        : shape == Shape::kBlock ? per_token(1 - kShareBehindBlock, noised) / p
                                                 : per_token(1, noised) / p;
  for (const Span& span : spans) {
    for (size_t j = span.begin; j < span.end; ++j)
      if (draw(rules, step, sequence, j, DrawPurpose::kNoise) < p) hide(j, weight);
  }
  if (shape == Shape::kBlock) {
    const size_t behind = spans.back().end;
    for (size_t j = behind; j < size; ++j) hide(j, per_token(kShareBehindBlock, size - behind));
  }
  batch.eligible += static_cast<int64_t>(size - first);
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
