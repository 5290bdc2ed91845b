// Speed of the kernels by instruction set, on one thread, at the shapes of small models (google-benchmark).
// One row of products is bound by reading the weights: its bytes_per_second stands beside ReadMemory's of the same run.
// Many rows are bound by arithmetic: ops_per_second counts a multiplication and an addition as two.
#include <benchmark/benchmark.h>

#include <numeric>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/thread_pool.h"
#include "kernels/pack.h"

namespace pent {
namespace {

using kernels::KernelSet;
using kernels::PackedMatrix;

std::vector<float> random_floats(int64_t count) {
  std::vector<float> values(static_cast<size_t>(count));
  for (size_t i = 0; i < values.size(); ++i)
    values[i] =
        static_cast<float>(draw_uniform({.cell = static_cast<uint32_t>(i), .purpose = DrawPurpose::kInit}) - 0.5);
  return values;
}

PackedMatrix random_matrix(PackedMatrix::Format format, int64_t n, int64_t k) {
  PackedMatrix matrix(format, n, k);
  const std::vector<float> rows = random_floats(kernels::kPanel * k);
  for (int64_t panel = 0; panel < matrix.panels(); ++panel)
    matrix.pack_panel(panel, rows.data(), std::min(kernels::kPanel, n - panel * kernels::kPanel));
  return matrix;
}

void read_memory(benchmark::State& state) {
  const std::vector<uint64_t> words(size_t{64} << 20 >> 3, 1);
  for (auto _ : state) benchmark::DoNotOptimize(std::accumulate(words.begin(), words.end(), uint64_t{0}));
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * words.size() * sizeof(words[0])));
}

// What handing two chunks to two threads and waiting for them costs: a forward of few rows does it some eight times a layer.
void fork_and_join(benchmark::State& state) {
  ThreadPool pool(2);
  for (auto _ : state) pool.parallel_for(2, 1, [](int64_t begin, int64_t, int) { benchmark::DoNotOptimize(begin); });
}

void matmul(benchmark::State& state, const KernelSet& set, PackedMatrix::Format format) {
  const int64_t rows = state.range(0), n = state.range(1), k = state.range(2);
  const PackedMatrix matrix = random_matrix(format, n, k);
  const std::vector<float> x = random_floats(rows * k);
  std::vector<float> out(static_cast<size_t>(rows * n));
  kernels::QuantizedRows quantized;
  quantized.resize(rows, k);
  const kernels::MatmulRange all{
      .row_begin = 0, .row_end = rows, .panel_begin = 0, .panel_end = matrix.panels(), .add = false};
  for (auto _ : state) {
    if (format == PackedMatrix::Format::kF32) {
      set.matmul_f32(matrix.f32(), x.data(), k, out.data(), n, all);
    } else {
      for (int64_t row = 0; row < rows; ++row) set.quantize_row(x.data() + row * k, k, quantized.view(), row);
      set.matmul_q8(matrix.q8(), quantized.view(), out.data(), n, all);
    }
    benchmark::ClobberMemory();
  }
  if (rows == 1)
    state.SetBytesProcessed(static_cast<int64_t>(state.iterations()) * PackedMatrix::bytes_needed(format, n, k));
  state.counters["ops_per_second"] =
      benchmark::Counter(static_cast<double>(2 * rows * n * k), benchmark::Counter::kIsIterationInvariantRate);
}

void add_benchmarks() {
  benchmark::RegisterBenchmark("ReadMemory", read_memory);
  benchmark::RegisterBenchmark("ForkAndJoin", fork_and_join)->UseRealTime();
  const kernels::KernelSetList list = kernels::all_kernel_sets();
  for (int i = 0; i < list.count; ++i) {
    const KernelSet& set = *list.sets[i];
    if (!set.supported()) continue;
    for (const auto format : {PackedMatrix::Format::kF32, PackedMatrix::Format::kQ8}) {
      const std::string name =
          std::string(format == PackedMatrix::Format::kF32 ? "MatmulF32/" : "MatmulQ8/") + set.name;
      auto* benchmark = benchmark::RegisterBenchmark(
          name.c_str(), [&set, format](benchmark::State& state) { matmul(state, set, format); });
      benchmark->ArgNames({"rows", "n", "k"})->Args({1, 1536, 576})->Args({128, 1536, 576})->Args({128, 4096, 256});
    }
  }
}

}  // namespace
}  // namespace pent

int main(int argc, char** argv) {
  pent::add_benchmarks();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
}
