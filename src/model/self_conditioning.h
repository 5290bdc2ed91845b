// Self-conditioning of DiffusionGemma's decoder (spec 11 §4.2): a canvas is shown with the embeddings that the last pass thought
// likely in its cells. The embeddings' means are kept, [canvas, d_model], not the logits [canvas, vocabulary] that they come from.
#pragma once

#include <span>
#include <vector>

#include "io/tensor_view.h"
#include "model/block_parts.h"

namespace pent {

// What one sequence keeps of its canvas.
struct KeptMeans {
  int32_t first_slot = 0;
  int32_t count = 0;         // cells; 0: nothing is kept
  std::vector<float> means;  // [count, d_model], scaled like embeddings
};

// residual holds the embeddings. Rows of denoised sequences become RMSNorm(embedding + net(norm(mean))); the net says nothing where
// a sequence is not conditioned. kept [plan.sequences]; a conditioned sequence's has all its rows.
void condition_rows(const Machine& machine, const SelfConditioningWeights& weights,
                    const std::vector<const KeptMeans*>& kept, BlockPass& pass, BlockScratch& scratch);

// out [d_model] = scale * sum over tokens of softmax(logits) * embedding. Tokens less than 1e-9 times as probable as the best are left
// out: of 262144 together at most 3e-4 of the best one's share.
void mean_embedding(const TensorView& embedding, float scale, std::span<const float> logits, float max_logit,
                    std::span<float> out);

}  // namespace pent
