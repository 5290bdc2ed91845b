#include "model/block_parts.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "model/rope.h"

namespace pent {
namespace {

// RMSNorm of each head by itself.
void norm_heads(const Machine& machine, float* heads, int count, const std::vector<float>& weight, float eps) {
  const auto width = static_cast<int64_t>(weight.size());
  for (float* head = heads; head < heads + count * width; head += width)
    machine.kernels.rmsnorm(head, weight.data(), width, eps, head);
}

// Turns the first 2 * angles.half channels of each head.
void rotate_heads(const Machine& machine, const RopeAngles& angles, int64_t row, float* heads, int count,
                  int64_t head_dim) {
  const int64_t half = angles.half;
  if (half == 0) return;
  const float *cosines = angles.cosines.data() + row * half, *sines = angles.sines.data() + row * half;
  if (2 * half == head_dim) return machine.kernels.rope(heads, count, half, cosines, sines);
  for (int head = 0; head < count; ++head) machine.kernels.rope(heads + head * head_dim, 1, half, cosines, sines);
}

// From projections to queries and keys, in place: biases, the heads' norms, RoPE. Keys and values go to the rows' slots.
void rotate_and_store(const Machine& machine, const BlockWeights& weights, int layer, BlockPass& pass, float* qkv) {
  const ModelSpec& spec = pass.spec;
  const auto [kv_heads, head_dim, values_are_keys] = spec.heads(layer);
  const int64_t width = head_dim, stride = weights.qkv.n(), kv_width = kv_heads * width;
  const RopeAngles& angles = pass.angles_of(layer);
  const std::vector<PassSequence>& sequences = pass.plan.sequences;
  machine.for_rows(pass.rows(), [&, n = kv_heads, copies = values_are_keys](int64_t begin, int64_t end, int) {
    std::vector<float> copied(static_cast<size_t>(copies ? kv_width : 0));
    size_t sequence = 0;
    for (int64_t row = begin; row < end; ++row) {
      while (sequences[sequence].row_end <= row) ++sequence;
      float* q = qkv + row * stride;
      float* k = q + spec.n_heads * width;
      for (size_t j = 0; j < weights.qkv_bias.size(); ++j) q[j] += weights.qkv_bias[j];
      if (copies) std::copy_n(k, kv_width, copied.begin());
      float* v = copies ? copied.data() : k + kv_width;
      if (!weights.q_norm.empty()) {
        norm_heads(machine, q, spec.n_heads, weights.q_norm, spec.rms_eps);
        norm_heads(machine, k, n, weights.k_norm, spec.rms_eps);
      }
      if (!weights.v_norm.empty()) norm_heads(machine, v, n, weights.v_norm, spec.rms_eps);
      rotate_heads(machine, angles, row, q, spec.n_heads + n, width);
      for (int head = 0; head < n; ++head)
        pass.caches[sequence]->write(layer, head, pass.plan.rows[static_cast<size_t>(row)].slot, k + head * width,
                                     v + head * width);
    }
  });
}

void fill_angles(const Machine& machine, const PassPlan& plan, const RopeTable& table, RopeAngles& angles) {
  const auto rows = static_cast<int64_t>(plan.rows.size());
  angles.half = static_cast<int64_t>(table.frequencies.size());
  angles.cosines.resize(static_cast<size_t>(rows * angles.half));
  angles.sines.resize(static_cast<size_t>(rows * angles.half));
  machine.for_rows(rows, [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; ++row) {
      for (int64_t i = 0; i < angles.half; ++i) {
        const double angle = static_cast<float>(plan.rows[row].position) * table.frequencies[i];
        angles.cosines[row * angles.half + i] = static_cast<float>(std::cos(angle)) * table.magnitude;
        angles.sines[row * angles.half + i] = static_cast<float>(std::sin(angle)) * table.magnitude;
      }
    }
  });
}

// Cuts the rows where a sequence or a block of positions ends, if experts are chosen by block.
void find_blocks(BlockPass& pass) {
  if (pass.spec.moe.block_pool == 0) return;
  const auto block_of = [&](int64_t row) {
    return pass.plan.rows[static_cast<size_t>(row)].position / pass.spec.block_size;
  };
  for (const PassSequence& sequence : pass.plan.sequences)
    for (int64_t row = sequence.row_begin; row < sequence.row_end; ++row)
      if (row + 1 == sequence.row_end || block_of(row + 1) != block_of(row)) pass.block_ends.push_back(row + 1);
}

// Moves the rows `kept` (ascending) to the front.
template <typename T>
void move_to_front(const std::vector<uint32_t>& kept, T* rows, int64_t width) {
  for (size_t i = 0; i < kept.size(); ++i)
    if (kept[i] != i) std::copy_n(rows + kept[i] * width, width, rows + static_cast<int64_t>(i) * width);
}

}  // namespace

void prepare_pass(const Machine& machine, BlockPass& pass) {
  const ModelSpec& spec = pass.spec;
  pass.tile_rows = attention_tile_rows(pass.rows(), spec.heads(0).n_kv_heads, machine.pool.threads());
  pass.whole = {.plan = &pass.plan, .tiles = make_attention_tiles(pass.plan, pass.caches, pass.tile_rows)};
  if (spec.window > 0) {
    pass.windowed_plan = cut_to_window(pass.plan, spec.window);
    pass.windowed = {.plan = &pass.windowed_plan,
                     .tiles = make_attention_tiles(pass.windowed_plan, pass.caches, pass.tile_rows)};
  }
  if (!spec.learned_positions) fill_angles(machine, pass.plan, rope_table(spec), pass.angles);
  if (!spec.global.layers.empty()) fill_angles(machine, pass.plan, global_rope_table(spec.global), pass.global_angles);
  find_blocks(pass);
  if (spec.canvas_length == 0) return;
  for (const PassSequence& sequence : pass.plan.sequences)
    pass.denoised.insert(pass.denoised.end(), sequence.row_end - sequence.row_begin, sequence.denoises ? 1 : 0);
}

void norm_rows(const Machine& machine, const float* rows_in, int64_t rows, const std::vector<float>& weight,
               const std::vector<float>& bias, float eps, const std::string& where, Activations& normed) {
  const int64_t width = static_cast<int64_t>(weight.size());
  normed.resize(rows, width, !machine.precise);
  machine.for_rows(rows, [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; ++row) {
      const float* in = rows_in + row * width;
      const float spread = bias.empty()
                               ? machine.kernels.rmsnorm(in, weight.data(), width, eps, normed.row(row))
                               : machine.kernels.layernorm(in, weight.data(), bias.data(), width, eps, normed.row(row));
      if (!std::isfinite(spread)) throw error(ErrorKind::kCorrupt, "row {} of the pass is not finite {}", row, where);
      machine.finish_row(normed, row);
    }
  });
}

void attend_rows(const Machine& machine, const BlockWeights& weights, int layer, BlockPass& pass,
                 BlockScratch& scratch) {
  const ModelSpec& spec = pass.spec;
  const HeadShape shape = spec.heads(layer);
  const int64_t rows = pass.rows();
  norm_rows(machine, pass.residual.data(), rows, weights.attn_norm, weights.attn_norm_bias, spec.rms_eps,
            fmt::format("before layer {}", layer), scratch.normed);
  grow(scratch.qkv, rows * weights.qkv.n());
  machine.matmul(weights.qkv, scratch.normed, rows, scratch.qkv.data());
  rotate_and_store(machine, weights, layer, pass, scratch.qkv.data());
  scratch.attended.resize(rows, int64_t{spec.n_heads} * shape.head_dim, !machine.precise);
  scratch.attention.resize(static_cast<size_t>(machine.pool.threads()));
  const Sight& sight = pass.sight(layer);
  const AttentionInput input = {spec, *sight.plan, layer, scratch.qkv.data(), weights.qkv.n(), scratch.attended.row(0)};
  const int64_t tiles = static_cast<int64_t>(sight.tiles.size());
  const Stopwatch watch = machine.measure(&PassTimes::attention);
  machine.pool.parallel_for(tiles * shape.n_kv_heads, 1, [&](int64_t begin, int64_t end, int worker) {
    for (int64_t item = begin; item < end; ++item) {
      const int kv_head = static_cast<int>(item / tiles);
      attend(machine.kernels, input, sight.tiles[item % tiles], kv_head, scratch.attention[worker]);
    }
  });
}

void gated_ffn(const Machine& machine, FfnKind kind, const kernels::PackedMatrix& gate_up,
               const kernels::PackedMatrix& down, int64_t ffn, int64_t rows, BlockScratch& scratch, float* out,
               bool add) {
  grow(scratch.gate_up, rows * 2 * ffn);
  machine.matmul(gate_up, scratch.normed, rows, scratch.gate_up.data());
  scratch.gated.resize(rows, ffn, !machine.precise);
  machine.for_rows(rows, [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; ++row) {
      machine.gate(kind, scratch.gate_up.data() + row * 2 * ffn, ffn, scratch.gated.row(row));
      machine.finish_row(scratch.gated, row);
    }
  });
  machine.matmul(down, scratch.gated, rows, out, add);
}

void look_at_wanted_rows(int layer, BlockPass& pass) {
  Sight& sight = pass.sight(layer);
  sight.tiles = make_attention_tiles(*sight.plan, pass.caches, pass.tile_rows, &pass.wanted);
}

void move_wanted_rows_to_front(BlockPass& pass, BlockScratch& scratch) {
  const std::vector<uint32_t>& kept = pass.wanted;
  move_to_front(kept, scratch.attended.row(0), scratch.attended.width);
  move_to_front(kept, pass.residual.data(), pass.spec.d_model);
  if (!pass.denoised.empty()) move_to_front(kept, pass.denoised.data(), 1);
}

}  // namespace pent
