// Exact AR log-likelihood and the masked-diffusion bound with fixed mask counts (LLaDA; spec 20 §2.1).
// The mask token is not banned here: the bound is of the model as trained.
#include "sample/bound.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/error.h"

namespace pent {
namespace {

// Sequences opened for one pass.
class SequenceSet {
 public:
  explicit SequenceSet(Denoiser& denoiser) : denoiser_(denoiser) {}
  ~SequenceSet() { clear(); }
  SequenceSet(const SequenceSet&) = delete;
  SequenceSet& operator=(const SequenceSet&) = delete;

  int32_t open(size_t capacity) {
    open_.push_back(denoiser_.open_sequence(static_cast<int32_t>(capacity)));
    return open_.back();
  }
  void clear() {
    for (const int32_t sequence : open_) denoiser_.close_sequence(sequence);
    open_.clear();
  }

 private:
  Denoiser& denoiser_;
  std::vector<int32_t> open_;
};

double log_probability(const RowStats& row) { return static_cast<double>(row.target_logit) - row.log_sum_exp; }

void check_item(const Denoiser& denoiser, const ScoringItem& item) {
  const size_t length = item.context.size() + item.target.size();
  if (item.target.empty()) throw error(ErrorKind::kInvalidArgument, "nothing to score: the continuation has no tokens");
  if (denoiser.spec().attention == AttentionKind::kBlockCausal)
    throw error(ErrorKind::kUnsupported, "likelihoods of models with block-causal attention ({}) are not computed",
                denoiser.spec().family);
  if (denoiser.spec().shift && item.context.empty())
    throw error(ErrorKind::kInvalidArgument,
                "this model ({}) cannot score a text without a token before it; give a context",
                denoiser.spec().family);
  if (length > static_cast<size_t>(denoiser.spec().max_positions))
    throw error(ErrorKind::kInvalidArgument, "{} tokens to score, but the model's context is {}; score shorter pieces",
                length, denoiser.spec().max_positions);
}

// Mean, and the standard error of the mean, of group means that may stand for unequal numbers of draws.
LogLikelihood summarise(const std::vector<double>& group_sums, const std::vector<int>& group_sizes, int tokens) {
  const int draws = std::accumulate(group_sizes.begin(), group_sizes.end(), 0);
  const double mean = std::accumulate(group_sums.begin(), group_sums.end(), 0.0) / draws;
  const auto groups = static_cast<double>(group_sums.size());
  double squares = 0;
  for (size_t g = 0; g < group_sums.size(); ++g) {
    const double deviation = (group_sums[g] - mean * group_sizes[g]) / draws * groups;
    squares += deviation * deviation;
  }
  const double error =
      groups > 1 ? std::sqrt(squares / (groups - 1) / groups) : std::numeric_limits<double>::quiet_NaN();
  return {.log_prob = -mean, .standard_error = error, .tokens = tokens};
}

// Negative log-likelihoods of the draws [first_draw, first_draw + counts.size()), weighted, summed.
double group_loss(Denoiser& denoiser, const ScoringItem& item, std::span<const int> counts, uint32_t first_draw,
                  const BoundOptions& options) {
  const int n = static_cast<int>(item.target.size());
  const size_t context = item.context.size();
  SequenceSet sequences(denoiser);
  PassPlan plan;
  HeadRequest request;
  std::vector<double> weights;  // per head row
  std::vector<int32_t> tokens(item.context);
  for (size_t j = 0; j < counts.size(); ++j) {
    tokens.resize(context);
    tokens.insert(tokens.end(), item.target.begin(), item.target.end());
    const auto first_row = static_cast<uint32_t>(plan.rows.size() + context - (denoiser.spec().shift ? 1 : 0));
    for (const int32_t i : masked_positions(n, counts[j], first_draw + static_cast<uint32_t>(j), options)) {
      tokens[context + static_cast<size_t>(i)] = denoiser.spec().mask_id;
      plan.head_rows.push_back(first_row + static_cast<uint32_t>(i));
      request.targets.push_back(item.target[static_cast<size_t>(i)]);
      weights.push_back(static_cast<double>(n) / counts[j]);
    }
    plan.add_full(sequences.open(tokens.size()), tokens);
  }
  PassResult result;
  denoiser.forward(plan, request, result);
  double loss = 0;
  for (size_t row = 0; row < weights.size(); ++row) loss -= weights[row] * log_probability(result.rows[row]);
  return loss;
}

}  // namespace

std::vector<LogLikelihood> ar_log_likelihood(Denoiser& denoiser, std::span<const ScoringItem> items, int width) {
  PENT_CHECK(width >= 1);
  std::vector<LogLikelihood> results;
  SequenceSet sequences(denoiser);
  PassPlan plan;
  HeadRequest request;
  PassResult result;
  for (size_t begin = 0; begin < items.size(); begin += static_cast<size_t>(width)) {
    const auto pass = items.subspan(begin, std::min(items.size() - begin, static_cast<size_t>(width)));
    sequences.clear();
    plan.clear();
    request.targets.clear();
    for (const ScoringItem& item : pass) {
      check_item(denoiser, item);
      if (item.context.empty())
        throw error(ErrorKind::kInvalidArgument,
                    "an autoregressive model cannot score a text without a token before it; give a context");
      std::vector<int32_t> tokens(item.context);
      // The last token predicts nothing that is scored.
      tokens.insert(tokens.end(), item.target.begin(), item.target.end() - 1);
      const auto first_row = static_cast<uint32_t>(plan.rows.size() + item.context.size() - 1);
      for (size_t i = 0; i < item.target.size(); ++i) {
        plan.head_rows.push_back(first_row + static_cast<uint32_t>(i));
        request.targets.push_back(item.target[i]);
      }
      plan.add_causal(sequences.open(tokens.size()), tokens);
    }
    denoiser.forward(plan, request, result);
    size_t row = 0;
    for (const ScoringItem& item : pass) {
      LogLikelihood likelihood{.tokens = static_cast<int>(item.target.size())};
      for (size_t i = 0; i < item.target.size(); ++i) likelihood.log_prob += log_probability(result.rows[row++]);
      results.push_back(likelihood);
    }
  }
  return results;
}

LogLikelihood diffusion_bound(Denoiser& denoiser, const ScoringItem& item, const BoundOptions& options) {
  check_item(denoiser, item);
  if (options.draws < 1 || options.width < 1)
    throw error(ErrorKind::kInvalidArgument, "{} draws in passes of {}; expected at least 1", options.draws,
                options.width);
  const int n = static_cast<int>(item.target.size());
  if (n == 1) {
    const double loss = group_loss(denoiser, item, std::vector{1}, 0, options);
    return {.log_prob = -loss, .standard_error = 0, .tokens = 1};
  }
  std::vector<double> sums;
  std::vector<int> sizes;
  // At least a few groups, so that there is a standard error; as equal in size as draws allow.
  const int groups = std::max((options.draws + options.width - 1) / options.width, std::min(options.draws, 4));
  uint32_t draw = 0;
  for (int g = 0; g < groups; ++g) {
    const int size = options.draws / groups + (g < options.draws % groups ? 1 : 0);
    const double u = draw_uniform({.seed = options.seed,
                                   .n_index = options.n_index,
                                   .step = static_cast<uint32_t>(g),
                                   .purpose = DrawPurpose::kTime});
    const int k = std::min(n, 1 + static_cast<int>(u * n));
    sums.push_back(group_loss(denoiser, item, mask_counts(n, k, size), draw, options));
    sizes.push_back(size);
    draw += static_cast<uint32_t>(size);
  }
  return summarise(sums, sizes, n);
}

std::vector<int> mask_counts(int n, int k, int size) {
  std::vector<int> counts;
  for (int j = 0; j < size; ++j) {
    // Halves go up. Rounding them to even, as the reference does, would make the counts depend on the parity of k, and the
    // estimate biased (visibly so for three tokens in groups of twelve).
    const int64_t count = k + (2 * int64_t{j} * n + size) / (2 * int64_t{size});
    counts.push_back(static_cast<int>((count - 1) % n) + 1);
  }
  return counts;
}

std::vector<int32_t> masked_positions(int n, int count, uint32_t draw, const BoundOptions& options) {
  std::vector<double> keys(static_cast<size_t>(n));
  for (int i = 0; i < n; ++i)
    keys[static_cast<size_t>(i)] = draw_uniform({.seed = options.seed,
                                                 .n_index = options.n_index,
                                                 .step = draw,
                                                 .cell = static_cast<uint32_t>(i),
                                                 .purpose = DrawPurpose::kNoise});
  std::vector<int32_t> positions(static_cast<size_t>(n));
  std::iota(positions.begin(), positions.end(), 0);
  std::stable_sort(positions.begin(), positions.end(),
                   [&](int32_t a, int32_t b) { return keys[static_cast<size_t>(a)] < keys[static_cast<size_t>(b)]; });
  positions.resize(static_cast<size_t>(count));
  std::sort(positions.begin(), positions.end());
  return positions;
}

}  // namespace pent
