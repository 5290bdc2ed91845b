// Probabilities of given tokens, each left out of what the model sees.
#include "sample/warm_start.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <numeric>

#include "base/error.h"

namespace pent {

std::vector<double> leave_out_probabilities(Denoiser& denoiser, const Canvas& canvas, std::span<const int32_t> cells,
                                            std::span<const int32_t> banned) {
  const bool shift = denoiser.spec().shift;
  PassPlan plan;
  HeadRequest request;
  for (const int32_t token : banned) request.biases.push_back({token, -std::numeric_limits<float>::infinity()});
  std::vector<std::unique_ptr<OpenSequence>> sequences;
  std::vector<size_t> asked;  // indices in `cells`, in the order of the head rows
  std::vector<int32_t> all(static_cast<size_t>(canvas.size()));
  std::iota(all.begin(), all.end(), 0);
  for (int group = 0; group < kLeaveOutGroups; ++group) {
    std::vector<int32_t> tokens = canvas.tokens();
    const auto first_row = static_cast<uint32_t>(plan.rows.size());
    bool any = false;
    for (size_t i = 0; i < cells.size(); ++i) {
      if (cells[i] % kLeaveOutGroups != group || (shift && cells[i] == 0)) continue;
      tokens[static_cast<size_t>(cells[i])] = canvas.mask_id();
      plan.head_rows.push_back(first_row + static_cast<uint32_t>(cells[i] - (shift ? 1 : 0)));
      request.targets.push_back(canvas[cells[i]].token);
      asked.push_back(i);
      any = true;
    }
    if (!any) continue;
    sequences.push_back(std::make_unique<OpenSequence>(denoiser, canvas.size()));
    plan.add_cells(sequences.back()->handle(), tokens, all);
  }
  std::vector<double> probabilities(cells.size(), 1.0);
  if (asked.empty()) return probabilities;
  PassResult result;
  denoiser.forward(plan, request, result);
  for (size_t row = 0; row < asked.size(); ++row)
    probabilities[asked[row]] =
        std::exp(static_cast<double>(result.rows[row].target_logit) - result.rows[row].log_sum_exp);
  return probabilities;
}

std::vector<size_t> cells_to_open(std::span<const double> probabilities, std::optional<double> strength) {
  const size_t count = probabilities.size();
  std::vector<size_t> opened;
  if (!strength) {
    const auto doubted = [&](size_t i) { return i < count && probabilities[i] < kDoubted; };
    for (size_t i = 0; i < count; ++i)
      if (doubted(i) || doubted(i + 1) || (i > 0 && doubted(i - 1))) opened.push_back(i);
    return opened;
  }
  PENT_CHECK(*strength >= 0 && *strength <= 1, "strength {}", *strength);
  opened.resize(count);
  std::iota(opened.begin(), opened.end(), size_t{0});
  std::stable_sort(opened.begin(), opened.end(),
                   [&](size_t a, size_t b) { return probabilities[a] < probabilities[b]; });
  constexpr double kRounding = 1e-9;  // 0.1 of 30 is three
  opened.resize(std::min(count, static_cast<size_t>(std::ceil(*strength * static_cast<double>(count) - kRounding))));
  std::sort(opened.begin(), opened.end());
  return opened;
}

}  // namespace pent
