// Timing forwards and what bounds them (eval/speed.h).
#include "eval/speed.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <numeric>

#include "base/error.h"
#include "base/random.h"
#include "engine/cost_curve.h"
#include "kernels/pack.h"
#include "sample/decode.h"

namespace pent {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_of(const std::function<void()>& run) {
  const Clock::time_point start = Clock::now();
  run();
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

// The fastest of a few: what the machine can do, not what it does beside others.
double best_of(int rounds, const std::function<void()>& run) {
  double best = seconds_of(run);
  for (int round = 1; round < rounds; ++round) best = std::min(best, seconds_of(run));
  return best;
}

double measure_clock() {
#if defined(__x86_64__)
  constexpr int64_t kAdditions = 100'000'000;
  const double seconds = best_of(3, [] {
    // By a register: newer cores add constants while renaming, ten in a cycle.
    uint64_t x = 0, one = 1;
    for (int64_t i = 0; i < kAdditions / 10; ++i)
      __asm__ volatile(
          "add %1, %0\n\tadd %1, %0\n\tadd %1, %0\n\tadd %1, %0\n\tadd %1, %0\n\t"
          "add %1, %0\n\tadd %1, %0\n\tadd %1, %0\n\tadd %1, %0\n\tadd %1, %0"
          : "+r"(x)
          : "r"(one));
  });
  return static_cast<double>(kAdditions) / seconds;
#else
  return 0;
#endif
}

std::vector<float> random_floats(int64_t count, uint64_t seed) {
  std::vector<float> values(static_cast<size_t>(count));
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<float>(
        draw_uniform({.seed = seed, .cell = static_cast<uint32_t>(i), .purpose = DrawPurpose::kInit}) - 0.5);
  return values;
}

using kernels::PackedMatrix;

PackedMatrix random_matrix(ThreadPool& pool, PackedMatrix::Format format, int64_t n, int64_t k) {
  PackedMatrix matrix(format, n, k);
  if (matrix.is_four_bit()) {
    uint8_t values[kernels::kGroup];
    for (uint8_t i = 0; i < kernels::kGroup; ++i) values[i] = i * 7 % 16;
    constexpr uint16_t kScale = 0x2000, kMinimum = 0xA800;  // 2^-7 and -2^-5 in float16
    for (int64_t row = 0; row < n; ++row)
      for (int64_t group = 0; group < matrix.groups(); ++group) matrix.pack_group(row, group, kScale, kMinimum, values);
    return matrix;
  }
  const std::vector<float> rows = random_floats(kernels::kPanel * k, 1);
  pool.parallel_for(matrix.panels(), 1, [&](int64_t begin, int64_t end, int) {
    for (int64_t panel = begin; panel < end; ++panel)
      matrix.pack_panel(panel, rows.data(), std::min(kernels::kPanel, n - panel * kernels::kPanel));
  });
  return matrix;
}

void need_context(const ModelSpec& spec, int positions, const std::string& what) {
  if (positions > spec.max_positions)
    throw error(ErrorKind::kInvalidArgument, "{} takes {} positions, but the model's context is {}", what, positions,
                spec.max_positions);
}

// Counts rows on their way to a denoiser.
class CountingDenoiser : public Denoiser {
 public:
  explicit CountingDenoiser(Denoiser& inner) : inner_(inner) {}
  const ModelSpec& spec() const override { return inner_.spec(); }
  int32_t open_sequence(int32_t capacity) override { return inner_.open_sequence(capacity); }
  void close_sequence(int32_t sequence) override { inner_.close_sequence(sequence); }
  void forward(const PassPlan& plan, const HeadRequest& request, PassResult& result) override {
    rows += static_cast<int64_t>(plan.rows.size());
    inner_.forward(plan, request, result);
  }
  int64_t rows = 0;

 private:
  Denoiser& inner_;
};

}  // namespace

MachineLimits measure_limits(ThreadPool& pool) {
  const kernels::KernelSet& set = kernels::active_kernel_set();
  const int threads = pool.threads();
  MachineLimits limits;
  const int64_t rounds = set.name == std::string("scalar") ? 20'000 : 2'000'000;
  std::atomic<int32_t> sink = 0;
  // For a third of a second: so long may a scheduler leave two threads on one core. In pieces, so that a late thread costs little.
  constexpr int kPieces = 16;
  const double seconds = best_of(50, [&] {
    pool.parallel_for(int64_t{kPieces} * threads, 1,
                      [&](int64_t, int64_t, int) { sink += set.int8_peak(rounds / kPieces); });
  });
  limits.int8_ops = 2.0 * static_cast<double>(rounds * kernels::kPeakProducts) * threads / seconds;

  const std::vector<uint64_t> words(size_t{256} << 20 >> 3, 1);
  std::atomic<uint64_t> total = 0;
  const int64_t piece = int64_t{1} << 17;  // a megabyte
  const double read = best_of(12, [&] {
    pool.parallel_for(static_cast<int64_t>(words.size()) / piece, 1, [&](int64_t begin, int64_t end, int) {
      const uint64_t* at = words.data() + begin * piece;
      const int64_t count = (end - begin) * piece;
      uint64_t sums[8] = {};
      for (int64_t i = 0; i < count; i += 8)
        for (int64_t lane = 0; lane < 8; ++lane) sums[lane] += at[i + lane];
      total += std::accumulate(sums, sums + 8, uint64_t{0});
    });
  });
  PENT_CHECK(total % words.size() == 0);
  limits.read_bytes = static_cast<double>(words.size() * sizeof(words[0])) / read;
  limits.clock_hz = measure_clock();
  if (limits.clock_hz > 0) limits.ops_per_cycle = limits.int8_ops / limits.clock_hz / threads;
  return limits;
}

std::vector<double> time_alternately(const std::vector<std::function<void()>>& runs, int rounds) {
  std::vector<std::vector<double>> times(runs.size());
  for (int round = 0; round < rounds; ++round)
    for (size_t i = 0; i < runs.size(); ++i) times[i].push_back(seconds_of(runs[i]));
  std::vector<double> medians;
  for (const std::vector<double>& each : times) medians.push_back(median(each));
  return medians;
}

std::vector<MatmulShape> matmul_shapes(const PublishedShape& model) {
  const ModelSpec& spec = model.spec;
  const int64_t d = spec.d_model, q = int64_t{spec.n_heads} * spec.head_dim,
                kv = int64_t{spec.n_kv_heads} * spec.head_dim;
  return {{model.title, q + 2 * kv, d},
          {model.title, d, q},
          {model.title, 2 * int64_t{spec.ffn_dim}, d},
          {model.title, d, spec.ffn_dim}};
}

MatmulSpeed time_matmul(ThreadPool& pool, const MachineLimits& limits, PackedMatrix::Format format,
                        const MatmulShape& shape, int64_t rows, bool beyond_cache, int rounds) {
  const Machine machine = {kernels::active_kernel_set(), pool, /*precise=*/false};
  const int64_t bytes = PackedMatrix::bytes_needed(format, shape.n, shape.k);
  constexpr int64_t kBeyondCache = int64_t{256} << 20;
  const int64_t copies = beyond_cache ? std::max<int64_t>(2, (kBeyondCache + bytes - 1) / bytes) : 1;
  std::vector<PackedMatrix> matrices;
  for (int64_t i = 0; i < copies; ++i) matrices.push_back(random_matrix(pool, format, shape.n, shape.k));
  Activations in;
  in.resize(rows, shape.k, /*quantize=*/true);
  const std::vector<float> x = random_floats(rows * shape.k, 2);
  std::copy(x.begin(), x.end(), in.values.begin());
  std::vector<float> out(static_cast<size_t>(rows * shape.n));
  const auto multiply = [&](const PackedMatrix& matrix) {
    pool.parallel_for(rows, 8, [&](int64_t begin, int64_t end, int) {
      for (int64_t row = begin; row < end; ++row) machine.finish_row(in, row);
    });
    machine.matmul(matrix, in, rows, out.data());
  };
  const double ops = 2.0 * static_cast<double>(rows * shape.n * shape.k);
  const auto repeats = std::max<int64_t>(copies, static_cast<int64_t>(2e9 / ops));  // long enough to be timed
  const double seconds = time_alternately({[&] {
                                            for (int64_t i = 0; i < repeats; ++i)
                                              multiply(matrices[static_cast<size_t>(i % copies)]);
                                          }},
                                          rounds)[0] /
                         static_cast<double>(repeats);
  const double least = std::max(ops / limits.int8_ops, static_cast<double>(bytes) / limits.read_bytes);
  return {rows, seconds, ops / limits.int8_ops / seconds, least / seconds};
}

std::vector<RowCost> time_rows(Model& model, PassTimes& times, int prefix, const std::vector<int>& rows, int rounds) {
  RowForwards forwards(*model.denoiser, prefix, *std::max_element(rows.begin(), rows.end()));
  std::vector<RowCost> costs(rows.size());
  std::vector<std::function<void()>> runs;
  for (size_t i = 0; i < rows.size(); ++i) {
    costs[i].rows = rows[i];
    runs.push_back([&, i] {
      times = {};
      // Few rows take less than a millisecond.
      for (int repeat = 0; repeat < std::max(1, 16 / rows[i]); ++repeat) forwards.run(rows[i]);
      for (const auto part :
           {&PassTimes::total, &PassTimes::matmul, &PassTimes::attention, &PassTimes::experts, &PassTimes::head})
        costs[i].shares.*part += times.*part;
    });
  }
  const std::vector<double> seconds = time_alternately(runs, rounds);
  for (size_t i = 0; i < rows.size(); ++i) {
    costs[i].seconds = seconds[i] / std::max(1, 16 / rows[i]);
    for (const auto part : {&PassTimes::matmul, &PassTimes::attention, &PassTimes::experts, &PassTimes::head})
      costs[i].shares.*part /= costs[i].shares.total;
  }
  return costs;
}

double time_prompt(Model& model, int rows, int rounds) {
  Denoiser& denoiser = *model.denoiser;
  need_context(denoiser.spec(), rows, fmt::format("a prompt of {} tokens", rows));
  const OpenSequence sequence(denoiser, rows);
  const std::vector<int32_t> tokens = some_tokens(denoiser.spec(), rows);
  PassPlan plan;
  PassResult result;
  if (denoiser.spec().is_masked_diffusion()) {
    plan.add_full(sequence.handle(), tokens);
  } else {
    plan.add_causal(sequence.handle(), tokens);
  }
  plan.head_rows = {static_cast<uint32_t>(rows - 1)};
  denoiser.forward(plan, {}, result);  // brings in the weights' pages and makes room for the rows
  return time_alternately({[&] { denoiser.forward(plan, {}, result); }}, rounds)[0];
}

double time_decode(Model& model, int streams, int tokens, int rounds) {
  constexpr int kPrompt = 32;
  Denoiser& denoiser = *model.denoiser;
  need_context(denoiser.spec(), kPrompt + tokens, fmt::format("a prompt of {} and {} tokens", kPrompt, tokens));
  std::vector<std::unique_ptr<OpenSequence>> sequences;
  std::vector<std::vector<int32_t>> texts;
  PassPlan plan;
  PassResult result;
  for (int stream = 0; stream < streams; ++stream) {
    sequences.push_back(std::make_unique<OpenSequence>(denoiser, kPrompt + tokens));
    texts.push_back(some_tokens(denoiser.spec(), kPrompt + tokens, static_cast<uint64_t>(stream) + 1));
    plan.add_causal(sequences.back()->handle(), std::span(texts.back()).first(kPrompt));
  }
  denoiser.forward(plan, {}, result);
  const double seconds =
      time_alternately({[&] {
                         for (int written = 0; written < tokens; ++written) {
                           plan.clear();
                           for (size_t stream = 0; stream < sequences.size(); ++stream) {
                             const size_t at = static_cast<size_t>(kPrompt + written);
                             plan.add_causal(sequences[stream]->handle(), std::span(texts[stream]).subspan(at, 1),
                                             static_cast<int32_t>(at));
                             plan.head_rows.push_back(static_cast<uint32_t>(stream));
                           }
                           denoiser.forward(plan, {}, result);
                         }
                       }},
                       rounds)[0];
  return streams * tokens / seconds;
}

std::vector<DenoiseSpeed> time_denoise(Model& model, int canvas_size, int steps, int block_length, int rounds) {
  CountingDenoiser denoiser(*model.denoiser);
  const ModelSpec& spec = denoiser.spec();
  need_context(spec, canvas_size, fmt::format("a canvas of {} cells", canvas_size));
  const std::vector<CacheKind> kinds = {CacheKind::kNone, CacheKind::kPrefix, CacheKind::kDual, CacheKind::kDelayed};
  std::vector<DenoiseSpeed> speeds(kinds.size());
  std::vector<std::vector<int32_t>> texts(kinds.size());
  std::vector<std::function<void()>> runs;
  for (size_t i = 0; i < kinds.size(); ++i) {
    speeds[i].cache = kinds[i];
    runs.push_back([&, i] {
      const SamplingParams params{.preset = "llada",
                                  .diffusion = true,
                                  .max_tokens = canvas_size,
                                  .block_length = block_length,
                                  .steps = steps,
                                  .cache = kinds[i]};
      Canvas canvas(spec.is_masked_diffusion() ? spec.mask_id : 0);
      canvas.append_masked(canvas_size);
      std::vector<std::unique_ptr<Sampler>> samplers;
      samplers.push_back(make_diffusion_sampler(std::move(canvas), params, /*stop_ids=*/{}));
      denoiser.rows = 0;
      speeds[i].nfe =
          decode(denoiser, samplers, params, {.banned = {spec.is_masked_diffusion() ? spec.mask_id : 0}})[0].nfe;
      speeds[i].rows = denoiser.rows;
      texts[i] = samplers[0]->completion();
    });
  }
  const std::vector<double> seconds = time_alternately(runs, rounds);
  for (size_t i = 0; i < kinds.size(); ++i) {
    speeds[i].seconds = seconds[i];
    for (size_t cell = 0; cell < texts[0].size(); ++cell) speeds[i].differing += texts[i][cell] != texts[0][cell];
  }
  return speeds;
}

}  // namespace pent
