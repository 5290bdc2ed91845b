#include "model/self_conditioning.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace pent {

void condition_rows(const Machine& machine, const SelfConditioningWeights& weights,
                    const std::vector<const KeptMeans*>& kept, BlockPass& pass, BlockScratch& scratch) {
  const ModelSpec& spec = pass.spec;
  const int64_t d = spec.d_model;
  std::vector<int64_t> rows;  // conditioned ones, in the order of `means`
  std::vector<float> means;
  for (size_t i = 0; i < pass.plan.sequences.size(); ++i) {
    const PassSequence& sequence = pass.plan.sequences[i];
    if (!sequence.denoises || !sequence.conditioned) continue;
    for (uint32_t row = sequence.row_begin; row < sequence.row_end; ++row) {
      const int64_t at = (pass.plan.rows[row].slot - kept[i]->first_slot) * d;
      rows.push_back(row);
      means.insert(means.end(), kept[i]->means.begin() + at, kept[i]->means.begin() + at + d);
    }
  }
  if (const auto count = static_cast<int64_t>(rows.size()); count > 0) {
    norm_rows(machine, means.data(), count, weights.norm, {}, spec.rms_eps, "in what conditions it", scratch.normed);
    grow(scratch.branch, count * d);
    gated_ffn(machine, spec.ffn, weights.gate_up, weights.down, spec.ffn_dim, count, scratch, scratch.branch.data(),
              /*add=*/false);
    for (int64_t i = 0; i < count; ++i)
      for (int64_t j = 0; j < d; ++j)
        pass.residual[static_cast<size_t>(rows[static_cast<size_t>(i)] * d + j)] +=
            scratch.branch[static_cast<size_t>(i * d + j)];
  }
  const std::vector<float> ones(static_cast<size_t>(d), 1.0f);
  machine.for_rows(pass.rows(), [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; ++row) {
      if (pass.denoised[static_cast<size_t>(row)] == 0) continue;
      float* stream = pass.residual.data() + row * d;
      machine.kernels.rmsnorm(stream, ones.data(), d, spec.rms_eps, stream);
    }
  });
}

void mean_embedding(const TensorView& embedding, float scale, std::span<const float> logits, float max_logit,
                    std::span<float> out) {
  static const float kLeast = std::log(1e-9f);
  std::vector<float> row(out.size());
  std::fill(out.begin(), out.end(), 0.0f);
  double total = 0;
  for (size_t token = 0; token < logits.size(); ++token) {
    if (logits[token] - max_logit < kLeast) continue;
    const float weight = std::exp(logits[token] - max_logit);
    total += weight;
    dequantize_rows(embedding, static_cast<int64_t>(token), static_cast<int64_t>(token) + 1, row.data());
    for (size_t i = 0; i < row.size(); ++i) out[i] += weight * row[i];
  }
  const float factor = scale / static_cast<float>(total);
  for (float& value : out) value *= factor;
}

}  // namespace pent
