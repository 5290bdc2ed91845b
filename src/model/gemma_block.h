// Gemma 4's block with experts (spec 11 §4.3): what each part adds is normed too, a dense net and a mixture of experts stand side by
// side, the router reads the stream itself, and the whole stream is scaled, in encoding and denoising differently.
#pragma once

#include "model/block_parts.h"

namespace pent {

// residual = (residual + norm(ffn) …) * scale, after residual += norm(attention(norm(residual))).
void run_gemma_block(const Machine& machine, const BlockWeights& weights, int layer, BlockPass& pass,
                     BlockScratch& scratch);

// As run_last_block (model/block.h).
void run_last_gemma_block(const Machine& machine, const BlockWeights& weights, int layer, BlockPass& pass,
                          BlockScratch& scratch);

}  // namespace pent
