#include "sample/mode.h"

#include <algorithm>
#include <array>

#include "base/error.h"

namespace pent {
namespace {

constexpr std::array<Mode, 3> kModes = {Mode::kAr, Mode::kDiffusion, Mode::kSpeculative};

std::string why_not(Mode mode, const ModelSpec& spec) {
  if (mode == Mode::kDiffusion) return "it was not trained to fill masked cells; use --mode ar or speculative";
  if (spec.canvas_length > 0) return "it writes canvas after canvas, whose cells see each other; use --mode diffusion";
  return "its logits decide the cell they stand on, so that nothing in it says what follows a text; use --mode "
         "diffusion";
}

}  // namespace

std::string_view to_string(Mode mode) {
  switch (mode) {
    case Mode::kAr: return "ar";
    case Mode::kDiffusion: return "diffusion";
    case Mode::kSpeculative: return "speculative";
  }
  PENT_CHECK(false, "mode {}", static_cast<int>(mode));
}

bool predicts_next(const ModelSpec& spec) { return !spec.is_diffusion() || spec.shift; }

Mode own_mode(const ModelSpec& spec) { return spec.is_diffusion() ? Mode::kDiffusion : Mode::kAr; }

std::vector<Mode> modes_of(const ModelSpec& spec) {
  std::vector<Mode> modes = {own_mode(spec)};
  if (!predicts_next(spec)) return modes;
  if (spec.is_diffusion()) modes.push_back(Mode::kAr);
  modes.push_back(Mode::kSpeculative);
  return modes;
}

Mode resolve_mode(const std::optional<std::string>& mode, const ModelSpec& spec) {
  if (!mode || *mode == "auto") return own_mode(spec);
  const auto found = std::find_if(kModes.begin(), kModes.end(), [&](Mode each) { return to_string(each) == *mode; });
  if (found == kModes.end())
    throw error(ErrorKind::kInvalidArgument, "--mode is '{}'; expected auto, ar, diffusion or speculative",
                printable(*mode));
  const std::vector<Mode> modes = modes_of(spec);
  if (std::find(modes.begin(), modes.end(), *found) == modes.end())
    throw error(ErrorKind::kInvalidArgument, "--mode {} is not for this model ({}): {}", *mode, spec.family,
                why_not(*found, spec));
  return *found;
}

int32_t draft_token(const ModelSpec& spec) {
  for (const int32_t token : {spec.mask_id, spec.pad_id, spec.eos_id})
    if (token >= 0) return token;
  return 0;
}

}  // namespace pent
