// The updates (optimizer.h): AdamW's is one pass over each tensor. The norm is summed over chunks of fixed size, so that
// it does not depend on the thread count.
#include "train/optimizer.h"

#include <cmath>

#include "base/error.h"

namespace pent::train {
namespace {

constexpr int64_t kChunk = 1 << 15;

double squared_norm(const Tensor& tensor) {
  const float* x = tensor.data_ptr<float>();
  const int64_t n = tensor.numel(), chunks = (n + kChunk - 1) / kChunk;
  std::vector<double> sums(static_cast<size_t>(chunks), 0.0);
  at::parallel_for(0, chunks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c) {
      double sum = 0;
      const int64_t last = std::min(n, (c + 1) * kChunk);
#pragma omp simd reduction(+ : sum)
      for (int64_t i = c * kChunk; i < last; ++i) sum += static_cast<double>(x[i]) * x[i];
      sums[static_cast<size_t>(c)] = sum;
    }
  });
  double total = 0;
  for (const double sum : sums) total += sum;
  return total;
}

struct UpdateRates {
  float gradient_scale, beta1, beta2, step_size, inverse_bias2, epsilon, decay;
};

void adamw_update(float* w, const float* g, float* m, float* v, int64_t n, const UpdateRates& r) {
  for (int64_t i = 0; i < n; ++i) {
    const float gradient = g[i] * r.gradient_scale;
    m[i] = r.beta1 * m[i] + (1 - r.beta1) * gradient;
    v[i] = r.beta2 * v[i] + (1 - r.beta2) * gradient * gradient;
    w[i] = w[i] * r.decay - r.step_size * m[i] / (std::sqrt(v[i] * r.inverse_bias2) + r.epsilon);
  }
}

void update_average(float* ema, const float* w, int64_t n, float rate) {
  for (int64_t i = 0; i < n; ++i) ema[i] += rate * (w[i] - ema[i]);
}

}  // namespace

Tensor orthogonalize(const Tensor& matrix) {
  torch::NoGradGuard no_grad;
  constexpr double a = 3.4445, b = -4.7750, c = 2.0315;
  const bool tall = matrix.size(0) > matrix.size(1);
  Tensor x = (tall ? matrix.t() : matrix).to(torch::kFloat32);
  x = (x / (x.norm() + 1e-7)).to(torch::kBFloat16).contiguous();
  for (int i = 0; i < 5; ++i) {
    const Tensor gram = at::matmul(x, x.t());
    const Tensor polynomial = at::matmul(gram, gram).mul_(c).add_(gram, b);
    x = at::matmul(polynomial, x).add_(x, a);
  }
  return (tall ? x.t() : x).to(torch::kFloat32).contiguous();
}

Optimizer::Optimizer(std::vector<Transformer::Parameter>& parameters, const Recipe& recipe)
    : parameters_(parameters), rules_(recipe.optimizer) {
  for (const auto& p : parameters_) {
    first_moment.push_back(torch::zeros_like(p.value.detach()));
    second_moment.push_back(uses_muon(p) ? torch::zeros({0}) : torch::zeros_like(p.value.detach()));
    if (rules_.ema > 0) average.push_back(p.value.detach().clone());
  }
}

double Optimizer::step(double lr) {
  double squares = 0;
  for (const auto& p : parameters_)
    if (p.value.grad().defined()) squares += squared_norm(p.value.grad().contiguous());
  const double norm = std::sqrt(squares);
  if (!std::isfinite(norm)) return norm;
  ++updates;
  const auto t = static_cast<double>(updates);
  const double bias1 = 1 - std::pow(rules_.beta1, t), bias2 = 1 - std::pow(rules_.beta2, t);
  // The average forgets the first steps: its decay grows to the recipe's.
  const auto average_rate = static_cast<float>(1 - std::min(rules_.ema, (1 + t) / (10 + t)));
  const double clipping = rules_.clip > 0 && norm > rules_.clip ? rules_.clip / norm : 1.0;
  UpdateRates rates{.gradient_scale = static_cast<float>(clipping),
                    .beta1 = static_cast<float>(rules_.beta1),
                    .beta2 = static_cast<float>(rules_.beta2),
                    .step_size = static_cast<float>(lr / bias1),
                    .inverse_bias2 = static_cast<float>(1 / bias2),
                    .epsilon = static_cast<float>(rules_.epsilon),
                    .decay = 1};
  for (size_t i = 0; i < parameters_.size(); ++i) {
    auto& p = parameters_[i];
    if (!p.value.grad().defined()) continue;
    const Tensor gradient = p.value.grad().contiguous();
    float* w = p.value.data_ptr<float>();
    if (uses_muon(p)) {
      muon_update(i, gradient, clipping, lr);
    } else {
      rates.decay = p.matrices.empty() ? 1.0f : static_cast<float>(1 - lr * rules_.weight_decay);
      at::parallel_for(0, p.value.numel(), kChunk, [&](int64_t begin, int64_t end) {
        adamw_update(w + begin, gradient.data_ptr<float>() + begin, first_moment[i].data_ptr<float>() + begin,
                     second_moment[i].data_ptr<float>() + begin, end - begin, rates);
      });
    }
    if (!average.empty()) {
      float* ema = average[i].data_ptr<float>();
      at::parallel_for(0, p.value.numel(), kChunk, [&](int64_t begin, int64_t end) {
        update_average(ema + begin, w + begin, end - begin, average_rate);
      });
    }
    p.value.mutable_grad().reset();
  }
  return norm;
}

void Optimizer::muon_update(size_t i, const Tensor& gradient, double gradient_scale, double lr) {
  torch::NoGradGuard no_grad;
  const Tensor weights = parameters_[i].value.detach();
  Tensor& momentum = first_moment[i];
  momentum.mul_(rules_.momentum).add_(gradient, gradient_scale);
  const Tensor direction = gradient.mul(gradient_scale).add_(momentum, rules_.momentum);  // Nesterov's
  int64_t begin = 0;
  for (const int64_t rows : parameters_[i].matrices) {
    const auto size = static_cast<double>(std::max(rows, weights.size(1)));
    weights.narrow(0, begin, rows)
        .mul_(1 - lr * rules_.weight_decay)
        .sub_(orthogonalize(direction.narrow(0, begin, rows)), lr * 0.2 * std::sqrt(size));
    begin += rows;
  }
}

std::vector<Tensor> Optimizer::best_estimate() const {
  if (!average.empty()) return average;
  std::vector<Tensor> out;
  for (const auto& p : parameters_) out.push_back(p.value.detach());
  return out;
}

void Optimizer::swap_average() {
  torch::NoGradGuard no_grad;
  for (size_t i = 0; i < average.size(); ++i) {
    const Tensor kept = parameters_[i].value.detach().clone();
    parameters_[i].value.detach().copy_(average[i]);
    average[i].copy_(kept);
  }
}

}  // namespace pent::train
