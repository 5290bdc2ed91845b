// DreamOn's holes (arXiv:2602.01326; spec 44 §1, after its authors' eval/generator.py): where the model writes its expand token a mask
// becomes two, and where it writes its end token the mask goes, and the masks behind it in that hole with it. So a hole is as long as the
// model makes it (sampler part "length").
#pragma once

#include <cstdint>
#include <memory>

#include "model/pass_plan.h"
#include "model/spec.h"

namespace pent {

struct GenerationOptions;
struct SamplingParams;

// Cells of a canvas that the model may make more or fewer.
struct ElasticCells {
  int32_t begin = 0, end = 0;
  int32_t least = 0, most = 0;             // how many they may be
  std::shared_ptr<const TokenSet> tokens;  // what may be written in them, or null: anything
  std::shared_ptr<const TokenSet> first;   // … in the first of them, where it is not null

  int32_t size() const { return end - begin; }
};

// The part of resolve() for LengthKind::kDreamOn; select, remask and cache are chosen. Throws kInvalidArgument for what does not go with
// cells that come and go.
void resolve_dreamon(const GenerationOptions& options, const ModelSpec& spec, SamplingParams& params);

}  // namespace pent
