// Attention of a pass: each row over its own list of slot ranges, grouped-query heads. Sums and softmax in float32; queries and
// weights are rounded to bfloat16 where keys and values are stored so.
#pragma once

#include <vector>

#include "model/kv_cache.h"
#include "model/pass_plan.h"
#include "model/spec.h"
#include "model/workspace.h"

namespace pent {

// Rows of one sequence that are computed together because they see (nearly) the same slots.
struct AttentionTile {
  const KvCache* cache;
  int64_t row_begin;
  int64_t row_end;
};

// Scratch of one worker.
struct AttentionScratch {
  std::vector<float> scores;               // [pairs, slots seen by the row that sees most]
  std::vector<float> sums;                 // [pairs, padded head_dim]
  std::vector<uint16_t> queries, weights;  // in bfloat16: [pairs, head_dim to even], like scores
  // Where each pair's are.
  std::vector<const float*> query_of, weight_of;
  std::vector<const uint16_t*> narrow_query_of, narrow_weight_of;
  std::vector<float*> score_of, sum_of;
  std::vector<float> totals;
};

// How many rows share a tile: eight, or four where `threads` could not share the work of a pass of `rows` evenly otherwise.
int64_t attention_tile_rows(int64_t rows, int n_kv_heads, int threads);

// Cuts the plan's rows into tiles of up to `tile_rows`, all of them or what is needed to cover the rows `only` (ascending).
// caches[i] belongs to plan.sequences[i].
std::vector<AttentionTile> make_attention_tiles(const PassPlan& plan, const std::vector<KvCache*>& caches,
                                                int64_t tile_rows, const std::vector<uint32_t>* only = nullptr);

// queries [rows, query_stride]: head h of a row at h * head_dim. out [rows, n_heads * head_dim].
struct AttentionInput {
  const ModelSpec& spec;
  const PassPlan& plan;  // cut to the layer's window
  int layer;
  const float* queries;
  int64_t query_stride;
  float* out;
};

// One tile for one key/value head and the query heads that share it.
void attend(const kernels::KernelSet& kernels, const AttentionInput& input, const AttentionTile& tile, int kv_head,
            AttentionScratch& scratch);

}  // namespace pent
