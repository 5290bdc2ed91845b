// Objectives: from clean windows to what the net is shown, which rows are scored against what, and with which weight.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "train/data/windows.h"

namespace pent::train {

// The rows of one step's loss. inputs[i] has windows[i].tokens.size() ids.
struct NoisedBatch {
  std::vector<std::vector<TokenId>> inputs;
  struct Row {
    int32_t sequence, position;  // whose hidden state is asked
    TokenId target;
    float weight;  // times 1 / normaliser
  };
  std::vector<Row> rows;  // by sequence, then position
  int64_t eligible = 0;   // tokens that could be scored: the normaliser
};

// Tokens, of the shapes that block_windows and infill_windows give (below).
constexpr size_t kLongestBlock = 32, kLongestSpan = 48, kShortestGap = 16, kLongestGap = 96;
constexpr size_t kFewestAtFullWeight = 64;
constexpr double kShareBehindBlock = 0.25;  // of a block window's weight, on the masks behind its block

struct ObjectiveRules {
  bool diffusion = true;
  double epsilon = 1e-3;
  double block_windows = 0;   // masked diffusion: share of windows noised as block-by-block decoding meets them
  double infill_windows = 0;  // masked diffusion: share of windows noised as infilling meets them
  double token_mask = 0;
  TokenId mask = 0;
  uint64_t seed = 1;
};

// Masked diffusion (LLaDA, MDLM; spec ch. 30 §0, §5, §8): t stratified over the windows of the step, t_i = frac(u_i/n +
// i/n), order drawn; p = (1 - epsilon) t + epsilon; every eligible token is masked with probability p; weight 1/p;
// normaliser: eligible tokens of the step; no shift, no time input.
// Some windows may be given the shape of a canvas in mid-generation instead of noise all over. infill_windows: clean text with
// noised spans of up to kLongestSpan tokens, kShortestGap to kLongestGap tokens apart. block_windows: the same up to a
// frontier anywhere in the text; there a block of up to kLongestBlock tokens, noised too, and behind it only masks. Scored is
// what is hidden, not the clean text. It weighs together as much as the window is long; fewer tokens than kFewestAtFullWeight,
// in proportion less. Of a block window's weight, kShareBehindBlock lies on the masks behind the block: of most of them the
// model can say little more than how frequent words are, but they teach it to end where the canvas does.
// The bound is measured without either shape.
// Next token: position j - 1 predicts token j for every eligible j >= 1, weight 1; token_mask hides inputs, not
// targets. `step` keys the draws.
NoisedBatch noise_batch(std::span<const Window> windows, const ObjectiveRules& rules, uint32_t step);

}  // namespace pent::train
