// The buffers of one forward pass, reused from pass to pass.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <vector>

#include "base/thread_pool.h"
#include "kernels/kernels.h"
#include "kernels/pack.h"
#include "model/denoiser.h"

namespace pent {

// Rows on their way into a matrix product: as floats, and in int8 when the weights are.
struct Activations {
  std::vector<float> values;  // [rows, width]
  kernels::QuantizedRows quantized;
  int64_t width = 0;

  void resize(int64_t rows, int64_t new_width, bool quantize) {
    width = new_width;
    if (static_cast<int64_t>(values.size()) < rows * width) values.resize(rows * width);
    if (quantize) quantized.resize(rows, width);
  }
  float* row(int64_t i) { return values.data() + i * width; }
};

// Adds the time it lives to a sum, if there is one.
class Stopwatch {
 public:
  explicit Stopwatch(double* sum) : sum_(sum) {
    if (sum_ != nullptr) start_ = Clock::now();
  }
  ~Stopwatch() {
    if (sum_ != nullptr) *sum_ += std::chrono::duration<double>(Clock::now() - start_).count();
  }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

 private:
  using Clock = std::chrono::steady_clock;
  double* sum_;
  Clock::time_point start_;
};

// What runs a pass: the arithmetic, the threads, and which of the two numeric paths.
struct Machine {
  const kernels::KernelSet& kernels;
  ThreadPool& pool;
  bool precise;
  PassTimes* times = nullptr;

  Stopwatch measure(double PassTimes::* what) const { return Stopwatch(times == nullptr ? nullptr : &(times->*what)); }
  // The row is complete: quantise it if a matrix product will want it so.
  void finish_row(Activations& activations, int64_t row) const {
    if (!precise) kernels.quantize_row(activations.row(row), activations.width, activations.quantized.view(), row);
  }
  // body(begin, end, worker) over rows [0, rows) that are worked on one by one: at most eight at a time, and fewer where a thread
  // would have none.
  template <typename Body>
  void for_rows(int64_t rows, const Body& body) const {
    pool.parallel_for(rows, std::clamp<int64_t>(rows / (2 * pool.threads()), 4, 8), body);
  }
  // out [width] = act(gate) * up, the two side by side; kind has a gate.
  void gate(FfnKind kind, const float* gate_up, int64_t width, float* out) const;
  // out [rows, w.n()] = in * w^T, or += with `add`.
  void matmul(const kernels::PackedMatrix& w, Activations& in, int64_t rows, float* out, bool add = false) const;
};

}  // namespace pent
