// One forward pass, said completely (PassPlan), and what is wanted from it (HeadRequest -> RowStats).
//
// A cache policy is nothing but a way to make pass plans; the model only executes them.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/random.h"

namespace pent {

// Slots [begin, end) of a sequence's key/value store.
struct SlotRange {
  int32_t begin = 0;
  int32_t end = 0;
};

// One token to compute. Position is what RoPE sees; slot is where its keys and values are written. They differ once
// cells are inserted or deleted. All rows of a sequence write their slots before any row of the layer reads.
struct PassRow {
  int32_t token = 0;
  int32_t position = 0;
  int32_t slot = 0;
  uint32_t ranges_begin = 0;  // this row sees plan.ranges[ranges_begin, ranges_begin + ranges_count), in that order
  uint32_t ranges_count = 0;
};

// The rows of one sequence, contiguous in plan.rows.
struct PassSequence {
  int32_t sequence = 0;  // handle from Denoiser::open_sequence
  uint32_t row_begin = 0;
  uint32_t row_end = 0;
  // Of a model with a canvas_length: these rows are a canvas, with slots one after the other, to be denoised; else they are encoded.
  // conditioned: they are shown what the last pass of the sequence kept of this canvas (HeadRequest::keep_means). The same
  // sequence may be listed twice, to encode rows and denoise the canvas behind them in one pass.
  bool denoises = false;
  bool conditioned = false;
};

struct PassPlan {
  std::vector<PassRow> rows;
  std::vector<PassSequence> sequences;
  std::vector<SlotRange> ranges;
  std::vector<uint32_t> head_rows;  // indices into rows whose output the head answers, ascending
  // Classifier-free guidance: empty, or for each head row the row of its unconditional twin, also ascending. The logits are then
  // z_u + (1 + guidance) (z - z_u) with z_u the twin's (spec 20 §1.1).
  std::vector<uint32_t> twin_rows;

  void clear();
  // Appends a sequence whose rows have positions and slots first_position, first_position+1, …
  //   full:   every row sees slots [0, first_position + n)
  //   causal: row i sees slots [0, first_position + i + 1)
  void add_full(int32_t sequence, std::span<const int32_t> tokens, int32_t first_position = 0);
  //   window: every row sees slots [0, seen): rows of a canvas whose other slots hold keys and values from earlier passes
  void add_window(int32_t sequence, std::span<const int32_t> tokens, int32_t first_position, int32_t seen);
  //   cells: a canvas of which only these cells, ascending, are computed; every row sees all of it
  void add_cells(int32_t sequence, std::span<const int32_t> canvas, std::span<const int32_t> cells);
  // Head rows and their twins, ascending, each once: the rows whose output somebody wants.
  std::vector<uint32_t> wanted_rows() const;
  void add_causal(int32_t sequence, std::span<const int32_t> tokens, int32_t first_position = 0);
  //   block-causal: the row at position p sees slots [0, end of p's block of block_size), but none behind the last row's
  void add_block_causal(int32_t sequence, std::span<const int32_t> tokens, int32_t block_size,
                        int32_t first_position = 0);
};

// The plan as layers with a window see it: an encoded row the last `window` slots up to its own, all rows of a denoised canvas what
// its first row would see, and the canvas (spec 11 §4.4).
PassPlan cut_to_window(const PassPlan& plan, int32_t window);

struct TokenBias {
  int32_t token = 0;
  float bias = 0;  // added to the logit; -infinity bans the token
};

// A bit for each token of the vocabulary.
using TokenSet = std::vector<uint64_t>;
inline bool contains(const TokenSet& set, int32_t token) {
  return (set[static_cast<size_t>(token) / 64] >> (token % 64) & 1) != 0;
}

// What the sampler wants to know of plan.head_rows. Biases act before everything else.
struct HeadRequest {
  float guidance = 0;             // where the plan has twin rows
  bool full_logits = false;       // also keep the biased logits, float32 [head_rows, vocab] (parity, tests, bounds)
  bool entropy = false;           // of softmax(logits), nats
  bool drawn_from = false;        // of the distribution that the draw is made from; with temperature 0 there is none
  int top = 0;                    // how many best tokens to list per row (ties: lower id first)
  std::vector<TokenBias> biases;  // for all rows
  std::vector<std::shared_ptr<const TokenSet>> allowed;  // empty, or per head row the tokens it can get (null: all)
  // Per head row tokens that stand near it: a positive logit is divided by the penalty, a negative one multiplied (Keskar et
  // al. 2019, arXiv:1909.05858 §4.1). Acts right after the biases; 1: off, and `recent` is not read.
  float repetition_penalty = 1;
  std::vector<std::vector<int32_t>> recent;
  // Empty, or per head row what its logits are divided by, after all that; everything below is of the quotients.
  std::vector<float> divisors;
  // Of denoised rows, which all must be head rows: keep the mean of the embeddings under softmax(logits) for a conditioned pass.
  bool keep_means = false;
  std::vector<int32_t> targets;  // empty, or per head row a token whose logit is wanted (-1: none)

  // The draw. temperature 0: the arg max, no random number. Otherwise softmax(logits / temperature), cut to what is at least
  // min_p times as probable as the most probable token, of these to the top_k largest (0: all), then to the smallest set whose mass reaches top_p, is inverted at draw_uniform(keys[row]): the
  // token is the first, in ascending id order, whose cumulative mass exceeds u * total (float64 sums).
  float temperature = 0;
  float min_p = 0;
  int top_k = 0;
  float top_p = 1;
  std::vector<DrawKey> keys;  // per head row; needed when temperature > 0
};

struct TokenLogit {
  int32_t token = 0;
  float logit = 0;
};

// The distribution that a token is drawn from: tempered, and cut by min_p, top_k and top_p.
struct DrawnFrom {
  float probability = 0;  // of the drawn token
  float margin = 0;       // the largest probability minus the second largest
  float entropy = 0;      // nats
};

// The answer for one row, from biased logits z. Probability of a token: exp(logit - log_sum_exp), untempered.
struct RowStats {
  int32_t argmax = 0;  // ties: lowest id
  float max_logit = 0;
  float log_sum_exp = 0;
  float entropy = 0;              // if asked
  int32_t drawn = 0;              // the drawn token (== argmax at temperature 0)
  float drawn_logit = 0;          // its biased, untempered logit
  float target_logit = 0;         // if asked
  DrawnFrom drawn_from;           // if asked
  std::vector<TokenLogit> top;    // if asked
  std::span<const float> logits;  // this row of PassResult::logits, where decode() asked for them
};

struct PassResult {
  std::vector<RowStats> rows;  // one per head row, in order
  std::vector<float> logits;   // [head_rows, vocab] if full_logits
};

}  // namespace pent
