// Compares LibTorch's matrix products with sums in double precision, over odd sizes and both dtypes, and times one
// large product: the reference BLAS is right but some 60 times slower (blas_check.h).
#include "train/blas_check.h"

#include <torch/torch.h>

#include <array>
#include <cmath>
#include <ctime>

#include "base/error.h"
#include "base/random.h"

namespace pent::train {
namespace {

torch::Tensor uniform_matrix(int64_t rows, int64_t cols, uint32_t salt) {
  torch::Tensor m = torch::empty({rows, cols}, torch::kFloat32);
  float* x = m.data_ptr<float>();
  for (int64_t i = 0; i < m.numel(); ++i)
    x[i] = static_cast<float>(
        draw_uniform({.seed = salt, .cell = static_cast<uint32_t>(i), .purpose = DrawPurpose::kInit}) - 0.5);
  return m;
}

// Largest error of a product of these sizes, relative to what rounding explains.
double product_error(int64_t m, int64_t k, int64_t n, torch::ScalarType dtype) {
  const torch::Tensor a = uniform_matrix(m, k, 1).to(dtype), b = uniform_matrix(k, n, 2).to(dtype);
  const torch::Tensor product = at::mm(a, b).to(torch::kFloat32).contiguous();
  const torch::Tensor left = a.to(torch::kFloat64).contiguous(), right = b.to(torch::kFloat64).contiguous();
  const double unit = dtype == torch::kBFloat16 ? 1.0 / 128 : 1e-6;
  double worst = 0;
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      double sum = 0, size = 0;
      for (int64_t l = 0; l < k; ++l) {
        const double term = left.data_ptr<double>()[i * k + l] * right.data_ptr<double>()[l * n + j];
        sum += term;
        size += std::abs(term);
      }
      const double bound = unit * size + 1e-7;  // small bf16 products are summed in bf16
      const double off = std::abs(product.data_ptr<float>()[i * n + j] - sum) / bound;
      worst = std::isfinite(off) ? std::max(worst, off) : INFINITY;
    }
  }
  return worst;
}

// Of one core: by the processor time of all threads, so that other processes do not count.
double gflops(torch::ScalarType dtype) {
  constexpr int64_t kSize = 384;
  const torch::Tensor a = uniform_matrix(kSize, kSize, 3).to(dtype);
  double best = 1e9;
  for (int i = 0; i < 6; ++i) {
    const std::clock_t begin = std::clock();
    at::mm(a, a);
    best = std::min(best, static_cast<double>(std::clock() - begin + 1) / CLOCKS_PER_SEC);
  }
  return 2e-9 * kSize * kSize * kSize / best;
}

}  // namespace

BlasReport check_blas() {
  torch::NoGradGuard no_grad;
  constexpr const char* kFix = "apt-get install libopenblas0-pthread (0.3.21 or newer)";
  BlasReport report;
  for (const auto dtype : {torch::kFloat32, torch::kBFloat16}) {
    for (const auto& [m, k, n] :
         {std::array<int64_t, 3>{1, 1, 1}, {7, 33, 5}, {31, 64, 129}, {65, 127, 63}, {130, 257, 96}}) {
      if (product_error(m, k, n, dtype) <= 1) continue;
      report.text = fmt::format("BLAS: a {} product of {}x{} by {}x{} comes out wrong on this processor; {}",
                                dtype == torch::kFloat32 ? "f32" : "bf16", m, k, k, n, kFix);
      return report;
    }
  }
  report.correct = true;
  report.gflops_f32 = gflops(torch::kFloat32);
  report.gflops_bf16 = gflops(torch::kBFloat16);
  report.text = fmt::format("BLAS: products are right; f32 {:.0f}, bf16 {:.0f} GFLOP/s a core", report.gflops_f32,
                            report.gflops_bf16);
  if (report.gflops_f32 < 8) report.text += fmt::format(" (slow: the reference BLAS? {})", kFix);
  return report;
}

}  // namespace pent::train
