#include "model/gemma_block.h"

#include <algorithm>

#include "base/error.h"

namespace pent {
namespace {

// r the stream after attention:
//   d = norm(mlp(norm(r))), m = norm(experts(norm(r); router(norm(r)))), r = (r + norm(d + m)) * scale
void add_nets(const Machine& machine, const BlockWeights& weights, int layer, int64_t rows, BlockPass& pass,
              BlockScratch& scratch) {
  const ModelSpec& spec = pass.spec;
  const GemmaBlockWeights& own = weights.gemma;
  const int64_t d = spec.d_model;
  float *residual = pass.residual.data(), *dense = scratch.branch.data();
  const std::string where = fmt::format("after the attention of layer {}", layer);
  norm_rows(machine, residual, rows, weights.ffn_norm, {}, spec.rms_eps, where, scratch.normed);
  gated_ffn(machine, spec.ffn, weights.gate_up, weights.down, spec.ffn_dim, rows, scratch, dense, /*add=*/false);
  norm_rows(machine, residual, rows, own.router_norm, {}, spec.rms_eps, where, scratch.routed);
  norm_rows(machine, residual, rows, own.experts_norm, {}, spec.rms_eps, where, scratch.normed);
  grow(scratch.mixture, rows * d);
  std::fill_n(scratch.mixture.begin(), rows * d, 0.0f);
  add_experts(machine, spec, weights.experts, {scratch.normed, scratch.routed, rows, pass.block_ends}, scratch.experts,
              scratch.mixture.data());
  machine.for_rows(rows, [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; ++row) {
      float *sum = dense + row * d, *mixed = scratch.mixture.data() + row * d, *stream = residual + row * d;
      machine.kernels.rmsnorm(sum, own.ffn_post_norm.data(), d, spec.rms_eps, sum);
      machine.kernels.rmsnorm(mixed, own.experts_post_norm.data(), d, spec.rms_eps, mixed);
      for (int64_t i = 0; i < d; ++i) sum[i] += mixed[i];
      machine.kernels.rmsnorm(sum, own.post_norm.data(), d, spec.rms_eps, sum);
      const float scale = pass.denoised[static_cast<size_t>(row)] != 0 ? own.denoise_scale : own.encode_scale;
      for (int64_t i = 0; i < d; ++i) stream[i] = (stream[i] + sum[i]) * scale;
    }
  });
}

// residual += norm(attended * attn_out), then the nets, for the first `rows` rows.
void finish_block(const Machine& machine, const BlockWeights& weights, int layer, int64_t rows, BlockPass& pass,
                  BlockScratch& scratch) {
  const int64_t d = pass.spec.d_model;
  machine.for_rows(rows, [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; ++row) machine.finish_row(scratch.attended, row);
  });
  grow(scratch.branch, rows * d);
  machine.matmul(weights.attn_out, scratch.attended, rows, scratch.branch.data());
  machine.for_rows(rows, [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; ++row) {
      float *branch = scratch.branch.data() + row * d, *stream = pass.residual.data() + row * d;
      machine.kernels.rmsnorm(branch, weights.gemma.attn_post_norm.data(), d, pass.spec.rms_eps, branch);
      for (int64_t i = 0; i < d; ++i) stream[i] += branch[i];
    }
  });
  add_nets(machine, weights, layer, rows, pass, scratch);
}

}  // namespace

void run_gemma_block(const Machine& machine, const BlockWeights& weights, int layer, BlockPass& pass,
                     BlockScratch& scratch) {
  attend_rows(machine, weights, layer, pass, scratch);
  finish_block(machine, weights, layer, pass.rows(), pass, scratch);
}

void run_last_gemma_block(const Machine& machine, const BlockWeights& weights, int layer, BlockPass& pass,
                          BlockScratch& scratch) {
  look_at_wanted_rows(layer, pass);
  attend_rows(machine, weights, layer, pass, scratch);
  move_wanted_rows_to_front(pass, scratch);
  finish_block(machine, weights, layer, static_cast<int64_t>(pass.wanted.size()), pass, scratch);
}

}  // namespace pent
