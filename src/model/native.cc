// The native backend: checks a pass plan, looks embeddings up, runs the blocks, answers the head request.
#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "base/error.h"
#include "model/block.h"
#include "model/denoiser.h"
#include "model/gemma_block.h"
#include "model/head.h"
#include "model/kv_cache.h"
#include "model/self_conditioning.h"
#include "model/weights.h"

namespace pent {
namespace {

using kernels::PackedMatrix;

class NativeDenoiser : public Denoiser {
 public:
  NativeDenoiser(const ModelFiles& files, ThreadPool& pool, const NativeOptions& options)
      : spec_(read_spec(files)),
        machine_{kernels::active_kernel_set(), pool, options.precise, options.times},
        weights_(load_weights(files, spec_, options.precise ? PackedMatrix::Format::kF32 : PackedMatrix::Format::kQ8,
                              pool, options.packed_cache)) {}

  const ModelSpec& spec() const override { return spec_; }

  int32_t open_sequence(int32_t capacity) override {
    if (capacity < 1) throw error(ErrorKind::kInvalidArgument, "a sequence of {} positions cannot be opened", capacity);
    auto opened = std::make_unique<Sequence>(
        KvCache(spec_, capacity, machine_.precise ? KvCache::Format::kF32 : KvCache::Format::kBf16));
    const auto free = std::find(sequences_.begin(), sequences_.end(), nullptr);
    const int32_t handle = static_cast<int32_t>(free - sequences_.begin());
    if (free == sequences_.end()) sequences_.emplace_back();
    sequences_[handle] = std::move(opened);
    return handle;
  }

  void close_sequence(int32_t sequence) override {
    PENT_CHECK(sequence >= 0 && sequence < static_cast<int32_t>(sequences_.size()) && sequences_[sequence],
               "sequence {} is not open", sequence);
    sequences_[sequence].reset();
  }

  void forward(const PassPlan& plan, const HeadRequest& request, PassResult& result) override {
    const Stopwatch watch = machine_.measure(&PassTimes::total);
    BlockPass pass = {.spec = spec_, .plan = plan};
    check_plan(plan, pass.caches);
    check_head_request(request, plan.head_rows.size(), spec_.vocab_size);
    if (spec_.canvas_length > 0) check_canvases(plan, request);
    result.rows.assign(plan.head_rows.size(), {});
    result.logits.clear();
    if (plan.rows.empty()) return;
    pass.wanted = plan.wanted_rows();
    prepare_pass(machine_, pass);
    pass.residual = std::move(residual_);
    embed(plan, pass.residual);
    if (spec_.canvas_length > 0) condition(pass);
    const bool gemma = spec_.block == BlockKind::kGemma;
    const auto run = gemma ? run_gemma_block : run_block, run_last = gemma ? run_last_gemma_block : run_last_block;
    const int last = spec_.n_layers - 1;
    for (int layer = 0; layer < last; ++layer) run(machine_, weights_.blocks[layer], layer, pass, scratch_);
    run_last(machine_, weights_.blocks[last], last, pass, scratch_);
    if (!plan.twin_rows.empty()) normalize_wanted(pass);
    answer(pass, request, result);
    residual_ = std::move(pass.residual);
  }

 private:
  struct Sequence {
    explicit Sequence(KvCache&& store) : cache(std::move(store)) {}
    KvCache cache;
    KeptMeans means;
  };

  // Throws kInvalidArgument naming what does not fit; fills the caches of the plan's sequences.
  void check_plan(const PassPlan& plan, std::vector<KvCache*>& caches) {
    const auto refuse = [](const std::string& what) {
      throw error(ErrorKind::kInvalidArgument, "pass plan: {}", what);
    };
    ++pass_number_;
    uint32_t next_row = 0;
    for (const PassSequence& sequence : plan.sequences) {
      if (sequence.sequence < 0 || sequence.sequence >= static_cast<int32_t>(sequences_.size()) ||
          !sequences_[sequence.sequence]) {
        refuse(fmt::format("sequence {} is not open", sequence.sequence));
      }
      if (sequence.row_begin != next_row || sequence.row_end < next_row || sequence.row_end > plan.rows.size()) {
        refuse(fmt::format("rows [{}, {}) of sequence {} do not follow row {}", sequence.row_begin, sequence.row_end,
                           sequence.sequence, next_row));
      }
      caches.push_back(&sequences_[sequence.sequence]->cache);
      for (; next_row < sequence.row_end; ++next_row) check_row(plan, next_row, *caches.back());
    }
    if (next_row != plan.rows.size()) refuse(fmt::format("row {} belongs to no sequence", next_row));
    for (size_t i = 0; i < plan.head_rows.size(); ++i) {
      if (plan.head_rows[i] >= plan.rows.size() || (i > 0 && plan.head_rows[i] <= plan.head_rows[i - 1])) {
        refuse(fmt::format("head row {} is out of range or out of order", plan.head_rows[i]));
      }
    }
    const std::vector<uint32_t>& twins = plan.twin_rows;
    if (twins.empty()) return;
    if (spec_.logit_cap > 0) refuse("twin rows mix logits, and this model's are capped");
    if (twins.size() != plan.head_rows.size() || !std::is_sorted(twins.begin(), twins.end()) ||
        twins.back() >= plan.rows.size())
      refuse(
          fmt::format("{} twin rows for {} head rows, or out of range or order", twins.size(), plan.head_rows.size()));
  }

  void check_row(const PassPlan& plan, uint32_t index, KvCache& cache) {
    const auto refuse = [&](const std::string& what) {
      throw error(ErrorKind::kInvalidArgument, "pass plan: row {}: {}", index, what);
    };
    const PassRow& row = plan.rows[index];
    if (row.token < 0 || row.token >= spec_.vocab_size) {
      refuse(fmt::format("token {} is not in the vocabulary of {}", row.token, spec_.vocab_size));
    }
    if (row.position < 0 || row.position >= spec_.max_positions) {
      refuse(fmt::format("position {} is outside the context of {}", row.position, spec_.max_positions));
    }
    if (row.slot < 0 || row.slot >= cache.capacity()) {
      refuse(fmt::format("slot {} is outside the sequence's {}", row.slot, cache.capacity()));
    }
    if (!cache.claim(row.slot, pass_number_)) refuse(fmt::format("slot {} is written twice", row.slot));
    if (row.ranges_begin > plan.ranges.size() || row.ranges_count > plan.ranges.size() - row.ranges_begin) {
      refuse(fmt::format("ranges [{}, +{}) do not exist", row.ranges_begin, row.ranges_count));
    }
    if (row.ranges_count == 0) refuse("it sees no slot");
    for (uint32_t i = 0; i < row.ranges_count; ++i) {
      const SlotRange& range = plan.ranges[row.ranges_begin + i];
      if (range.begin < 0 || range.begin >= range.end || range.end > cache.capacity()) {
        refuse(fmt::format("slots [{}, {}) are empty or outside the sequence's {}", range.begin, range.end,
                           cache.capacity()));
      }
    }
  }

  // What denoising asks of a plan that has been checked otherwise.
  void check_canvases(const PassPlan& plan, const HeadRequest& request) const {
    const auto refuse = [](const std::string& what) {
      throw error(ErrorKind::kInvalidArgument, "pass plan: {}", what);
    };
    for (const PassSequence& sequence : plan.sequences) {
      if (!sequence.denoises) continue;
      const KeptMeans& kept = sequences_[sequence.sequence]->means;
      for (uint32_t row = sequence.row_begin; row < sequence.row_end; ++row) {
        const int32_t slot = plan.rows[row].slot;
        if (slot != plan.rows[sequence.row_begin].slot + static_cast<int32_t>(row - sequence.row_begin))
          refuse(fmt::format("row {}: the slots of a canvas do not follow one another", row));
        if (sequence.conditioned && (slot < kept.first_slot || slot >= kept.first_slot + kept.count))
          refuse(fmt::format("row {}: nothing was kept of slot {} to condition it", row, slot));
        if (request.keep_means && !std::binary_search(plan.head_rows.begin(), plan.head_rows.end(), row))
          refuse(fmt::format("row {}: its mean is to be kept, but it is no head row", row));
      }
    }
  }

  void condition(BlockPass& pass) {
    std::vector<const KeptMeans*> kept;
    for (const PassSequence& sequence : pass.plan.sequences) kept.push_back(&sequences_[sequence.sequence]->means);
    condition_rows(machine_, weights_.self_conditioning, kept, pass, scratch_);
  }

  // Where the mean of each head row is to be kept; null: not asked, or not denoised.
  std::vector<float*> places_for_means(const PassPlan& plan, const HeadRequest& request) {
    std::vector<float*> places(plan.head_rows.size(), nullptr);
    if (!request.keep_means) return places;
    auto head_row = plan.head_rows.begin();
    for (const PassSequence& sequence : plan.sequences) {
      if (!sequence.denoises || sequence.row_begin == sequence.row_end) continue;
      KeptMeans& kept = sequences_[sequence.sequence]->means;
      kept.first_slot = plan.rows[sequence.row_begin].slot;
      kept.count = static_cast<int32_t>(sequence.row_end - sequence.row_begin);
      kept.means.resize(static_cast<size_t>(kept.count) * spec_.d_model);
      head_row = std::lower_bound(head_row, plan.head_rows.end(), sequence.row_begin);
      for (int32_t i = 0; i < kept.count; ++i, ++head_row)
        places[static_cast<size_t>(head_row - plan.head_rows.begin())] =
            kept.means.data() + static_cast<int64_t>(i) * spec_.d_model;
    }
    return places;
  }

  // residual [rows, d_model] = the tokens' embeddings, plus those of their positions if positions are learned.
  void embed(const PassPlan& plan, std::vector<float>& residual) {
    const int64_t d = spec_.d_model;
    residual.resize(std::max<size_t>(residual.size(), plan.rows.size() * d));
    machine_.for_rows(static_cast<int64_t>(plan.rows.size()), [&](int64_t begin, int64_t end, int) {
      std::vector<float> vector(weights_.positions == nullptr ? 0 : static_cast<size_t>(d));
      for (int64_t row = begin; row < end; ++row) {
        const auto [token, position] = std::pair(plan.rows[row].token, plan.rows[row].position);
        float* out = residual.data() + row * d;
        dequantize_rows(*weights_.embedding, token, token + 1, out);
        if (spec_.embedding_scale != 1)
          for (int64_t i = 0; i < d; ++i) out[i] *= spec_.embedding_scale;
        if (weights_.positions == nullptr) continue;
        dequantize_rows(*weights_.positions, position, position + 1, vector.data());
        for (int64_t i = 0; i < d; ++i) out[i] += vector[static_cast<size_t>(i)];
      }
    });
    weights_.check_intact();
  }

  // The head's product is counted as head alone.
  Machine head_machine() const { return {machine_.kernels, machine_.pool, machine_.precise}; }

  // The final norm of all wanted rows, in float32: guidance mixes them.
  void normalize_wanted(const BlockPass& pass) {
    const Machine in_floats = {machine_.kernels, machine_.pool, /*precise=*/true};
    norm_rows(in_floats, pass.residual.data(), static_cast<int64_t>(pass.wanted.size()), weights_.final_norm,
              weights_.final_norm_bias, spec_.rms_eps, "after the last layer", wanted_normed_);
  }

  // head_normed_[i] = u + (1 + guidance)(c - u) of head row first + i and its twin. The head is linear, so its logits are mixed
  // like that too.
  void mix_with_twins(const BlockPass& pass, int64_t first, int64_t rows, float guidance) {
    const auto place = [&](uint32_t row) {
      return std::lower_bound(pass.wanted.begin(), pass.wanted.end(), row) - pass.wanted.begin();
    };
    head_normed_.resize(rows, spec_.d_model, !machine_.precise);
    for (int64_t i = 0; i < rows; ++i) {
      const float* guided = wanted_normed_.row(place(pass.plan.head_rows[first + i]));
      const float* free = wanted_normed_.row(place(pass.plan.twin_rows[first + i]));
      float* mixed = head_normed_.row(i);
      for (int64_t j = 0; j < spec_.d_model; ++j) mixed[j] = free[j] + (1 + guidance) * (guided[j] - free[j]);
      machine_.finish_row(head_normed_, i);
    }
  }

  // Final norm and head for the rows asked about, a few at a time, so that rows x vocabulary never exists as a whole.
  void answer(const BlockPass& pass, const HeadRequest& request, PassResult& result) {
    const Stopwatch watch = machine_.measure(&PassTimes::head);
    const std::vector<float*> means = places_for_means(pass.plan, request);
    const int64_t d = spec_.d_model, vocab = spec_.vocab_size;
    const auto wanted = static_cast<int64_t>(pass.plan.head_rows.size());
    const int64_t block = std::clamp<int64_t>(kLogitFloats / vocab, 1, 96);
    if (request.full_logits) result.logits.resize(wanted * vocab);
    for (int64_t first = 0; first < wanted; first += block) {
      const int64_t rows = std::min(block, wanted - first);
      if (pass.plan.twin_rows.empty())
        norm_rows(machine_, pass.residual.data() + first * d, rows, weights_.final_norm, weights_.final_norm_bias,
                  spec_.rms_eps, "after the last layer", head_normed_);
      else
        mix_with_twins(pass, first, rows, request.guidance);
      logits_.resize(std::max<size_t>(logits_.size(), rows * vocab));
      head_machine().matmul(weights_.head, head_normed_, rows, logits_.data());
      machine_.pool.parallel_for(rows, 1, [&](int64_t begin, int64_t end, int) {
        for (int64_t i = begin; i < end; ++i) {
          const std::span<float> logits(logits_.data() + i * vocab, vocab);
          if (spec_.logit_scale != 1) {
            for (float& z : logits) z *= spec_.logit_scale;
          }
          if (spec_.logit_cap > 0)
            for (float& z : logits) z = spec_.logit_cap * std::tanh(z / spec_.logit_cap);
          RowStats& stats = result.rows[first + i] = reduce_logits(logits, request, first + i);
          if (float* mean = means[static_cast<size_t>(first + i)])
            mean_embedding(*weights_.embedding, spec_.embedding_scale, logits, stats.max_logit,
                           std::span(mean, static_cast<size_t>(d)));
          if (request.full_logits) std::copy(logits.begin(), logits.end(), result.logits.begin() + (first + i) * vocab);
        }
      });
    }
  }

  static constexpr int64_t kLogitFloats = int64_t{1} << 22;  // 16 MB of logits at a time

  ModelSpec spec_;
  Machine machine_;
  ModelWeights weights_;
  std::vector<std::unique_ptr<Sequence>> sequences_;
  uint64_t pass_number_ = 0;
  BlockScratch scratch_;
  std::vector<float> residual_;
  Activations head_normed_, wanted_normed_;
  std::vector<float> logits_;
};

}  // namespace

std::unique_ptr<Denoiser> load_native(const ModelFiles& files, ThreadPool& pool, const NativeOptions& options) {
  return std::make_unique<NativeDenoiser>(files, pool, options);
}

}  // namespace pent
