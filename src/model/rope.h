// Rotary position embedding: the angles a model turns its queries and keys by.
#pragma once

#include <optional>
#include <vector>

#include "model/spec.h"

namespace pent {

struct RopeTable {
  std::vector<float> frequencies;  // [rotated_dim / 2], radians per position, rescaled as the spec says
  float magnitude = 1;             // of cosines and sines
};

// In float32, in the order of operations of the published models' code (transformers' modeling_rope_utils).
RopeTable rope_table(const ModelSpec& spec);
// Of spec.global's layers; pairs that do not turn have frequency 0 (transformers' "proportional").
RopeTable global_rope_table(const GlobalLayers& global);

// The rescaling of Llama 3's kind (waves of 1 and 4 turns, as published) whose table the spec's divisors make, to 1e-5; nullopt if
// they make another.
std::optional<RopeScaling> llama3_scaling_of_divisors(const ModelSpec& spec);

// YaRN's factor on cosines and sines when the config gives none: 0.1 ln(factor) + 1 (arXiv:2309.00071 §3.4), and DeepSeek's
// variant of it, where a quotient of two such terms is wanted (mscale, mscale_all_dim; 0: not given).
double yarn_magnitude(double factor, double mscale, double mscale_all_dim);

}  // namespace pent
