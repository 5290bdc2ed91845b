// From logits to RowStats: arg max, log-sum-exp, entropy, the best n, and the seeded draw. Sums over the vocabulary are
// in float64 and in one order.
#include "model/head.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "kernels/kernels.h"

namespace pent {
namespace {

constexpr float kBanned = -std::numeric_limits<float>::infinity();

void ban_all_but(const TokenSet& allowed, std::span<float> logits) {
  for (size_t token = 0; token < logits.size(); ++token)
    if (!contains(allowed, static_cast<int32_t>(token))) logits[token] = kBanned;
}

void penalize(std::span<float> logits, std::span<const int32_t> recent, float penalty) {
  for (const int32_t token : recent) {
    float& logit = logits[static_cast<size_t>(token)];
    if (logit != kBanned) logit = logit > 0 ? logit / penalty : logit * penalty;
  }
}

// Biases, bans, penalties and divisors, in place. False: the request has none.
bool adjust(std::span<float> logits, const HeadRequest& request, size_t row) {
  const bool bans = !request.allowed.empty() && request.allowed[row] != nullptr;
  const bool penalizes = request.repetition_penalty != 1, divides = !request.divisors.empty();
  for (const TokenBias& bias : request.biases) logits[bias.token] += bias.bias;
  if (bans) ban_all_but(*request.allowed[row], logits);
  if (penalizes) penalize(logits, request.recent[row], request.repetition_penalty);
  if (divides)
    for (float& z : logits) z /= request.divisors[row];
  return !request.biases.empty() || bans || penalizes || divides;
}

// Better first: the larger logit, the lower id among equals.
struct Better {
  std::span<const float> logits;
  bool operator()(int32_t a, int32_t b) const { return logits[a] != logits[b] ? logits[a] > logits[b] : a < b; }
};

// The n best tokens that are not banned, best first.
std::vector<int32_t> best_tokens(std::span<const float> logits, size_t n) {
  const Better better{logits};
  std::vector<int32_t> heap;  // the worst of those kept on top
  for (int32_t token = 0; token < static_cast<int32_t>(logits.size()); ++token) {
    if (logits[token] == kBanned) continue;
    if (heap.size() == n) {
      if (!better(token, heap.front())) continue;
      std::pop_heap(heap.begin(), heap.end(), better);
      heap.pop_back();
    }
    heap.push_back(token);
    std::push_heap(heap.begin(), heap.end(), better);
  }
  std::sort_heap(heap.begin(), heap.end(), better);
  return heap;
}

struct Candidate {
  int32_t token;
  double weight;
};

double total_weight(const std::vector<Candidate>& candidates) {
  double total = 0;
  for (const Candidate& candidate : candidates) total += candidate.weight;
  return total;
}

void sort_by_token(std::vector<Candidate>& candidates) {
  std::sort(candidates.begin(), candidates.end(),
            [](const Candidate& a, const Candidate& b) { return a.token < b.token; });
}

double tempered_logit(float logit, const RowStats& stats, const HeadRequest& request) {
  return (double{logit} - double{stats.max_logit}) / double{request.temperature};
}

// Tokens after min_p and top_k with weight exp((z - max) / temperature), ascending ids.
std::vector<Candidate> likeliest(std::span<const float> logits, const RowStats& stats, const HeadRequest& request) {
  std::vector<Candidate> candidates;
  const double least = request.min_p > 0 ? std::log(double{request.min_p}) : -std::numeric_limits<double>::infinity();
  // Most tokens are far below: no division for them.
  const double surely_less = double{stats.max_logit} + (least - 0.1) * double{request.temperature};
  const auto add = [&](int32_t token) {
    if (logits[token] < surely_less || logits[token] == kBanned) return;
    const double shifted = tempered_logit(logits[token], stats, request);
    if (shifted >= least) candidates.push_back({token, std::exp(shifted)});
  };
  if (request.top_k > 0 && static_cast<size_t>(request.top_k) < logits.size()) {
    for (const int32_t token : best_tokens(logits, request.top_k)) add(token);
    sort_by_token(candidates);
  } else {
    for (int32_t token = 0; token < static_cast<int32_t>(logits.size()); ++token) add(token);
  }
  return candidates;
}

// Keeps the heaviest candidates (lower id among equals) whose sum first reaches `wanted`; at least one.
void cut_to_mass(std::vector<Candidate>& candidates, double wanted) {
  const auto lighter = [](const Candidate& a, const Candidate& b) {
    return a.weight != b.weight ? a.weight < b.weight : a.token > b.token;
  };
  std::make_heap(candidates.begin(), candidates.end(), lighter);
  double mass = 0;
  auto end = candidates.end();  // those popped gather behind it, heaviest last
  while (end != candidates.begin() && (mass < wanted || end == candidates.end())) {
    std::pop_heap(candidates.begin(), end, lighter);
    mass += (--end)->weight;
  }
  candidates.erase(candidates.begin(), end);
  sort_by_token(candidates);
}

// Of all weights those that matter to cut_to_mass: none lighter than the ones left out, together `wanted` or more.
std::vector<Candidate> heavy_ones(std::span<const double> weights, double wanted) {
  std::vector<Candidate> heavy;
  for (double least = 0.01;; least = least < 1e-300 ? 0 : least / 256) {  // the heaviest weighs 1
    heavy.clear();
    double mass = 0;
    for (size_t token = 0; token < weights.size(); ++token) {
      if (weights[token] < least) continue;
      heavy.push_back({static_cast<int32_t>(token), weights[token]});
      mass += weights[token];
    }
    if (mass >= wanted || least == 0) return heavy;
  }
}

// The first, in ascending order, whose cumulative weight exceeds u * total. `weight_of(i)` for i < count.
template <typename WeightOf>
size_t invert(size_t count, double u, const WeightOf& weight_of) {
  double total = 0, cumulative = 0;
  for (size_t i = 0; i < count; ++i) total += weight_of(i);
  size_t last = 0;  // for u close to 1 and a sum that rounded up
  for (size_t i = 0; i < count; ++i) {
    const double weight = weight_of(i);
    cumulative += weight;
    if (cumulative > u * total) return i;
    if (weight > 0) last = i;
  }
  return last;
}

// Sums in the order of `weight_of`, ascending ids.
template <typename WeightOf>
DrawnFrom describe(size_t count, size_t drawn, const WeightOf& weight_of) {
  double total = 0, weighted = 0, best = 0, second = 0;
  for (size_t i = 0; i < count; ++i) {
    const double weight = weight_of(i);
    if (weight <= 0) continue;
    total += weight;
    weighted += weight * std::log(weight);
    second = std::max(second, std::min(best, weight));
    best = std::max(best, weight);
  }
  return {.probability = static_cast<float>(weight_of(drawn) / total),
          .margin = static_cast<float>((best - second) / total),
          .entropy = static_cast<float>(std::max(0.0, std::log(total) - weighted / total))};
}

// Draws with the key of the row and says what it drew from, if asked.
void draw(std::span<const float> logits, const HeadRequest& request, const DrawKey& key, RowStats& stats) {
  const auto take = [&](size_t count, const auto& weight_of, const auto& token_of) {
    const size_t drawn = invert(count, draw_uniform(key), weight_of);
    stats.drawn = token_of(drawn);
    if (request.drawn_from) stats.drawn_from = describe(count, drawn, weight_of);
  };
  std::vector<Candidate> candidates;
  if (request.min_p > 0 || (request.top_k > 0 && static_cast<size_t>(request.top_k) < logits.size())) {
    candidates = likeliest(logits, stats, request);
    if (request.top_p < 1) cut_to_mass(candidates, request.top_p * total_weight(candidates));
  } else {
    static thread_local std::vector<double> weights;  // a vocabulary's worth, too much to allocate for every row
    weights.resize(logits.size());
    kernels::active_kernel_set().exp_tempered(logits.data(), static_cast<int64_t>(logits.size()), stats.max_logit,
                                              request.temperature, weights.data());
    const std::span<const double> all = weights;
    if (request.top_p >= 1)
      return take(all.size(), [&](size_t i) { return all[i]; }, [](size_t i) { return static_cast<int32_t>(i); });
    double total = 0;
    for (const double weight : weights) total += weight;
    candidates = heavy_ones(weights, request.top_p * total);
    cut_to_mass(candidates, request.top_p * total);
  }
  take(
      candidates.size(), [&](size_t i) { return candidates[i].weight; }, [&](size_t i) { return candidates[i].token; });
}

}  // namespace

void check_head_request(const HeadRequest& request, size_t head_rows, int vocab_size) {
  const auto refuse = [](const std::string& what) {
    throw error(ErrorKind::kInvalidArgument, "head request: {}", what);
  };
  for (const TokenBias& bias : request.biases) {
    if (bias.token < 0 || bias.token >= vocab_size) {
      refuse(fmt::format("bias for token {}, the vocabulary has {}", bias.token, vocab_size));
    }
    if (std::isnan(bias.bias) || bias.bias == -kBanned)
      refuse(fmt::format("bias {} for token {}", bias.bias, bias.token));
  }
  if (!request.allowed.empty() && request.allowed.size() != head_rows)
    refuse(fmt::format("{} sets of tokens for {} rows", request.allowed.size(), head_rows));
  for (const auto& set : request.allowed) {
    if (set != nullptr && set->size() != static_cast<size_t>(vocab_size + 63) / 64)
      refuse(fmt::format("a set of {} words for a vocabulary of {}", set->size(), vocab_size));
  }
  if (!request.targets.empty() && request.targets.size() != head_rows) {
    refuse(fmt::format("{} targets for {} rows", request.targets.size(), head_rows));
  }
  for (const int32_t target : request.targets) {
    if (target < -1 || target >= vocab_size)
      refuse(fmt::format("target {}, the vocabulary has {}", target, vocab_size));
  }
  if (!(request.repetition_penalty > 0) || std::isinf(request.repetition_penalty))
    refuse(fmt::format("repetition penalty {} is not a number above 0", request.repetition_penalty));
  if (request.repetition_penalty != 1 && request.recent.size() != head_rows)
    refuse(fmt::format("recent tokens of {} rows for {}", request.recent.size(), head_rows));
  for (const auto& tokens : request.recent) {
    for (const int32_t token : tokens)
      if (token < 0 || token >= vocab_size)
        refuse(fmt::format("recent token {}, the vocabulary has {}", token, vocab_size));
  }
  if (!std::isfinite(request.guidance)) refuse(fmt::format("guidance {} is not a number", request.guidance));
  if (!request.divisors.empty() && request.divisors.size() != head_rows)
    refuse(fmt::format("{} divisors for {} rows", request.divisors.size(), head_rows));
  for (const float divisor : request.divisors)
    if (!(divisor >= 1e-3f && divisor <= 1e3f)) refuse(fmt::format("divisor {} is not in [0.001, 1000]", divisor));
  if (!(request.min_p >= 0 && request.min_p <= 1)) refuse(fmt::format("min_p {} is not in [0, 1]", request.min_p));
  if (request.top < 0) refuse(fmt::format("top {} is negative", request.top));
  if (request.top_k < 0) refuse(fmt::format("top_k {} is negative", request.top_k));
  if (!(request.top_p > 0 && request.top_p <= 1)) refuse(fmt::format("top_p {} is not in (0, 1]", request.top_p));
  if (!(request.temperature >= 0) || std::isinf(request.temperature)) {
    refuse(fmt::format("temperature {} is not a number from 0", request.temperature));
  }
  if (request.temperature > 0 && request.keys.size() != head_rows) {
    refuse(fmt::format("{} keys for {} rows to draw", request.keys.size(), head_rows));
  }
}

RowStats reduce_logits(std::span<float> logits, const HeadRequest& request, size_t row) {
  const kernels::KernelSet& kernels = kernels::active_kernel_set();
  const int64_t n = static_cast<int64_t>(logits.size());
  bool finite = false;
  int64_t best = kernels.arg_max(logits.data(), n, &finite);
  if (!finite) throw error(ErrorKind::kCorrupt, "the logits of head row {} are not finite", row);
  if (adjust(logits, request, row)) best = kernels.arg_max(logits.data(), n, &finite);

  RowStats stats;
  stats.argmax = static_cast<int32_t>(best);
  stats.max_logit = logits[best];
  if (!std::isfinite(stats.max_logit)) throw error(ErrorKind::kInvalidArgument, "head request: no token is allowed");

  double weighted = 0;
  const double sum = request.entropy ? kernels.exp_sum_weighted(logits.data(), n, stats.max_logit, &weighted)
                                     : kernels.exp_sum(logits.data(), n, stats.max_logit);
  stats.log_sum_exp = static_cast<float>(stats.max_logit + std::log(sum));
  if (request.entropy) stats.entropy = static_cast<float>(std::max(0.0, std::log(sum) - weighted / sum));

  if (request.top > 0) {
    for (const int32_t token : best_tokens(logits, request.top)) stats.top.push_back({token, logits[token]});
  }
  if (!request.targets.empty() && request.targets[row] >= 0) stats.target_logit = logits[request.targets[row]];
  stats.drawn = stats.argmax;
  if (request.temperature > 0) draw(logits, request, request.keys[row], stats);
  stats.drawn_logit = logits[stats.drawn];
  return stats;
}

}  // namespace pent
