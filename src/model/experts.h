// The feed-forward part of a layer that is a mixture of experts (spec 10 §2, §3, §11).
//
// Rows are routed, sorted by expert, and every expert that got rows reads its weights once for all of them: what a pass
// reads is the union of its rows' experts. A row's result is a function of that row alone (with a pool for each block, of the block's
// rows): not of the others, nor of threads.
#pragma once

#include <vector>

#include "kernels/pack.h"
#include "model/router.h"
#include "model/workspace.h"

namespace pent {

// One layer's. Stacked matrices: expert e has panels [e * P, (e + 1) * P), P the panels that its rows need.
struct ExpertWeights {
  kernels::PackedMatrix router;          // [n_experts, d_model], always float32
  std::vector<float> bias;               // [n_experts]; empty: none
  std::vector<float> scales;             // [n_experts], on the weights that rows give them; empty: none
  kernels::PackedMatrix gate_up;         // stacked, each [2 * expert_dim, d_model]: gate, then up
  kernels::PackedMatrix down;            // stacked, each [d_model, expert_dim]
  kernels::PackedMatrix shared_gate_up;  // [2 * shared_dim, d_model]; empty: no shared expert
  kernels::PackedMatrix shared_down;     // [d_model, shared_dim]
};

// Rows that the experts' stacked matrix needs for one expert's `rows`.
inline int64_t stacked_rows(int64_t rows) { return (rows + kernels::kPanel - 1) / kernels::kPanel * kernels::kPanel; }

struct ExpertScratch {
  std::vector<float> logits;           // [rows, n_experts]
  std::vector<RoutedExpert> routes;    // [rows, top_k], ascending by expert within a row
  std::vector<int64_t> places;         // [rows, top_k]: where a row's share lies in the sorted buffers
  std::vector<int64_t> firsts;         // [n_experts + 1]: expert e has shares [firsts[e], firsts[e + 1])
  Activations gathered;                // [rows * top_k, d_model], sorted by expert
  std::vector<float> gate_up;          // [rows * top_k, 2 * expert_dim]
  Activations gated;                   // [rows * top_k, expert_dim]
  std::vector<float> outputs;          // [rows * top_k, d_model]
  std::vector<RouterScratch> routers;  // [threads]
};

struct ExpertInput {
  Activations& normed;  // what the experts are given: the first `rows` rows, quantised unless machine.precise
  Activations& routed;  // what the router is given; may be the same
  int64_t rows;
  const std::vector<int64_t>&
      block_ends;  // where the rows of each block end, the last at `rows`; read if moe.block_pool
};

// residual [rows, d_model] += mixture(input), spec.moe's. The shared expert is not among them.
void add_experts(const Machine& machine, const ModelSpec& spec, const ExpertWeights& weights, const ExpertInput& input,
                 ExpertScratch& scratch, float* residual);

}  // namespace pent
