#include "model/block.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "model/rope.h"

namespace pent {
namespace {

void grow(std::vector<float>& buffer, int64_t size) {
  if (static_cast<int64_t>(buffer.size()) < size) buffer.resize(size);
}

// RMSNorm of each head by itself.
void norm_heads(const Machine& machine, float* heads, int count, const std::vector<float>& weight, float eps) {
  const auto width = static_cast<int64_t>(weight.size());
  for (float* head = heads; head < heads + count * width; head += width)
    machine.kernels.rmsnorm(head, weight.data(), width, eps, head);
}

// Turns the first rotated_dim channels of each head.
void rotate_heads(const Machine& machine, const BlockPass& pass, int64_t row, float* heads, int count) {
  if (pass.spec.learned_positions) return;
  const int64_t head_dim = pass.spec.head_dim, half = pass.spec.rotated_dim() / 2;
  const float *cosines = pass.cosines.data() + row * half, *sines = pass.sines.data() + row * half;
  if (2 * half == head_dim) return machine.kernels.rope(heads, count, half, cosines, sines);
  for (int head = 0; head < count; ++head) machine.kernels.rope(heads + head * head_dim, 1, half, cosines, sines);
}

// From projections to queries and keys, in place: biases, the heads' norms, RoPE. Keys and values go to the rows' slots.
void rotate_and_store(const Machine& machine, const BlockWeights& weights, int layer, BlockPass& pass, float* qkv) {
  const ModelSpec& spec = pass.spec;
  const int64_t head_dim = spec.head_dim;
  const int64_t stride = (spec.n_heads + 2 * int64_t{spec.n_kv_heads}) * head_dim;
  for (size_t i = 0; i < pass.plan.sequences.size(); ++i) {
    const PassSequence& sequence = pass.plan.sequences[i];
    machine.pool.parallel_for(sequence.row_end - sequence.row_begin, 8, [&](int64_t begin, int64_t end, int) {
      for (int64_t row = sequence.row_begin + begin; row < sequence.row_begin + end; ++row) {
        float* q = qkv + row * stride;
        float* k = q + spec.n_heads * head_dim;
        const float* v = k + spec.n_kv_heads * head_dim;
        for (size_t j = 0; j < weights.qkv_bias.size(); ++j) q[j] += weights.qkv_bias[j];
        if (!weights.q_norm.empty()) {
          norm_heads(machine, q, spec.n_heads, weights.q_norm, spec.rms_eps);
          norm_heads(machine, k, spec.n_kv_heads, weights.k_norm, spec.rms_eps);
        }
        rotate_heads(machine, pass, row, q, spec.n_heads + spec.n_kv_heads);
        for (int head = 0; head < spec.n_kv_heads; ++head) {
          pass.caches[i]->write(layer, head, pass.plan.rows[row].slot, k + head * head_dim, v + head * head_dim);
        }
      }
    });
  }
}

}  // namespace

void fill_rope_angles(const Machine& machine, BlockPass& pass) {
  if (pass.spec.learned_positions) return;
  const int64_t half = pass.spec.rotated_dim() / 2;
  const RopeTable table = rope_table(pass.spec);
  pass.cosines.resize(pass.rows() * half);
  pass.sines.resize(pass.rows() * half);
  machine.pool.parallel_for(pass.rows(), 16, [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; ++row) {
      for (int64_t i = 0; i < half; ++i) {
        const double angle = static_cast<float>(pass.plan.rows[row].position) * table.frequencies[i];
        pass.cosines[row * half + i] = static_cast<float>(std::cos(angle)) * table.magnitude;
        pass.sines[row * half + i] = static_cast<float>(std::sin(angle)) * table.magnitude;
      }
    }
  });
}

void find_blocks(BlockPass& pass) {
  if (pass.spec.moe.block_pool == 0) return;
  const auto block_of = [&](int64_t row) {
    return pass.plan.rows[static_cast<size_t>(row)].position / pass.spec.block_size;
  };
  for (const PassSequence& sequence : pass.plan.sequences)
    for (int64_t row = sequence.row_begin; row < sequence.row_end; ++row)
      if (row + 1 == sequence.row_end || block_of(row + 1) != block_of(row)) pass.block_ends.push_back(row + 1);
}

void norm_rows(const Machine& machine, const float* rows_in, int64_t rows, const std::vector<float>& weight,
               const std::vector<float>& bias, float eps, const std::string& where, Activations& normed) {
  const int64_t width = static_cast<int64_t>(weight.size());
  normed.resize(rows, width, !machine.precise);
  machine.pool.parallel_for(rows, 8, [&](int64_t begin, int64_t end, int) {
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

namespace {

// attended = attention(norm(residual)) for the rows of pass.tiles, not finished yet; keys and values of all rows are stored.
void attend_rows(const Machine& machine, const BlockWeights& weights, int layer, BlockPass& pass,
                 BlockScratch& scratch) {
  const ModelSpec& spec = pass.spec;
  const int64_t rows = pass.rows();
  norm_rows(machine, pass.residual.data(), rows, weights.attn_norm, weights.attn_norm_bias, spec.rms_eps,
            fmt::format("before layer {}", layer), scratch.normed);
  grow(scratch.qkv, rows * weights.qkv.n());
  machine.matmul(weights.qkv, scratch.normed, rows, scratch.qkv.data());
  rotate_and_store(machine, weights, layer, pass, scratch.qkv.data());
  scratch.attended.resize(rows, int64_t{spec.n_heads} * spec.head_dim, !machine.precise);
  scratch.attention.resize(machine.pool.threads());
  const AttentionInput input = {spec, pass.plan, layer, scratch.qkv.data(), weights.qkv.n(), scratch.attended.row(0)};
  const int64_t tiles = static_cast<int64_t>(pass.tiles.size());
  const Stopwatch watch = machine.measure(&PassTimes::attention);
  machine.pool.parallel_for(tiles * spec.n_kv_heads, 1, [&](int64_t begin, int64_t end, int worker) {
    for (int64_t item = begin; item < end; ++item) {
      const int kv_head = static_cast<int>(item / tiles);
      attend(machine.kernels, input, pass.tiles[item % tiles], kv_head, scratch.attention[worker]);
    }
  });
}

// rows[i] += bias; none if it is empty.
void add_to_rows(const Machine& machine, const std::vector<float>& bias, int64_t rows, float* out) {
  if (bias.empty()) return;
  const auto width = static_cast<int64_t>(bias.size());
  machine.pool.parallel_for(rows, 16, [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; ++row)
      for (int64_t i = 0; i < width; ++i) out[row * width + i] += bias[static_cast<size_t>(i)];
  });
}

// residual += down(silu(gate x) * up x), x the rows of scratch.normed.
void add_ffn(const Machine& machine, const kernels::PackedMatrix& gate_up, const kernels::PackedMatrix& down,
             int64_t ffn, int64_t rows, BlockPass& pass, BlockScratch& scratch) {
  grow(scratch.gate_up, rows * 2 * ffn);
  machine.matmul(gate_up, scratch.normed, rows, scratch.gate_up.data());
  scratch.gated.resize(rows, ffn, !machine.precise);
  machine.pool.parallel_for(rows, 8, [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; ++row) {
      const float* gate = scratch.gate_up.data() + row * 2 * ffn;
      machine.kernels.silu_mul(gate, gate + ffn, ffn, scratch.gated.row(row));
      machine.finish_row(scratch.gated, row);
    }
  });
  machine.matmul(down, scratch.gated, rows, pass.residual.data(), /*add=*/true);
}

// residual += down(gelu(up x + up_bias)) + down_bias, x the rows of scratch.normed.
void add_gelu_ffn(const Machine& machine, const BlockWeights& weights, int64_t ffn, int64_t rows, BlockPass& pass,
                  BlockScratch& scratch) {
  grow(scratch.gate_up, rows * ffn);
  machine.matmul(weights.gate_up, scratch.normed, rows, scratch.gate_up.data());
  scratch.gated.resize(rows, ffn, !machine.precise);
  machine.pool.parallel_for(rows, 8, [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; ++row) {
      float* up = scratch.gate_up.data() + row * ffn;
      for (int64_t i = 0; i < ffn; ++i) up[i] += weights.up_bias[static_cast<size_t>(i)];
      machine.kernels.gelu(up, ffn, scratch.gated.row(row));
      machine.finish_row(scratch.gated, row);
    }
  });
  machine.matmul(weights.down, scratch.gated, rows, pass.residual.data(), /*add=*/true);
  add_to_rows(machine, weights.down_bias, rows, pass.residual.data());
}

// residual += attended * attn_out (+ its bias); residual += ffn(norm(residual)), for the first `rows` rows.
void finish_block(const Machine& machine, const BlockWeights& weights, int layer, int64_t rows, BlockPass& pass,
                  BlockScratch& scratch) {
  const ModelSpec& spec = pass.spec;
  machine.pool.parallel_for(rows, 8, [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; ++row) machine.finish_row(scratch.attended, row);
  });
  machine.matmul(weights.attn_out, scratch.attended, rows, pass.residual.data(), /*add=*/true);
  add_to_rows(machine, weights.attn_out_bias, rows, pass.residual.data());
  norm_rows(machine, pass.residual.data(), rows, weights.ffn_norm, weights.ffn_norm_bias, spec.rms_eps,
            fmt::format("after the attention of layer {}", layer), scratch.normed);
  if (spec.has_experts(layer)) {
    const ExpertWeights& experts = weights.experts;
    add_experts(machine, spec.moe, experts, scratch.normed, rows, pass.block_ends, scratch.experts,
                pass.residual.data());
    if (spec.moe.shared_dim > 0)
      add_ffn(machine, experts.shared_gate_up, experts.shared_down, spec.moe.shared_dim, rows, pass, scratch);
  } else if (spec.ffn == FfnKind::kGelu) {
    add_gelu_ffn(machine, weights, spec.ffn_dim, rows, pass, scratch);
  } else {
    add_ffn(machine, weights.gate_up, weights.down, spec.ffn_dim, rows, pass, scratch);
  }
}

// Moves the rows `kept` (ascending) to the front.
void move_to_front(const std::vector<uint32_t>& kept, float* rows, int64_t width) {
  for (size_t i = 0; i < kept.size(); ++i)
    if (kept[i] != i) std::copy_n(rows + kept[i] * width, width, rows + static_cast<int64_t>(i) * width);
}

}  // namespace

void run_block(const Machine& machine, const BlockWeights& weights, int layer, BlockPass& pass, BlockScratch& scratch) {
  attend_rows(machine, weights, layer, pass, scratch);
  finish_block(machine, weights, layer, pass.rows(), pass, scratch);
}

void run_last_block(const Machine& machine, const BlockWeights& weights, int layer, BlockPass& pass,
                    BlockScratch& scratch) {
  const std::vector<uint32_t>& kept = pass.wanted;
  if (pass.spec.moe.block_pool > 0) {  // the other rows have a say in which experts there are
    run_block(machine, weights, layer, pass, scratch);
    return move_to_front(kept, pass.residual.data(), pass.spec.d_model);
  }
  pass.tiles = make_attention_tiles(pass.plan, pass.caches, &kept);
  attend_rows(machine, weights, layer, pass, scratch);
  move_to_front(kept, scratch.attended.row(0), scratch.attended.width);
  move_to_front(kept, pass.residual.data(), pass.spec.d_model);
  finish_block(machine, weights, layer, static_cast<int64_t>(kept.size()), pass, scratch);
}

}  // namespace pent
