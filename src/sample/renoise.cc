// Settings of the renoise sampler: their words, their bounds, and what does not go with them.
#include "sample/renoise.h"

#include <charconv>

#include "base/error.h"
#include "sample/preset.h"

namespace pent {
namespace {

constexpr int kMostSteps = 1000;
constexpr double kMostNats = 100;
constexpr double kColdest = 0.001;  // the head divides by it

template <typename T>
bool parse_whole(std::string_view digits, T& value) {
  const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return problem == std::errc() && end == digits.data() + digits.size();
}

void resolve_temperatures(const GenerationOptions& options, const Preset& preset, SamplingParams& params) {
  const double first = options.temperature.value_or(preset.temperature);
  params.renoise = {.first_temperature = first > 0 ? first : preset.temperature,
                    .final_temperature = options.final_temperature.value_or(preset.final_temperature),
                    .settle = options.settle ? parse_settle(*options.settle) : preset.settle};
  if (first > 0 && first < kColdest)
    throw error(ErrorKind::kInvalidArgument, "--temperature is {}; expected 0 or {} to 100 for this model", first,
                kColdest);
  // The logits are tempered before they are drawn from; temperature 0 takes the best of them.
  params.temperature = first > 0 ? 1 : 0;
}

}  // namespace

SettleRule parse_settle(std::string_view text) {
  if (text == "none") return {};
  const size_t colon = text.find(':');
  SettleRule rule;
  if (colon == std::string_view::npos || !parse_whole(text.substr(0, colon), rule.steps) ||
      !parse_whole(text.substr(colon + 1), rule.nats) || rule.steps < 0 || rule.steps > kMostSteps ||
      !(rule.nats > 0 && rule.nats <= kMostNats))
    throw error(ErrorKind::kInvalidArgument,
                "--settle is '{}'; expected none or STEPS:NATS with 0 to {} steps and nats above 0 and at most {}",
                printable(text), kMostSteps, kMostNats);
  return rule;
}

std::string to_string(const SettleRule& rule) {
  return rule.nats > 0 ? fmt::format("{}:{}", rule.steps, rule.nats) : "none";
}

float RenoiseRule::temperature(int step, int steps) const {
  const double left = static_cast<double>(steps - step) / steps;
  return static_cast<float>(final_temperature + (first_temperature - final_temperature) * left);
}

void resolve_renoise(const GenerationOptions& options, const Preset& preset, const ModelSpec& spec,
                     SamplingParams& params) {
  const auto refuse = [&](const std::string& what, std::string_view instead) {
    throw error(ErrorKind::kInvalidArgument,
                "{} is not for this model ({}), which denoises canvases of random tokens; {}", what, spec.family,
                instead);
  };
  if (params.remask.kind != RemaskKind::kRenoise)
    refuse(fmt::format("--remask {}", to_string(params.remask)), "leave it out");
  if (params.select.by_steps())
    refuse(fmt::format("--select {}", to_string(params.select)), "use entropy:NATS, threshold:P or factor:F");
  if (params.cache != CacheKind::kNone && params.cache != CacheKind::kBlock)
    refuse(fmt::format("--cache {}", to_string(params.cache)), "use --cache block, which is exact");
  params.block_length = options.block_length.value_or(spec.canvas_length);
  if (params.block_length > spec.canvas_length)
    throw error(ErrorKind::kInvalidArgument, "--block-length is {}; this model's canvases have {} cells at most",
                params.block_length, spec.canvas_length);
  params.steps_per_block = options.steps ? 0 : options.steps_per_block.value_or(preset.steps_per_block);
  params.steps = options.steps.value_or(0);
  resolve_temperatures(options, preset, params);
}

void refuse_renoise(const GenerationOptions& options, const ModelSpec& spec, const SamplingParams& params) {
  const bool remask = params.remask.kind == RemaskKind::kRenoise;
  if (!remask && !options.final_temperature && !options.settle) return;
  throw error(
      ErrorKind::kInvalidArgument,
      "{} is for models that denoise canvases of random tokens (DiffusionGemma), and this one is {}; leave it out",
      remask                      ? "--remask renoise"
      : options.final_temperature ? "--final-temperature"
                                  : "--settle",
      spec.family);
}

}  // namespace pent
