// The pre-norm transformer block: of Llama and LLaDA with RMSNorm, RoPE, grouped-query attention, SwiGLU (spec 10 §0.2), of
// GPT-2 with LayerNorm, biases and GELU (§12).
#pragma once

#include "model/block_parts.h"

namespace pent {

// residual += attention(norm(residual)); residual += ffn(norm(residual)).
void run_block(const Machine& machine, const BlockWeights& weights, int layer, BlockPass& pass, BlockScratch& scratch);

// The same for the last layer, where only the wanted rows are: of the others it stores keys and values, no more. Afterwards the
// first rows of residual are theirs, in their order.
void run_last_block(const Machine& machine, const BlockWeights& weights, int layer, BlockPass& pass,
                    BlockScratch& scratch);

}  // namespace pent
