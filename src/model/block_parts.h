// What the block functions share: the state of a pass, norms, attention from projections to heads, feed-forward nets.
#pragma once

#include <string>
#include <vector>

#include "model/attention.h"
#include "model/kv_cache.h"
#include "model/pass_plan.h"
#include "model/spec.h"
#include "model/weights.h"
#include "model/workspace.h"

namespace pent {

// Angles of every row: position * frequency (model/rope.h).
struct RopeAngles {
  int64_t half = 0;            // channel pairs of a head; 0: nothing turns
  std::vector<float> cosines;  // [rows, half]
  std::vector<float> sines;
};

// What rows of a layer see.
struct Sight {
  const PassPlan* plan = nullptr;
  std::vector<AttentionTile> tiles;
};

// One pass through all blocks: the plan, and the rows' state between blocks.
struct BlockPass {
  const ModelSpec& spec;
  const PassPlan& plan;
  std::vector<KvCache*> caches;      // [plan.sequences]
  int64_t tile_rows = 8;             // attention's
  Sight whole, windowed;             // of layers without and with a window
  PassPlan windowed_plan;            // behind `windowed`
  RopeAngles angles, global_angles;  // of ordinary layers and of spec.global's
  std::vector<float> residual;       // [rows, d_model]
  std::vector<int64_t> block_ends;   // where the rows of each sequence's blocks end; of models that route by block
  std::vector<uint8_t> denoised;     // [rows]: of a canvas, not encoded; of models with a canvas
  std::vector<uint32_t> wanted;      // plan.wanted_rows()

  int64_t rows() const { return static_cast<int64_t>(plan.rows.size()); }
  Sight& sight(int layer) { return spec.window > 0 && !spec.is_global(layer) ? windowed : whole; }
  const RopeAngles& angles_of(int layer) const { return spec.is_global(layer) ? global_angles : angles; }
};

// Buffers that live inside a block, kept between passes.
struct BlockScratch {
  Activations normed;                       // [rows, d_model]
  Activations routed;                       // [rows, d_model]: what a router of its own norm reads
  Activations attended;                     // [rows, n_heads * head_dim]
  Activations gated;                        // [rows, ffn_dim]
  std::vector<float> qkv;                   // [rows, rows of the layer's qkv matrix]
  std::vector<float> gate_up;               // [rows, 2 * ffn_dim], or [rows, ffn_dim]
  std::vector<float> branch, mixture;       // [rows, d_model]: of blocks that norm what they add
  std::vector<AttentionScratch> attention;  // [threads]
  ExpertScratch experts;
};

// Fills what depends on the plan alone: sights, angles in float32 as the published models compute them, blocks of positions where
// experts are chosen by block, which rows are denoised. `caches` is there.
void prepare_pass(const Machine& machine, BlockPass& pass);

inline void grow(std::vector<float>& buffer, int64_t size) {
  if (static_cast<int64_t>(buffer.size()) < size) buffer.resize(static_cast<size_t>(size));
}

// normed[i] = RMSNorm(rows_in[i]) * weight, or with a bias LayerNorm(rows_in[i]) * weight + bias, ready for a product. Throws
// kCorrupt naming `where` when a row is not finite.
void norm_rows(const Machine& machine, const float* rows_in, int64_t rows, const std::vector<float>& weight,
               const std::vector<float>& bias, float eps, const std::string& where, Activations& normed);

// attended = attention(norm(residual)) for the rows of the layer's sight, ready for a product; keys and values of all rows are stored.
void attend_rows(const Machine& machine, const BlockWeights& weights, int layer, BlockPass& pass,
                 BlockScratch& scratch);

// out [rows, d_model] = down(act(gate x) * up x), or += with `add`; x the rows of scratch.normed, `ffn` inner channels.
void gated_ffn(const Machine& machine, FfnKind kind, const kernels::PackedMatrix& gate_up,
               const kernels::PackedMatrix& down, int64_t ffn, int64_t rows, BlockScratch& scratch, float* out,
               bool add);

// Of the last layer, where only some rows are wanted (pass.wanted): their tiles alone are left in its sight; after attention their
// rows come first in attended, residual and denoised.
void look_at_wanted_rows(int layer, BlockPass& pass);
void move_wanted_rows_to_front(BlockPass& pass, BlockScratch& scratch);

}  // namespace pent
