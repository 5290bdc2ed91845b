// A denoiser whose logits a test makes by hand: it stores tokens where a model stores keys, and its head is the contract of
// model/pass_plan.h spelled out naively.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <numeric>
#include <vector>

#include "base/error.h"
#include "model/denoiser.h"

namespace pent {

class FakeDenoiser : public Denoiser {
 public:
  // seen: the tokens in the slots the row may see, in order; position: of the row. Returns vocab_size logits.
  using Logits = std::function<std::vector<float>(const std::vector<int32_t>& seen, int32_t position)>;

  FakeDenoiser(ModelSpec spec, Logits logits) : spec_(std::move(spec)), logits_(std::move(logits)) {}

  const ModelSpec& spec() const override { return spec_; }
  int32_t open_sequence(int32_t capacity) override {
    const int32_t handle = next_handle_++;
    sequences_[handle].assign(static_cast<size_t>(capacity), -1);
    return handle;
  }
  void close_sequence(int32_t sequence) override { PENT_CHECK(sequences_.erase(sequence) == 1); }

  void forward(const PassPlan& plan, const HeadRequest& request, PassResult& result) override {
    ++forwards;
    rows_computed += static_cast<int>(plan.rows.size());
    if (on_forward) on_forward();
    result.rows.clear();
    result.logits.clear();
    for (const PassSequence& sequence : plan.sequences)
      for (uint32_t row = sequence.row_begin; row < sequence.row_end; ++row)
        sequences_.at(sequence.sequence).at(static_cast<size_t>(plan.rows[row].slot)) = plan.rows[row].token;
    for (size_t head = 0; head < plan.head_rows.size(); ++head) {
      const uint32_t index = plan.head_rows[head];
      PENT_CHECK(head == 0 || plan.head_rows[head - 1] < index);
      std::vector<float> logits = logits_(seen(plan, index), plan.rows[index].position);
      if (!plan.twin_rows.empty()) {
        const uint32_t twin = plan.twin_rows.at(head);
        const std::vector<float> free = logits_(seen(plan, twin), plan.rows[twin].position);
        for (size_t v = 0; v < logits.size(); ++v) logits[v] = free[v] + (1 + request.guidance) * (logits[v] - free[v]);
      }
      for (const TokenBias& bias : request.biases) logits.at(static_cast<size_t>(bias.token)) += bias.bias;
      if (!request.allowed.empty() && request.allowed.at(head) != nullptr)
        for (int32_t token = 0; token < static_cast<int32_t>(logits.size()); ++token)
          if (!contains(*request.allowed[head], token))
            logits.at(static_cast<size_t>(token)) = -std::numeric_limits<float>::infinity();
      if (request.repetition_penalty != 1)
        for (const int32_t token : request.recent.at(head)) {
          float& z = logits.at(static_cast<size_t>(token));
          z = z > 0 ? z / request.repetition_penalty : z * request.repetition_penalty;
        }
      if (!request.divisors.empty())
        for (float& z : logits) z /= request.divisors.at(head);
      result.rows.push_back(answer(logits, request, head));
      if (request.full_logits) result.logits.insert(result.logits.end(), logits.begin(), logits.end());
    }
  }

  size_t open_sequences() const { return sequences_.size(); }

  int forwards = 0;
  int rows_computed = 0;
  std::function<void()> on_forward;

 private:
  std::vector<int32_t> seen(const PassPlan& plan, uint32_t row) const {
    for (const PassSequence& sequence : plan.sequences) {
      if (row < sequence.row_begin || row >= sequence.row_end) continue;
      std::vector<int32_t> tokens;
      const PassRow& the_row = plan.rows[row];
      for (uint32_t r = the_row.ranges_begin; r < the_row.ranges_begin + the_row.ranges_count; ++r)
        for (int32_t slot = plan.ranges[r].begin; slot < plan.ranges[r].end; ++slot)
          tokens.push_back(sequences_.at(sequence.sequence).at(static_cast<size_t>(slot)));
      return tokens;
    }
    PENT_CHECK(false, "row {} belongs to no sequence", row);
  }

  static RowStats answer(const std::vector<float>& logits, const HeadRequest& request, size_t head) {
    RowStats row;
    std::vector<int32_t> order(logits.size());
    std::iota(order.begin(), order.end(), 0);
    const auto logit = [&](int32_t token) { return static_cast<double>(logits[static_cast<size_t>(token)]); };
    std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) { return logit(a) > logit(b); });
    row.argmax = row.drawn = order[0];
    row.max_logit = logits[static_cast<size_t>(order[0])];
    double sum = 0;
    for (const float z : logits) sum += std::exp(static_cast<double>(z) - row.max_logit);
    row.log_sum_exp = static_cast<float>(row.max_logit + std::log(sum));
    for (const float z : logits)
      if (std::isfinite(z)) row.entropy -= static_cast<float>(std::exp(z - row.log_sum_exp) * (z - row.log_sum_exp));
    for (int i = 0; i < request.top; ++i)
      row.top.push_back({order[static_cast<size_t>(i)], static_cast<float>(logit(order[static_cast<size_t>(i)]))});
    if (request.temperature > 0) draw(order, logit, request, head, row);
    row.drawn_logit = logits[static_cast<size_t>(row.drawn)];
    if (!request.targets.empty() && request.targets[head] >= 0)
      row.target_logit = logits.at(static_cast<size_t>(request.targets[head]));
    return row;
  }

  template <typename LogitOf>
  static void draw(std::vector<int32_t> order, const LogitOf& logit, const HeadRequest& request, size_t head,
                   RowStats& row) {
    const auto mass = [&](int32_t token) { return std::exp((logit(token) - row.max_logit) / request.temperature); };
    std::erase_if(order, [&](int32_t token) { return mass(token) < request.min_p; });
    if (request.top_k > 0) order.resize(std::min(order.size(), static_cast<size_t>(request.top_k)));
    double total = 0, kept = 0;
    for (const int32_t token : order) total += mass(token);
    size_t count = 0;
    while (count < order.size() && (count == 0 || kept < request.top_p * total)) kept += mass(order[count++]);
    order.resize(count);
    if (request.drawn_from) {
      row.drawn_from.margin = static_cast<float>((mass(order[0]) - (count > 1 ? mass(order[1]) : 0)) / kept);
      for (const int32_t token : order)
        if (const double p = mass(token) / kept; p > 0) row.drawn_from.entropy -= static_cast<float>(p * std::log(p));
    }
    std::sort(order.begin(), order.end());
    const double u = draw_uniform(request.keys.at(head));
    double cumulative = 0;
    row.drawn = order.back();
    for (const int32_t token : order)
      if ((cumulative += mass(token)) > u * kept) {
        row.drawn = token;
        break;
      }
    row.drawn_from.probability = static_cast<float>(mass(row.drawn) / kept);
  }

  ModelSpec spec_;
  Logits logits_;
  std::map<int32_t, std::vector<int32_t>> sequences_;
  int32_t next_handle_ = 0;
};

// Logits that look random but are a function of what the row sees and where it stands.
inline FakeDenoiser::Logits scrambled_logits(int vocab_size, double spread = 4) {
  return [vocab_size, spread](const std::vector<int32_t>& seen, int32_t position) {
    uint64_t hash = 1469598103934665603u;
    for (const int32_t token : seen) hash = (hash ^ static_cast<uint64_t>(token + 7)) * 1099511628211u;
    std::vector<float> logits;
    for (int v = 0; v < vocab_size; ++v)
      logits.push_back(static_cast<float>(
          spread *
          draw_uniform({.seed = hash, .step = static_cast<uint32_t>(v), .cell = static_cast<uint32_t>(position)})));
    return logits;
  };
}

inline ModelSpec fake_diffusion_spec(int vocab_size = 16) {
  return {.family = "llada",
          .vocab_size = vocab_size,
          .max_positions = 512,
          .mask_id = vocab_size - 1,
          .eos_id = 0,
          .stop_ids = {0},
          .default_preset = "llada"};
}

// One whose tokens 13 and 14 delete and insert cells.
inline ModelSpec fake_editing_spec() {
  ModelSpec spec = fake_diffusion_spec();
  spec.family = "llada2";
  spec.delete_id = 13;
  spec.insert_id = 14;
  spec.default_preset = "llada2.2";
  return spec;
}

// One whose token 14 makes one mask two, and whose end token takes masks away.
inline ModelSpec fake_dreamon_spec() {
  ModelSpec spec = fake_diffusion_spec();
  spec.family = "dream";
  spec.delete_id = 0;
  spec.expand_id = 14;
  spec.default_preset = "dreamon";
  return spec;
}

inline ModelSpec fake_ar_spec(int vocab_size = 16) {
  return {.family = "llama",
          .attention = AttentionKind::kCausal,
          .vocab_size = vocab_size,
          .max_positions = 512,
          .eos_id = 0,
          .stop_ids = {0},
          .default_preset = "ar"};
}

// Canvases of 8 random tokens.
inline ModelSpec fake_canvas_spec(int vocab_size = 16) {
  return {.family = "diffusion-gemma",
          .attention = AttentionKind::kCausal,
          .vocab_size = vocab_size,
          .max_positions = 512,
          .canvas_length = 8,
          .bos_id = 8,
          .eos_id = 0,
          .stop_ids = {0},
          .default_preset = "diffusion-gemma"};
}

}  // namespace pent
