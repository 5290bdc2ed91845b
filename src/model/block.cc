#include "model/block.h"

#include "base/error.h"

namespace pent {
namespace {

// rows[i] += bias; none if it is empty.
void add_to_rows(const Machine& machine, const std::vector<float>& bias, int64_t rows, float* out) {
  if (bias.empty()) return;
  const auto width = static_cast<int64_t>(bias.size());
  machine.for_rows(rows, [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; ++row)
      for (int64_t i = 0; i < width; ++i) out[row * width + i] += bias[static_cast<size_t>(i)];
  });
}

// residual += down(gelu(up x + up_bias)) + down_bias, x the rows of scratch.normed.
void add_gelu_ffn(const Machine& machine, const BlockWeights& weights, int64_t ffn, int64_t rows, BlockPass& pass,
                  BlockScratch& scratch) {
  grow(scratch.gate_up, rows * ffn);
  machine.matmul(weights.gate_up, scratch.normed, rows, scratch.gate_up.data());
  scratch.gated.resize(rows, ffn, !machine.precise);
  machine.for_rows(rows, [&](int64_t begin, int64_t end, int) {
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
  float* residual = pass.residual.data();
  machine.for_rows(rows, [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; ++row) machine.finish_row(scratch.attended, row);
  });
  machine.matmul(weights.attn_out, scratch.attended, rows, residual, /*add=*/true);
  add_to_rows(machine, weights.attn_out_bias, rows, residual);
  norm_rows(machine, residual, rows, weights.ffn_norm, weights.ffn_norm_bias, spec.rms_eps,
            fmt::format("after the attention of layer {}", layer), scratch.normed);
  if (spec.has_experts(layer)) {
    const ExpertWeights& experts = weights.experts;
    add_experts(machine, spec, experts, {scratch.normed, scratch.normed, rows, pass.block_ends}, scratch.experts,
                residual);
    if (spec.moe.shared_dim > 0)
      gated_ffn(machine, spec.ffn, experts.shared_gate_up, experts.shared_down, spec.moe.shared_dim, rows, scratch,
                residual, /*add=*/true);
  } else if (spec.ffn == FfnKind::kGelu) {
    add_gelu_ffn(machine, weights, spec.ffn_dim, rows, pass, scratch);
  } else {
    gated_ffn(machine, spec.ffn, weights.gate_up, weights.down, spec.ffn_dim, rows, scratch, residual, /*add=*/true);
  }
}

}  // namespace

void run_block(const Machine& machine, const BlockWeights& weights, int layer, BlockPass& pass, BlockScratch& scratch) {
  attend_rows(machine, weights, layer, pass, scratch);
  finish_block(machine, weights, layer, pass.rows(), pass, scratch);
}

void run_last_block(const Machine& machine, const BlockWeights& weights, int layer, BlockPass& pass,
                    BlockScratch& scratch) {
  if (pass.spec.moe.block_pool > 0) {  // the other rows have a say in which experts there are
    run_block(machine, weights, layer, pass, scratch);
    return move_wanted_rows_to_front(pass, scratch);
  }
  look_at_wanted_rows(layer, pass);
  attend_rows(machine, weights, layer, pass, scratch);
  move_wanted_rows_to_front(pass, scratch);
  finish_block(machine, weights, layer, static_cast<int64_t>(pass.wanted.size()), pass, scratch);
}

}  // namespace pent
