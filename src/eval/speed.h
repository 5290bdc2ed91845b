// How fast forwards are, beside what this machine could do at most, measured in the same run.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "engine/model.h"
#include "model/shapes.h"
#include "model/workspace.h"
#include "sample/cache.h"

namespace pent {

// What bounds a forward on this machine with the pool's threads. An operation is a multiplication or an addition.
struct MachineLimits {
  double int8_ops = 0;       // operations a second of int8 products that wait for nothing (KernelSet::int8_peak)
  double read_bytes = 0;     // bytes a second read from more than any cache holds
  double clock_hz = 0;       // of a core, by a chain of dependent additions; 0 where it cannot be told
  double ops_per_cycle = 0;  // int8_ops / clock / threads: 128 on a core with two 256-bit or one 512-bit VNNI unit
};
MachineLimits measure_limits(ThreadPool& pool);

// The median of `rounds` timings of each, taken in turn so that what disturbs the machine meets all alike. Seconds.
std::vector<double> time_alternately(const std::vector<std::function<void()>>& runs, int rounds);

// Products of one matrix as a forward makes them: rows of floats quantised, then multiplied.
struct MatmulShape {
  std::string model;
  int64_t n, k;
};
// Query, key and value as one matrix, gate and up as one, as the engine packs them.
std::vector<MatmulShape> matmul_shapes(const PublishedShape& model);
struct MatmulSpeed {
  int64_t rows = 0;
  double seconds = 0;
  double int8_share = 0;  // of MachineLimits::int8_ops
  double roof_share = 0;  // of the lesser of that and reading the weights once
};
// beyond_cache: takes turns over so many copies of the weights that they come from memory.
MatmulSpeed time_matmul(ThreadPool& pool, const MachineLimits& limits, kernels::PackedMatrix::Format format,
                        const MatmulShape& shape, int64_t rows, bool beyond_cache, int rounds);

// T(rows): one forward of so many rows of one sequence over `prefix` cached slots, all of them asked for.
struct RowCost {
  int rows = 0;
  double seconds = 0;
  PassTimes shares;  // of the total: matmul, attention, experts, head
};
std::vector<RowCost> time_rows(Model& model, PassTimes& times, int prefix, const std::vector<int>& rows, int rounds);

// `rows` prompt rows at once, the last one's head.
double time_prompt(Model& model, int rows, int rounds);
// Tokens a second of so many streams that decode together, `tokens` each behind a prompt of 32.
double time_decode(Model& model, int streams, int tokens, int rounds);

// A canvas painted from the first mask to the last, greedy and most confident first; a next-token model's weights serve as
// a denoiser too (what it writes is nonsense, the work is the same).
struct DenoiseSpeed {
  CacheKind cache = CacheKind::kNone;
  double seconds = 0;
  int nfe = 0;
  int64_t rows = 0;   // computed
  int differing = 0;  // tokens that are not those of the uncached run
};
std::vector<DenoiseSpeed> time_denoise(Model& model, int canvas, int steps, int block_length, int rounds);

}  // namespace pent
