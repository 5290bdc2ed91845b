// The pre-norm transformer block: of Llama and LLaDA with RMSNorm, RoPE, grouped-query attention, SwiGLU (spec 10 §0.2), of
// GPT-2 with LayerNorm, biases and GELU (§12).
#pragma once

#include <vector>

#include "model/attention.h"
#include "model/kv_cache.h"
#include "model/pass_plan.h"
#include "model/spec.h"
#include "model/weights.h"
#include "model/workspace.h"

namespace pent {

// One pass through all blocks: the plan, and the rows' state between blocks.
struct BlockPass {
  const ModelSpec& spec;
  const PassPlan& plan;
  std::vector<KvCache*> caches;  // [plan.sequences]
  std::vector<AttentionTile> tiles;
  std::vector<float> cosines;  // [rows, rotated_dim / 2], of each row's position; empty: positions are learned
  std::vector<float> sines;
  std::vector<float> residual;      // [rows, d_model]
  std::vector<int64_t> block_ends;  // where the rows of each sequence's blocks end; of models that route by block
  std::vector<uint32_t> wanted;     // plan.wanted_rows()

  int64_t rows() const { return static_cast<int64_t>(plan.rows.size()); }
};

// Buffers that live inside a block, kept between passes.
struct BlockScratch {
  Activations normed;                       // [rows, d_model]
  Activations attended;                     // [rows, n_heads * head_dim]
  Activations gated;                        // [rows, ffn_dim]
  std::vector<float> qkv;                   // [rows, (n_heads + 2 n_kv_heads) * head_dim]
  std::vector<float> gate_up;               // [rows, 2 * ffn_dim], or [rows, ffn_dim]
  std::vector<AttentionScratch> attention;  // [threads]
  ExpertScratch experts;
};

// Angles of every row: position * frequency (model/rope.h), in float32 as the published models compute them.
void fill_rope_angles(const Machine& machine, BlockPass& pass);

// Cuts the rows where a sequence or a block of positions ends, if experts are chosen by block.
void find_blocks(BlockPass& pass);

// normed[i] = RMSNorm(rows_in[i]) * weight, or with a bias LayerNorm(rows_in[i]) * weight + bias, ready for a product. Throws
// kCorrupt naming `where` when a row is not finite.
void norm_rows(const Machine& machine, const float* rows_in, int64_t rows, const std::vector<float>& weight,
               const std::vector<float>& bias, float eps, const std::string& where, Activations& normed);

// residual += attention(norm(residual)); residual += ffn(norm(residual)).
void run_block(const Machine& machine, const BlockWeights& weights, int layer, BlockPass& pass, BlockScratch& scratch);

// The same for the last layer, where only the wanted rows are: of the others it stores keys and values, no more. Afterwards the
// first rows of residual are theirs, in their order.
void run_last_block(const Machine& machine, const BlockWeights& weights, int layer, BlockPass& pass,
                    BlockScratch& scratch);

}  // namespace pent
