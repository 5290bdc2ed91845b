#include "model/experts.h"

#include <algorithm>

namespace pent {
namespace {

using kernels::PackedMatrix;

void grow(std::vector<float>& buffer, int64_t size) {
  if (static_cast<int64_t>(buffer.size()) < size) buffer.resize(static_cast<size_t>(size));
}

void route(const Machine& machine, const MoeSpec& moe, const ExpertWeights& weights, const ExpertInput& input,
           ExpertScratch& scratch) {
  const int64_t rows = input.rows;
  const std::vector<int64_t>& block_ends = input.block_ends;
  grow(scratch.logits, rows * moe.n_experts);
  machine.matmul(weights.router, input.routed, rows, scratch.logits.data());
  scratch.routes.resize(static_cast<size_t>(rows * moe.top_k));
  scratch.routers.resize(static_cast<size_t>(machine.pool.threads()));
  const float* bias = weights.bias.empty() ? nullptr : weights.bias.data();
  if (moe.block_pool > 0) {
    machine.pool.parallel_for(static_cast<int64_t>(block_ends.size()), 1, [&](int64_t begin, int64_t end, int worker) {
      for (int64_t block = begin; block < end; ++block) {
        const int64_t first = block == 0 ? 0 : block_ends[static_cast<size_t>(block - 1)];
        route_block(moe, scratch.logits.data() + first * moe.n_experts, block_ends[static_cast<size_t>(block)] - first,
                    bias, scratch.routers[static_cast<size_t>(worker)], scratch.routes.data() + first * moe.top_k);
      }
    });
    return;
  }
  machine.for_rows(rows, [&](int64_t begin, int64_t end, int worker) {
    for (int64_t row = begin; row < end; ++row)
      route_row(moe, scratch.logits.data() + row * moe.n_experts, bias, scratch.routers[static_cast<size_t>(worker)],
                scratch.routes.data() + row * moe.top_k);
  });
}

// Counting sort of the shares by expert; within an expert, by row.
void sort_by_expert(const MoeSpec& moe, ExpertScratch& scratch) {
  scratch.firsts.assign(static_cast<size_t>(moe.n_experts) + 1, 0);
  for (const RoutedExpert& route : scratch.routes) ++scratch.firsts[static_cast<size_t>(route.expert) + 1];
  for (size_t i = 1; i < scratch.firsts.size(); ++i) scratch.firsts[i] += scratch.firsts[i - 1];
  std::vector<int64_t> next(scratch.firsts.begin(), scratch.firsts.end() - 1);
  scratch.places.resize(scratch.routes.size());
  for (size_t i = 0; i < scratch.routes.size(); ++i)
    scratch.places[i] = next[static_cast<size_t>(scratch.routes[i].expert)]++;
}

// Each share gets a copy of its row, as floats or in int8, whichever the products read.
void gather(const Machine& machine, const MoeSpec& moe, Activations& normed, int64_t rows, ExpertScratch& scratch) {
  Activations& to = scratch.gathered;
  to.resize(rows * moe.top_k, normed.width, !machine.precise);
  const kernels::RowsQ8 in = normed.quantized.view(), out = to.quantized.view();
  machine.for_rows(rows, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin * moe.top_k; i < end * moe.top_k; ++i) {
      const int64_t row = i / moe.top_k, place = scratch.places[static_cast<size_t>(i)];
      if (machine.precise) {
        std::copy_n(normed.row(row), normed.width, to.row(place));
        continue;
      }
      const int64_t width = in.groups * kernels::kGroup;
      std::copy_n(in.values + row * width, width, out.values + place * width);
      std::copy_n(in.scales + row * in.groups, in.groups, out.scales + place * in.groups);
      std::copy_n(in.offsets + row * in.groups, in.groups, out.offsets + place * in.groups);
      std::copy_n(in.sums + row * in.groups, in.groups, out.sums + place * in.groups);
    }
  });
}

// out [shares, n] = in * (its expert's [n, k])^T. Work items are one panel of one expert for up to kRowBlock of its shares; those
// of an expert follow one another, so that its weights are read once.
void multiply_grouped(const Machine& machine, const PackedMatrix& stacked, int64_t n,
                      const std::vector<int64_t>& firsts, Activations& in, float* out) {
  struct Segment {
    int64_t expert, row_begin, row_end;
  };
  constexpr int64_t kRowBlock = 128;
  std::vector<Segment> segments;
  for (size_t expert = 0; expert + 1 < firsts.size(); ++expert)
    for (int64_t row = firsts[expert]; row < firsts[expert + 1]; row += kRowBlock)
      segments.push_back({static_cast<int64_t>(expert), row, std::min(row + kRowBlock, firsts[expert + 1])});
  const int64_t panels = stacked_rows(n) / kernels::kPanel;
  const kernels::RowsQ8 quantized = in.quantized.view();
  machine.pool.parallel_for(static_cast<int64_t>(segments.size()) * panels, 4, [&](int64_t begin, int64_t end, int) {
    while (begin < end) {
      const Segment& segment = segments[static_cast<size_t>(begin / panels)];
      const int64_t panel = begin % panels, panel_end = std::min(panels, panel + end - begin);
      const kernels::MatmulRange range = {segment.row_begin, segment.row_end, panel, panel_end, false};
      const int64_t first = segment.expert * panels;
      switch (stacked.format()) {
        case PackedMatrix::Format::kF32:
          machine.kernels.matmul_f32(stacked.f32_part(first, n), in.values.data(), in.width, out, n, range);
          break;
        case PackedMatrix::Format::kQ8:
          machine.kernels.matmul_q8(stacked.q8_part(first, n), quantized, out, n, range);
          break;
        case PackedMatrix::Format::kQ4_0:
        case PackedMatrix::Format::kQ4_1:
          machine.kernels.matmul_q4(stacked.q4_part(first, n), quantized, out, n, range);
          break;
      }
      begin += panel_end - panel;
    }
  });
}

}  // namespace

void add_experts(const Machine& machine, const ModelSpec& spec, const ExpertWeights& weights, const ExpertInput& input,
                 ExpertScratch& scratch, float* residual) {
  const MoeSpec& moe = spec.moe;
  const int64_t rows = input.rows;
  const Stopwatch watch = machine.measure(&PassTimes::experts);
  const Machine unmeasured = {machine.kernels, machine.pool, machine.precise};  // its products are counted here
  const int64_t shares = rows * moe.top_k, d = input.normed.width, inner = moe.expert_dim;
  route(unmeasured, moe, weights, input, scratch);
  if (!weights.scales.empty())
    for (RoutedExpert& route : scratch.routes) route.weight *= weights.scales[static_cast<size_t>(route.expert)];
  sort_by_expert(moe, scratch);
  gather(machine, moe, input.normed, rows, scratch);
  grow(scratch.gate_up, shares * 2 * inner);
  multiply_grouped(machine, weights.gate_up, 2 * inner, scratch.firsts, scratch.gathered, scratch.gate_up.data());
  scratch.gated.resize(shares, inner, !machine.precise);
  machine.for_rows(shares, [&](int64_t begin, int64_t end, int) {
    for (int64_t share = begin; share < end; ++share) {
      machine.gate(spec.ffn, scratch.gate_up.data() + share * 2 * inner, inner, scratch.gated.row(share));
      machine.finish_row(scratch.gated, share);
    }
  });
  grow(scratch.outputs, shares * d);
  multiply_grouped(machine, weights.down, d, scratch.firsts, scratch.gated, scratch.outputs.data());
  machine.for_rows(rows, [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; ++row) {
      float* out = residual + row * d;
      for (int64_t i = row * moe.top_k; i < (row + 1) * moe.top_k; ++i) {
        const float weight = scratch.routes[static_cast<size_t>(i)].weight;
        const float* share = scratch.outputs.data() + scratch.places[static_cast<size_t>(i)] * d;
        for (int64_t j = 0; j < d; ++j) out[j] += weight * share[j];
      }
    }
  });
}

}  // namespace pent
