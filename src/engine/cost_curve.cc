#include "engine/cost_curve.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>

#include "base/error.h"
#include "base/mapped_file.h"
#include "base/random.h"

namespace pent {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr int kSchema = 1, kMostRounds = 15;
constexpr size_t kMostBytes = 1 << 20;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

bool is_point(const Json& point) {
  return point.is_array() && point.size() == 2 && point[0].is_number_unsigned() && point[0].get<uint64_t>() >= 1 &&
         point[0].get<uint64_t>() <= 1 << 20 && point[1].is_number() && point[1].get<double>() > 0 &&
         point[1].get<double>() < 1e6;
}

}  // namespace

CostCurve::CostCurve(std::vector<RowSeconds> points) : points_(std::move(points)) {
  PENT_CHECK(!points_.empty());
  for (size_t i = 0; i < points_.size(); ++i)
    PENT_CHECK(points_[i].seconds > 0 && (i == 0 ? points_[i].rows > 0 : points_[i].rows > points_[i - 1].rows));
}

double CostCurve::seconds(double rows) const {
  if (points_.size() == 1) return points_[0].seconds * rows / points_[0].rows;
  size_t i = 1;
  while (i + 1 < points_.size() && points_[i].rows < rows) ++i;
  const RowSeconds &a = points_[i - 1], &b = points_[i];
  return a.seconds + (rows - a.rows) / (b.rows - a.rows) * (b.seconds - a.seconds);
}

std::vector<int32_t> some_tokens(const ModelSpec& spec, int count, uint64_t seed) {
  std::vector<int32_t> tokens(static_cast<size_t>(count));
  for (size_t i = 0; i < tokens.size(); ++i) {
    const double u = draw_uniform({.seed = seed, .cell = static_cast<uint32_t>(i), .purpose = DrawPurpose::kData});
    tokens[i] = static_cast<int32_t>(u * std::min(spec.vocab_size, 4000));
    if (tokens[i] == spec.mask_id) tokens[i] = tokens[i] == 0 ? 1 : tokens[i] - 1;
  }
  return tokens;
}

RowForwards::RowForwards(Denoiser& denoiser, int prefix, int most)
    : denoiser_(denoiser),
      prefix_(prefix),
      sequence_(denoiser, std::min(prefix + most, denoiser.spec().max_positions)),
      tokens_(some_tokens(denoiser.spec(), prefix + most)) {
  if (prefix + most > denoiser.spec().max_positions)
    throw error(ErrorKind::kInvalidArgument,
                "{} rows over {} cached ones takes {} positions, but the model's context is {}", most, prefix,
                prefix + most, denoiser.spec().max_positions);
  if (prefix == 0) return;
  plan_.add_causal(sequence_.handle(), std::span(tokens_).first(static_cast<size_t>(prefix)));
  denoiser_.forward(plan_, {}, result_);
}

void RowForwards::run(int rows) {
  plan_.clear();
  const auto shown = std::span(tokens_).subspan(static_cast<size_t>(prefix_), static_cast<size_t>(rows));
  if (denoiser_.spec().is_masked_diffusion()) {
    plan_.add_window(sequence_.handle(), shown, prefix_, prefix_ + rows);
  } else {
    plan_.add_causal(sequence_.handle(), shown, prefix_);
  }
  for (uint32_t row = 0; row < static_cast<uint32_t>(rows); ++row) plan_.head_rows.push_back(row);
  denoiser_.forward(plan_, {}, result_);
}

CostCurve measure_costs(Denoiser& denoiser, const std::vector<int>& rows, double budget) {
  RowForwards forwards(denoiser, /*prefix=*/0, rows.back());
  const Clock::time_point start = Clock::now();
  forwards.run(rows.back());  // brings in the weights' pages and makes room
  std::vector<std::vector<double>> times(rows.size());
  for (int round = 0; round < kMostRounds && (round == 0 || seconds_since(start) < budget); ++round)
    for (size_t i = 0; i < rows.size(); ++i) {  // in turn, so that what disturbs the machine meets all alike
      const Clock::time_point before = Clock::now();
      forwards.run(rows[i]);
      times[i].push_back(seconds_since(before));
    }
  std::vector<RowSeconds> points;
  for (size_t i = 0; i < rows.size(); ++i)  // more rows take no less time, whatever a clock says
    points.push_back({rows[i], std::max(median(times[i]), i > 0 ? points[i - 1].seconds : 1e-9)});
  return CostCurve(std::move(points));
}

std::optional<CostCurve> read_costs(const fs::path& path, const Json& key) {
  try {
    const Json file = parse_json(read_file(path, kMostBytes), path.string());
    if (!file.is_object() || file.value("schema", Json()) != kSchema || file.value("key", Json()) != key) return {};
    const Json curve = file.value("curve", Json());
    if (!curve.is_array() || curve.empty() || !std::all_of(curve.begin(), curve.end(), is_point)) return {};
    std::vector<RowSeconds> points;
    for (const Json& point : curve) {
      if (!points.empty() && point[0].get<int>() <= points.back().rows) return {};
      points.push_back({point[0].get<int>(), point[1].get<double>()});
    }
    return CostCurve(std::move(points));
  } catch (const Error&) {  // not there, cut off, not JSON: all the same here
    return {};
  }
}

void write_costs(const fs::path& path, const Json& key, const CostCurve& curve) {
  Json points = Json::array();
  for (const RowSeconds& point : curve.points()) points.push_back({point.rows, point.seconds});
  std::error_code failed;
  fs::create_directories(path.parent_path(), failed);
  // Whole or not at all, also for a process that reads meanwhile.
  const fs::path draft = fmt::format("{}.tmp-{}", path.string(), ::getpid());
  std::ofstream out(draft, std::ios::binary);
  out << to_json_line({{"schema", kSchema}, {"key", key}, {"curve", std::move(points)}}) << '\n';
  out.close();
  if (out) fs::rename(draft, path, failed);
  if (!out || failed) fs::remove(draft, failed);
}

}  // namespace pent
