#include "eval/accuracy.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/cancel.h"
#include "base/error.h"

namespace pent {
namespace {

// All logits of the rows that count, and their statistics.
void forward(Denoiser& denoiser, std::span<const int32_t> window, PassResult& result) {
  const ModelSpec& spec = denoiser.spec();
  const size_t first = window.size() / 2;
  const auto end = static_cast<uint32_t>(window.size() - (spec.is_diffusion() ? 0 : 1));
  const int32_t sequence = denoiser.open_sequence(static_cast<int32_t>(window.size()));
  PassPlan plan;
  if (spec.is_diffusion()) {
    std::vector<int32_t> canvas(window.begin(), window.end());
    std::fill(canvas.begin() + static_cast<std::ptrdiff_t>(first), canvas.end(), spec.mask_id);
    plan.add_full(sequence, canvas);
  } else {
    plan.add_causal(sequence, window);
  }
  for (auto row = static_cast<uint32_t>(first); row < end; ++row) plan.head_rows.push_back(row);
  HeadRequest request;
  request.full_logits = true;
  denoiser.forward(plan, request, result);
  denoiser.close_sequence(sequence);
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
    const size_t first_target = length / 2 + (spec.is_diffusion() ? 0 : 1);
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
      const auto target = static_cast<size_t>(shown[first_target + row]);
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
