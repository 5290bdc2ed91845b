// Editing as LLaDA2.2 was trained for (sampler part "revise"; spec 20 §11.3, 23 §3.2; rules of SGLang's JointThresholdInDel): for a cell
// of the active block the model writes a token, or one of two that move cells: delete this cell, or put a mask before it. The block
// keeps its length: masks fill its end, or cells fall off there.
#pragma once

#include "model/spec.h"
#include "sample/preset.h"

namespace pent {

inline constexpr int kLevenshteinPasses = 16;  // that a block may go on after its first masks are decided

// The part of resolve() for --remask levenshtein; select, remask and cache are chosen. Throws kInvalidArgument for what does not go
// with it, a model without such tokens first.
void resolve_levenshtein(const GenerationOptions& options, const ModelSpec& spec, SamplingParams& params);

}  // namespace pent
