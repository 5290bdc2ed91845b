// DeepSeek-V3's group-limited choice (arXiv:2412.19437 §2.1.2, the form that LLaDA2 has from Ling 2.0) with the plain softmax
// choice of Qwen3-MoE and OLMoE as its special case.
#include "model/router.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace pent {
namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();

void score(const MoeSpec& moe, const float* logits, std::vector<float>& scores) {
  const auto n = static_cast<size_t>(moe.n_experts);
  scores.resize(n);
  if (moe.scores == MoeSpec::Scores::kSigmoid) {
    for (size_t i = 0; i < n; ++i) scores[i] = 1.0f / (1.0f + std::exp(-logits[i]));
    return;
  }
  const float largest = *std::max_element(logits, logits + n);
  float sum = 0;
  for (size_t i = 0; i < n; ++i) sum += scores[i] = std::exp(logits[i] - largest);
  for (size_t i = 0; i < n; ++i) scores[i] /= sum;
}

// The first `count` of `order` become those of the largest values, best first.
void best(const std::vector<float>& values, int count, std::vector<int32_t>& order) {
  const auto before = [&](int32_t a, int32_t b) {
    return values[static_cast<size_t>(a)] > values[static_cast<size_t>(b)] ||
           (values[static_cast<size_t>(a)] == values[static_cast<size_t>(b)] && a < b);
  };
  std::partial_sort(order.begin(), order.begin() + count, order.end(), before);
}

void fill_order(std::vector<int32_t>& order, int n) {
  order.resize(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), 0);
}

// What lies outside the best groups can no longer be chosen.
void limit_to_groups(const MoeSpec& moe, std::vector<float>& selection, std::vector<int32_t>& order) {
  const int size = moe.n_experts / moe.n_groups;
  std::vector<float> groups(static_cast<size_t>(moe.n_groups));
  for (int group = 0; group < moe.n_groups; ++group) {
    float first = kNever, second = kNever;
    for (int i = group * size; i < (group + 1) * size; ++i) {
      const float value = selection[static_cast<size_t>(i)];
      second = std::max(second, std::min(first, value));
      first = std::max(first, value);
    }
    groups[static_cast<size_t>(group)] = first + second;
  }
  fill_order(order, moe.n_groups);
  best(groups, moe.top_groups, order);
  for (int i = moe.top_groups; i < moe.n_groups; ++i)
    std::fill_n(selection.begin() + order[static_cast<size_t>(i)] * size, size, kNever);
}

void score_and_bias(const MoeSpec& moe, const float* logits, const float* bias, RouterScratch& scratch) {
  score(moe, logits, scratch.scores);
  scratch.selection = scratch.scores;
  if (bias == nullptr) return;
  for (size_t i = 0; i < scratch.selection.size(); ++i) scratch.selection[i] += bias[i];
  if (moe.bias_in_weights) scratch.scores = scratch.selection;
}

// The top_k of scratch.selection, weighted by scratch.scores.
void choose(const MoeSpec& moe, RouterScratch& scratch, RoutedExpert* out) {
  fill_order(scratch.order, moe.n_experts);
  best(scratch.selection, moe.top_k, scratch.order);
  float sum = 0;
  for (int i = 0; i < moe.top_k; ++i) sum += scratch.scores[static_cast<size_t>(scratch.order[static_cast<size_t>(i)])];
  const float factor = moe.normalize ? moe.scale / (sum + 1e-20f) : moe.scale;
  for (int i = 0; i < moe.top_k; ++i) {
    const int32_t expert = scratch.order[static_cast<size_t>(i)];
    out[i] = {.expert = expert, .weight = scratch.scores[static_cast<size_t>(expert)] * factor};
  }
  std::sort(out, out + moe.top_k, [](const RoutedExpert& a, const RoutedExpert& b) { return a.expert < b.expert; });
}

}  // namespace

void route_row(const MoeSpec& moe, const float* logits, const float* bias, RouterScratch& scratch, RoutedExpert* out) {
  score_and_bias(moe, logits, bias, scratch);
  if (moe.top_groups < moe.n_groups) limit_to_groups(moe, scratch.selection, scratch.order);
  choose(moe, scratch, out);
}

void route_block(const MoeSpec& moe, const float* logits, int64_t rows, const float* bias, RouterScratch& scratch,
                 RoutedExpert* out) {
  const auto n = static_cast<size_t>(moe.n_experts);
  std::vector<float>& pool = scratch.pool;
  pool.assign(n, kNever);
  for (int64_t row = 0; row < rows; ++row) {
    score_and_bias(moe, logits + row * moe.n_experts, bias, scratch);
    for (size_t i = 0; i < n; ++i) pool[i] = std::max(pool[i], scratch.selection[i]);
  }
  fill_order(scratch.order, moe.n_experts);
  best(pool, moe.block_pool, scratch.order);
  pool.assign(n, kNever);
  for (int i = 0; i < moe.block_pool; ++i) pool[static_cast<size_t>(scratch.order[static_cast<size_t>(i)])] = 0;
  for (int64_t row = 0; row < rows; ++row) {
    score_and_bias(moe, logits + row * moe.n_experts, bias, scratch);
    for (size_t i = 0; i < n; ++i) scratch.selection[i] += pool[i];
    choose(moe, scratch, out + row * moe.top_k);
  }
}

}  // namespace pent
