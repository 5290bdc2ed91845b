// Uniform-state diffusion as DiffusionGemma decodes (spec 11 §5, 20 §12.1): canvas after canvas of random tokens is denoised behind
// the text so far. Every step draws a token for each cell; those that are certain together are shown to the next step, all other
// cells are random again. Logits are divided by a temperature that falls; what a step found likely conditions the next.
#pragma once

#include <string>
#include <string_view>

namespace pent {

struct GenerationOptions;
struct ModelSpec;
struct Preset;
struct SamplingParams;

// When a canvas ends before its steps do: so many steps before had the same most probable tokens, and the entropies of its cells are
// below `nats` in the mean. nats 0: never.
struct SettleRule {
  int steps = 0;
  double nats = 0;
  bool operator==(const SettleRule&) const = default;
};
// "none" or "STEPS:NATS". Throws kInvalidArgument naming --settle.
SettleRule parse_settle(std::string_view text);
std::string to_string(const SettleRule& rule);

struct RenoiseRule {
  double first_temperature = 0;
  double final_temperature = 0;  // never reached
  SettleRule settle;
  // Of step `step`, from 0, of at most `steps`: final + (first - final) (steps - step) / steps.
  float temperature(int step, int steps) const;
  bool operator==(const RenoiseRule&) const = default;
};

// The part of resolve() for models with canvas_length; select, remask and cache are chosen. Throws kInvalidArgument for what such a
// model cannot do.
void resolve_renoise(const GenerationOptions& options, const Preset& preset, const ModelSpec& spec,
                     SamplingParams& params);
// And for all others: options that only mean something there.
void refuse_renoise(const GenerationOptions& options, const ModelSpec& spec, const SamplingParams& params);

}  // namespace pent
