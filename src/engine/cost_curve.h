// T(rows): what a forward of so many rows of one sequence takes on this machine (spec 31 §5.2). `pent bench rows` prints it, the mode
// planner decides by it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "base/json.h"
#include "model/denoiser.h"

namespace pent {

struct RowSeconds {
  int rows = 0;
  double seconds = 0;
};

class CostCurve {
 public:
  // Rows ascending, times above 0, at least one point.
  explicit CostCurve(std::vector<RowSeconds> points);

  const std::vector<RowSeconds>& points() const { return points_; }
  // Between the points, and beyond the last: a straight line. One point alone: in proportion to the rows.
  double seconds(double rows) const;

 private:
  std::vector<RowSeconds> points_;
};

// Tokens that are text to any model, from a counter.
std::vector<int32_t> some_tokens(const ModelSpec& spec, int count, uint64_t seed = 1);

// Forwards to be timed: `rows` rows behind `prefix` cached ones, all of them asked for.
class RowForwards {
 public:
  // most: rows of the largest. Throws kInvalidArgument when that is beyond the context.
  RowForwards(Denoiser& denoiser, int prefix, int most);
  void run(int rows);

 private:
  Denoiser& denoiser_;
  int prefix_;
  OpenSequence sequence_;
  std::vector<int32_t> tokens_;
  PassPlan plan_;
  PassResult result_;
};

// The medians of a few rounds: as many as take about `budget` seconds, one at least. `rows` ascending.
CostCurve measure_costs(Denoiser& denoiser, const std::vector<int>& rows, double budget);

// A curve kept in a file, for one key: which weights, kernels, threads (ModelCosts). A file that is not there, is of another key or
// damaged holds none; one that cannot be written is not.
std::optional<CostCurve> read_costs(const std::filesystem::path& path, const Json& key);
void write_costs(const std::filesystem::path& path, const Json& key, const CostCurve& curve);

}  // namespace pent
