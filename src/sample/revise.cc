// ReMDM's schedules (spec 20 §7) and P2's choice of masks (spec 20 §3).
#include "sample/revise.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"

namespace pent {
namespace {

// The loop's phases: decided up to kLoopShare until kLoopOn, held there until kLoopOff, then to the end.
constexpr double kLoopOn = 0.55, kLoopOff = 0.05, kLoopShare = 0.9;

// The share of decided cells that the loop aims at, at time t.
double loop_alpha(double t) {
  if (t > kLoopOn) return (1 - t) / (1 - kLoopOn) * kLoopShare;
  if (t > kLoopOff) return kLoopShare;
  return kLoopShare + (kLoopOff - t) / kLoopOff * (1 - kLoopShare);
}

}  // namespace

StepChances step_chances(const RemaskRule& rule, double t, double s) {
  PENT_CHECK(1 >= t && t > s && s >= 0, "times {} and {}", t, s);
  const bool loop = rule.kind == RemaskKind::kLoop;
  const double alpha_t = loop ? loop_alpha(t) : 1 - t;
  const double alpha_s = loop ? std::max(alpha_t, loop_alpha(s)) : 1 - s;
  const double most = alpha_t > 0 ? std::min(1.0, (1 - alpha_s) / alpha_t) : 1;
  double sigma = 0;
  switch (rule.kind) {
    case RemaskKind::kCap: sigma = std::min(rule.value, most); break;
    case RemaskKind::kRescale: sigma = rule.value * most; break;
    case RemaskKind::kConfidence: return {most, alpha_t < 1 ? (alpha_s - alpha_t) / (1 - alpha_t) : 1};
    case RemaskKind::kLoop: sigma = t <= kLoopOn && s >= kLoopOff ? std::min(rule.value, most) : 0; break;
    default: break;
  }
  return {sigma, alpha_t < 1 ? std::min(1.0, (alpha_s - (1 - sigma) * alpha_t) / (1 - alpha_t)) : 1};
}

std::vector<double> confidence_shares(std::span<const float> confidences) {
  std::vector<double> shares;
  double sum = 0;
  for (const float confidence : confidences) sum += shares.emplace_back(std::exp(-static_cast<double>(confidence)));
  for (double& share : shares) share /= sum;
  return shares;
}

std::vector<bool> masked_by_path_planning(std::span<const double> scores, double kappa) {
  const auto count = static_cast<size_t>(std::floor(static_cast<double>(scores.size()) * (1 - kappa)));
  std::vector<size_t> order(scores.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(),
            [&](size_t a, size_t b) { return scores[a] != scores[b] ? scores[a] < scores[b] : a > b; });
  std::vector<bool> masked(scores.size());
  for (size_t i = 0; i < count; ++i) masked[order[i]] = true;
  return masked;
}

}  // namespace pent
