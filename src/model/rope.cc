// RoPE frequencies and their rescaling. Sources: spec 10 §0.2 and §11; arXiv:2306.15595 (linear), arXiv:2309.00071 (YaRN).
#include "model/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace pent {
namespace {

float llama3(float frequency, const RopeScaling& scaling) {
  const float wavelength = static_cast<float>(2 * std::numbers::pi) / frequency;
  const auto original = static_cast<float>(scaling.original_positions);
  const auto low = static_cast<float>(scaling.low_freq_factor), high = static_cast<float>(scaling.high_freq_factor);
  const auto factor = static_cast<float>(scaling.factor);
  if (wavelength < original / high) return frequency;
  if (wavelength > original / low) return frequency / factor;
  const float blend = (original / wavelength - low) / (high - low);
  return (1 - blend) * frequency / factor + blend * frequency;
}

// The channel pair (not a whole number) whose wave turns `turns` times within the original context.
double pair_turning(double turns, const ModelSpec& spec) {
  return spec.rotated_dim() * std::log(spec.rope_scaling.original_positions / (turns * 2 * std::numbers::pi)) /
         (2 * std::log(spec.rope_theta));
}

// Fast waves (few channels in) keep their frequency, slow ones have it divided, with a ramp between.
void apply_yarn(const ModelSpec& spec, std::vector<float>& frequencies) {
  const RopeScaling& scaling = spec.rope_scaling;
  double low = pair_turning(scaling.beta_fast, spec), high = pair_turning(scaling.beta_slow, spec);
  if (scaling.truncate) low = std::floor(low), high = std::ceil(high);
  low = std::max(low, 0.0);
  high = std::min(high, double(spec.rotated_dim() - 1));
  if (low == high) high += 0.001;
  for (size_t i = 0; i < frequencies.size(); ++i) {
    const float ramp =
        std::clamp((static_cast<float>(i) - static_cast<float>(low)) / static_cast<float>(high - low), 0.0f, 1.0f);
    const float kept = 1 - ramp;
    frequencies[i] = frequencies[i] / static_cast<float>(scaling.factor) * (1 - kept) + frequencies[i] * kept;
  }
}

std::vector<float> plain_frequencies(int dim, double theta) {
  std::vector<float> frequencies(static_cast<size_t>(dim) / 2);
  for (size_t i = 0; i < frequencies.size(); ++i) {
    const float exponent = static_cast<float>(2 * i) / static_cast<float>(dim);
    frequencies[i] = 1.0f / std::pow(static_cast<float>(theta), exponent);
  }
  return frequencies;
}

}  // namespace

RopeTable rope_table(const ModelSpec& spec) {
  RopeTable table = {.frequencies = plain_frequencies(spec.rotated_dim(), spec.rope_theta)};
  const RopeScaling& scaling = spec.rope_scaling;
  switch (scaling.kind) {
    case RopeScaling::Kind::kNone: break;
    case RopeScaling::Kind::kLinear:
      for (float& frequency : table.frequencies) frequency /= static_cast<float>(scaling.factor);
      break;
    case RopeScaling::Kind::kLlama3:
      for (float& frequency : table.frequencies) frequency = llama3(frequency, scaling);
      break;
    case RopeScaling::Kind::kYarn:
      apply_yarn(spec, table.frequencies);
      table.magnitude = static_cast<float>(scaling.magnitude);
      break;
    case RopeScaling::Kind::kDivisors:
      for (size_t i = 0; i < table.frequencies.size(); ++i) table.frequencies[i] /= scaling.divisors[i];
      break;
  }
  return table;
}

RopeTable global_rope_table(const GlobalLayers& global) {
  RopeTable table = {.frequencies = plain_frequencies(global.head_dim, global.rope_theta)};
  std::fill(table.frequencies.begin() + global.turning_pairs, table.frequencies.end(), 0.0f);
  return table;
}

std::optional<RopeScaling> llama3_scaling_of_divisors(const ModelSpec& spec) {
  const std::vector<float>& divisors = spec.rope_scaling.divisors;
  if (divisors.empty()) return std::nullopt;
  ModelSpec tried = spec;
  tried.rope_scaling = {.kind = RopeScaling::Kind::kLlama3,
                        .factor = *std::max_element(divisors.begin(), divisors.end())};
  const std::vector<float> plain = plain_frequencies(spec.rotated_dim(), spec.rope_theta);
  for (int original = 1 << 4; original <= 1 << 24; original *= 2) {
    tried.rope_scaling.original_positions = original;
    const std::vector<float> scaled = rope_table(tried).frequencies;
    bool same = true;
    for (size_t i = 0; i < divisors.size(); ++i)
      same = same && std::abs(plain[i] / scaled[i] - divisors[i]) <= 1e-5f * divisors[i];
    if (same) return tried.rope_scaling;
  }
  return std::nullopt;
}

double yarn_magnitude(double factor, double mscale, double mscale_all_dim) {
  const auto term = [&](double scale) { return factor <= 1 ? 1.0 : 0.1 * scale * std::log(factor) + 1; };
  return mscale != 0 && mscale_all_dim != 0 ? term(mscale) / term(mscale_all_dim) : term(1);
}

}  // namespace pent
