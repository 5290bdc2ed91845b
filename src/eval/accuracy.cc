#include "eval/accuracy.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/cancel.h"
#include "base/error.h"

namespace pent {
namespace {

// The window's targets are tokens [first, window): what each is decided by stands this many rows before it.
int32_t rows_before_target(const ModelSpec& spec) { return spec.is_masked_diffusion() && !spec.shift ? 0 : 1; }
size_t first_target(const ModelSpec& spec, size_t window) { return window / 2 + (spec.is_masked_diffusion() ? 0 : 1); }

// All logits of the rows that count, and their statistics.
void forward(Denoiser& denoiser, std::span<const int32_t> window, PassResult& result) {
  const ModelSpec& spec = denoiser.spec();
  const auto size = static_cast<int32_t>(window.size());
  const size_t first = first_target(spec, window.size());
  const OpenSequence sequence(denoiser, size);
  std::vector<int32_t> shown(window.begin(), window.end());
  if (spec.is_masked_diffusion())
    std::fill(shown.begin() + static_cast<std::ptrdiff_t>(first), shown.end(), spec.mask_id);
  PassPlan plan;
  switch (spec.attention) {
    case AttentionKind::kFull: plan.add_full(sequence.handle(), shown); break;
    case AttentionKind::kCausal: plan.add_causal(sequence.handle(), shown); break;
    case AttentionKind::kBlockCausal: plan.add_block_causal(sequence.handle(), shown, spec.block_size, 0); break;
  }
  for (auto target = static_cast<int32_t>(first); target < size; ++target)
    plan.head_rows.push_back(static_cast<uint32_t>(target - rows_before_target(spec)));
  HeadRequest request;
  request.full_logits = true;
  denoiser.forward(plan, request, result);
}

}  // namespace

Accuracy compare_with_precise(Denoiser& packed, Denoiser& precise, std::span<const int32_t> tokens, int window,
                              int windows) {
  const ModelSpec& spec = precise.spec();
  const auto length = static_cast<size_t>(window);
  if (window < 4 || window > spec.max_positions)
    throw error(ErrorKind::kInvalidArgument, "a window of {} tokens; this model takes 4 to {}", window,
                spec.max_positions);
  if (tokens.size() < length)
    throw error(ErrorKind::kInvalidArgument, "the text has {} tokens; a window takes {}", tokens.size(), window);
  const size_t there = tokens.size() / length;
  const size_t count = std::min(there, static_cast<size_t>(std::max(1, windows)));

  Accuracy out;
  double kl_sum = 0, kl_squares = 0, log_prob = 0, precise_log_prob = 0;
  int64_t same = 0;
  PassResult p, q;
  for (size_t w = 0; w < count; ++w) {
    const auto shown = tokens.subspan(w * there / count * length, length);
    if (interrupt_token().cancelled()) throw error(ErrorKind::kCancelled, "interrupted");
    forward(precise, shown, p);
    forward(packed, shown, q);
    const auto vocabulary = static_cast<size_t>(spec.vocab_size);
    for (size_t row = 0; row < p.rows.size(); ++row) {
      const float* exact = p.logits.data() + row * vocabulary;
      const float* moved = q.logits.data() + row * vocabulary;
      const double exact_sum = p.rows[row].log_sum_exp, moved_sum = q.rows[row].log_sum_exp;
      double kl = 0;
      for (size_t token = 0; token < vocabulary; ++token) {
        const double log_p = exact[token] - exact_sum;
        if (log_p > -30) kl += std::exp(log_p) * (log_p - (moved[token] - moved_sum));  // less adds nothing
      }
      kl_sum += kl;
      kl_squares += kl * kl;
      same += p.rows[row].argmax == q.rows[row].argmax;
      const auto target = static_cast<size_t>(shown[first_target(spec, length) + row]);
      precise_log_prob += exact[target] - exact_sum;
      log_prob += moved[target] - moved_sum;
    }
    out.rows += static_cast<int64_t>(p.rows.size());
    ++out.windows;
  }
  const auto rows = static_cast<double>(out.rows);
  out.kl = kl_sum / rows;
  out.kl_error = std::sqrt(std::max(0.0, kl_squares / rows - out.kl * out.kl) / rows);
  out.same_best = static_cast<double>(same) / rows;
  out.perplexity = std::exp(-log_prob / rows);
  out.precise_perplexity = std::exp(-precise_log_prob / rows);
  return out;
}

}  // namespace pent
