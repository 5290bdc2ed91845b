// Presets: named combinations of sampler parts that are a published method, with its paper's defaults. They are data.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/spec.h"
#include "sample/cache.h"
#include "sample/constraint/cell_filter.h"
#include "sample/dreamon.h"
#include "sample/length.h"
#include "sample/mode.h"
#include "sample/options.h"
#include "sample/renoise.h"
#include "sample/revise.h"
#include "sample/score.h"
#include "sample/select.h"

namespace pent {

struct Preset {
  std::string_view name;
  std::string_view summary;  // one line for `pent presets`
  std::string_view source;   // where method and defaults are from
  bool diffusion = false;  // for diffusion models, of masks or (remask kRenoise) of random tokens; else autoregressive
  int max_tokens = 0;
  LengthRule length;        // .most: max_tokens
  int block_length = 0;     // 0: AR, or the model's block, or the whole canvas as one
  int steps = 0;            // a total over all blocks; 0 where steps have a meaning: as many as there are cells
  int steps_per_block = 0;  // instead of a total, if not 0
  SelectRule select;
  RemaskRule remask;
  ScoreKind score = ScoreKind::kProbability;
  ScoreOf score_of = ScoreOf::kModel;
  CacheKind cache = CacheKind::kNone;
  double temperature = 0;
  double top_p = 1;
  int top_k = 0;
  double final_temperature = 0;  // kRenoise, as the next
  SettleRule settle;
};
std::span<const Preset> presets();
bool fits(const Preset& preset, const ModelSpec& spec);
const Preset* find_preset(std::string_view name);  // nullptr if there is none of that name

// Tokens that move cells, and all others (RemaskKind::kLevenshtein, LengthKind::kDreamOn).
struct EditingTokens {
  int32_t delete_id = -1, insert_id = -1, expand_id = -1;
  std::shared_ptr<const TokenSet> others;
};

// One generation with every choice made.
struct SamplingParams {
  std::string preset;
  bool diffusion = false;
  int draft_length = 0;  // of speculation, in tokens; 0: none, and always so with diffusion
  int max_tokens = 0;    // canvas (diffusion; at most, if it grows) or budget (AR)
  LengthRule length;     // .initial <= max_tokens
  bool trim_tail = false;
  int block_length = 0;             // 1 … max_tokens
  int steps = 0;                    // a total, shared over the blocks …
  int steps_per_block = 0;          // … or the same for each block, if not 0
  std::optional<double> threshold;  // select's, where that is kThreshold: instead of steps
  SelectRule select;
  RemaskRule remask;
  EditingTokens editing;
  double order_temperature = 0;  // Dream's alg_temp
  float cfg_scale = 0;           // 0: no guidance
  std::vector<TokenBias> logit_bias;
  ScoreKind score = ScoreKind::kProbability;
  ScoreOf score_of = ScoreOf::kModel;  // kModel with temperature 0
  CacheKind cache = CacheKind::kNone;
  bool shift = false;       // the model's: logits of row i - 1 decide cell i
  int padding = 0;          // last cells of the canvas that only fill the model's block: not part of the answer
  int attention_block = 0;  // of block-causal attention, a multiple of block_length; 0: full attention
  float temperature = 0;    // of the draw
  RenoiseRule renoise;      // kRenoise: what logits are divided by before it, and when a canvas ends
  float top_p = 1;
  float min_p = 0;
  int top_k = 0;
  float repetition_penalty = 1;
  int repetition_window = 0;  // cells
  std::optional<int> max_nfe;
  std::optional<double> deadline_ms;
  uint64_t seed = 0;
  uint32_t n_index = 0;
  std::vector<CellRule> cell_rules;   // disjoint; resolve() makes none
  std::vector<ElasticCells> elastic;  // kDreamOn: its holes, ascending; resolve() makes none
  std::vector<double>
      cell_priority;  // of each cell of the canvas, or empty: the highest are decided first; resolve() makes none

  // Whether the model may write tokens that move cells.
  bool moves_cells() const { return remask.kind == RemaskKind::kLevenshtein || length.kind == LengthKind::kDreamOn; }
};

// Options over the preset over nothing else. Throws kInvalidArgument (a value out of range, two options that contradict
// each other, a preset that there is not or that does not fit the model, prompt + max_tokens beyond the context).
// When the caller did not set max_tokens, the preset's is lowered to what the context leaves.
SamplingParams resolve(const GenerationOptions& options, const ModelSpec& spec, int prompt_tokens = 0);

}  // namespace pent
