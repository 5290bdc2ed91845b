// Softmax attention in two passes: all scores of a row, then the weighted sum of values, slots in the order of the
// row's ranges. Rows of a tile share the reading of keys and values, but each row's arithmetic is the same as if it
// were alone.
#include "model/attention.h"

#include <algorithm>
#include <cmath>

namespace pent {
namespace {

std::span<const SlotRange> ranges_of(const PassPlan& plan, int64_t row) {
  return {plan.ranges.data() + plan.rows[row].ranges_begin, plan.rows[row].ranges_count};
}

// The same ranges, except that the last may end elsewhere (causal rows).
bool same_but_for_the_end(std::span<const SlotRange> a, std::span<const SlotRange> b) {
  if (a.data() == b.data() && a.size() == b.size()) return true;
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i].begin != b[i].begin || (i + 1 < a.size() && a[i].end != b[i].end)) return false;
  }
  return true;
}

// Calls run(pairs_begin, pairs_end, range, offset): queries [pairs_begin, pairs_end) of the tile see `range`, whose
// first slot is number `offset` of those they see. First what all rows have in common, then each row's own rest.
template <typename Run>
void for_each_span(const PassPlan& plan, const AttentionTile& tile, int64_t group, const Run& run) {
  const std::span<const SlotRange> first = ranges_of(plan, tile.row_begin);
  int32_t common_end = first.back().end;
  for (int64_t row = tile.row_begin; row < tile.row_end; ++row) {
    common_end = std::min(common_end, ranges_of(plan, row).back().end);
  }
  common_end -= common_end % 2;  // whoever shares the tile, a row's sum is cut between pairs of slots
  int64_t offset = 0;
  for (size_t i = 0; i < first.size(); ++i) {
    const SlotRange range = {first[i].begin, i + 1 < first.size() ? first[i].end : common_end};
    if (range.end <= range.begin) continue;
    run(0, (tile.row_end - tile.row_begin) * group, range, offset);
    offset += range.end - range.begin;
  }
  for (int64_t row = tile.row_begin; row < tile.row_end; ++row) {
    const SlotRange last = ranges_of(plan, row).back();
    const SlotRange rest = {std::max(last.begin, common_end), last.end};
    const int64_t pair = (row - tile.row_begin) * group;
    if (rest.end > rest.begin) run(pair, pair + group, rest, offset);
  }
}

int64_t visible_slots(std::span<const SlotRange> ranges) {
  int64_t count = 0;
  for (const SlotRange& range : ranges) count += range.end - range.begin;
  return count;
}

}  // namespace

int64_t attention_tile_rows(int64_t rows, int n_kv_heads, int threads) {
  int64_t tile_rows = 8;
  while (tile_rows > 4 && (rows + tile_rows - 1) / tile_rows * n_kv_heads < int64_t{2} * threads) tile_rows /= 2;
  return tile_rows;
}

std::vector<AttentionTile> make_attention_tiles(const PassPlan& plan, const std::vector<KvCache*>& caches,
                                                int64_t tile_rows, const std::vector<uint32_t>* only) {
  std::vector<AttentionTile> tiles;
  for (size_t i = 0; i < plan.sequences.size(); ++i) {
    int64_t row = plan.sequences[i].row_begin, end = plan.sequences[i].row_end;
    const auto skip_to_needed = [&] {
      if (only == nullptr) return;
      const auto needed = std::lower_bound(only->begin(), only->end(), row);
      row = needed == only->end() ? end : std::min<int64_t>(*needed, end);
    };
    for (skip_to_needed(); row < end; skip_to_needed()) {
      int64_t tile_end = row + 1;
      while (tile_end < end && tile_end - row < tile_rows &&
             same_but_for_the_end(ranges_of(plan, row), ranges_of(plan, tile_end))) {
        ++tile_end;
      }
      tiles.push_back({caches[i], row, tile_end});
      row = tile_end;
      if (only != nullptr) tiles.back().row_end = *std::prev(std::lower_bound(only->begin(), only->end(), row)) + 1;
    }
  }
  return tiles;
}

void attend(const kernels::KernelSet& kernels, const AttentionInput& input, const AttentionTile& tile, int kv_head,
            AttentionScratch& scratch) {
  const ModelSpec& spec = input.spec;
  const HeadShape shape = spec.heads(input.layer);
  const int64_t head_dim = shape.head_dim;
  const int64_t group = spec.n_heads / shape.n_kv_heads, padded = padded_head_dim(shape.head_dim);
  const int64_t pairs = (tile.row_end - tile.row_begin) * group;  // (row, query head) pairs, row by row
  int64_t longest = 0;
  for (int64_t row = tile.row_begin; row < tile.row_end; ++row) {
    longest = std::max(longest, visible_slots(ranges_of(input.plan, row)));
  }
  scratch.scores.resize(std::max<size_t>(scratch.scores.size(), pairs * longest));
  scratch.sums.assign(pairs * padded, 0.0f);
  const auto resized = [](auto& pointers, int64_t count) -> auto& {
    pointers.resize(static_cast<size_t>(count));
    return pointers;
  };
  auto &queries = resized(scratch.query_of, pairs), &weights = resized(scratch.weight_of, pairs);
  auto &scores = resized(scratch.score_of, pairs), &sums = resized(scratch.sum_of, pairs);
  std::vector<float>& totals = resized(scratch.totals, pairs);
  for (int64_t pair = 0; pair < pairs; ++pair) {
    const int64_t row = tile.row_begin + pair / group, head = kv_head * group + pair % group;
    queries[pair] = input.queries + row * input.query_stride + head * head_dim;
    sums[pair] = scratch.sums.data() + pair * padded;
  }

  const float scale = spec.block == BlockKind::kGemma ? 1.0f : 1.0f / std::sqrt(static_cast<float>(head_dim));
  const KvCache& cache = *tile.cache;
  const bool narrow = cache.format() == KvCache::Format::kBf16;
  const int64_t even_head_dim = (head_dim + 1) / 2 * 2;
  auto& narrow_queries = resized(scratch.narrow_query_of, narrow ? pairs : 0);
  auto& narrow_weights = resized(scratch.narrow_weight_of, narrow ? pairs : 0);
  if (narrow) {
    scratch.queries.assign(pairs * even_head_dim, 0);
    scratch.weights.resize(std::max<size_t>(scratch.weights.size(), pairs * longest));
    for (int64_t pair = 0; pair < pairs; ++pair) {
      uint16_t* query = scratch.queries.data() + pair * even_head_dim;
      kernels.to_bf16(queries[pair], head_dim, query);
      narrow_queries[pair] = query;
    }
  }
  for_each_span(input.plan, tile, group, [&](int64_t begin, int64_t end, SlotRange range, int64_t offset) {
    for (int64_t pair = begin; pair < end; ++pair) scores[pair] = scratch.scores.data() + pair * longest + offset;
    if (narrow) {
      kernels.attention_scores_bf16(narrow_queries.data() + begin, end - begin,
                                    cache.keys<uint16_t>(input.layer, kv_head), even_head_dim / 2, range.begin,
                                    range.end, scale, scores.data() + begin);
    } else {
      kernels.attention_scores(queries.data() + begin, end - begin, cache.keys<float>(input.layer, kv_head), head_dim,
                               range.begin, range.end, scale, scores.data() + begin);
    }
  });
  for (int64_t pair = 0; pair < pairs; ++pair) {
    const int64_t row = tile.row_begin + pair / group, slots = visible_slots(ranges_of(input.plan, row));
    float* probabilities = scratch.scores.data() + pair * longest;
    totals[pair] = kernels.softmax_exp(probabilities, slots);
    if (narrow) kernels.to_bf16(probabilities, slots, scratch.weights.data() + pair * longest);
  }
  for_each_span(input.plan, tile, group, [&](int64_t begin, int64_t end, SlotRange range, int64_t offset) {
    if (narrow) {
      for (int64_t pair = begin; pair < end; ++pair)
        narrow_weights[pair] = scratch.weights.data() + pair * longest + offset;
      kernels.attention_values_bf16(narrow_weights.data() + begin, end - begin,
                                    cache.values<uint16_t>(input.layer, kv_head), padded, range.begin, range.end,
                                    sums.data() + begin);
    } else {
      for (int64_t pair = begin; pair < end; ++pair) weights[pair] = scratch.scores.data() + pair * longest + offset;
      kernels.attention_values(weights.data() + begin, end - begin, cache.values<float>(input.layer, kv_head), padded,
                               range.begin, range.end, sums.data() + begin);
    }
  });
  for (int64_t pair = 0; pair < pairs; ++pair) {
    const int64_t row = tile.row_begin + pair / group, head = kv_head * group + pair % group;
    float* out = input.out + (row * spec.n_heads + head) * head_dim;
    for (int64_t i = 0; i < head_dim; ++i) out[i] = sums[pair][i] / totals[pair];
  }
}

}  // namespace pent
