// Fused forward and backward of norm, feed-forward, loss and embedding (nets/ops.h). Gradients of the norm's weight are
// summed over chunks of rows whose borders do not depend on the thread count.
#include "train/nets/ops.h"

#include <cmath>
#include <cstring>

#include "base/error.h"
#include "train/nets/loops.h"

namespace pent::train {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::tensor_list;

constexpr int64_t kRowGrain = 32;

// Runs body with a pointer type matching the tensor's dtype (bfloat16 as its bits).
template <typename Body>
void with_dtype(torch::ScalarType dtype, Body&& body) {
  if (dtype == torch::kBFloat16) {
    body(uint16_t{});
  } else {
    PENT_CHECK(dtype == torch::kFloat32);
    body(float{});
  }
}
template <typename T>
T* data(const Tensor& tensor) {
  return tensor.defined() && tensor.numel() > 0 ? static_cast<T*>(tensor.data_ptr()) : nullptr;
}

struct DropoutBits {
  explicit DropoutBits(const Dropout& dropout)
      : low(static_cast<uint32_t>(dropout.key)),
        high(static_cast<uint32_t>(dropout.key >> 32)),
        threshold(static_cast<uint32_t>(dropout.p * 4294967296.0)),
        scale(1.0f / (1.0f - dropout.p)) {}
  uint32_t low, high, threshold;
  float scale;
};

// ---- add + RMSNorm -------------------------------------------------------------------------------------------------

template <typename T>
PENT_VECTOR_CLONES void norm_row(const float* residual, const T* branch, const float* weight, int64_t d, float eps,
                                 const DropoutBits* drop, uint32_t index, float* sum_out, T* normed, float* inverse_rms) {
  if (branch == nullptr) {
    std::memcpy(sum_out, residual, sizeof(float) * d);
  } else if (drop == nullptr) {
    for (int64_t i = 0; i < d; ++i) sum_out[i] = residual[i] + load(branch[i]);
  } else {
    for (int64_t i = 0; i < d; ++i)
      sum_out[i] = residual[i] + load(branch[i]) * keep_scale(drop->low, drop->high, index + static_cast<uint32_t>(i),
                                                              drop->threshold, drop->scale);
  }
  float lanes[16] = {};
  for (int64_t i = 0; i + 16 <= d; i += 16)
    for (int j = 0; j < 16; ++j) lanes[j] += sum_out[i + j] * sum_out[i + j];
  double squares = 0;
  for (float lane : lanes) squares += lane;
  for (int64_t i = d & ~int64_t{15}; i < d; ++i) squares += sum_out[i] * sum_out[i];
  const float r = static_cast<float>(1.0 / std::sqrt(squares / static_cast<double>(d) + eps));
  *inverse_rms = r;
  for (int64_t i = 0; i < d; ++i) store(&normed[i], sum_out[i] * r * weight[i]);
}

template <typename T>
PENT_VECTOR_CLONES void norm_row_backward(const float* x, const T* dy, const float* dx_through, const float* weight,
                                          int64_t d, float r, const DropoutBits* drop, uint32_t index, float* dx, T* dbranch,
                                          float* dweight) {
  float lanes[16] = {};
  float tail = 0;
  for (int64_t i = 0; i + 16 <= d; i += 16)
    for (int j = 0; j < 16; ++j) lanes[j] += load(dy[i + j]) * weight[i + j] * x[i + j];
  for (int64_t i = d & ~int64_t{15}; i < d; ++i) tail += load(dy[i]) * weight[i] * x[i];
  double dot = tail;
  for (float lane : lanes) dot += lane;
  const float c = static_cast<float>(dot * r * r * r / static_cast<double>(d));
  for (int64_t i = 0; i < d; ++i) {
    const float g = load(dy[i]);
    dweight[i] += g * x[i] * r;
    dx[i] = (dx_through == nullptr ? 0.0f : dx_through[i]) + g * weight[i] * r - x[i] * c;
  }
  if (dbranch == nullptr) return;
  if (drop == nullptr) {
    for (int64_t i = 0; i < d; ++i) store(&dbranch[i], dx[i]);
  } else {
    for (int64_t i = 0; i < d; ++i)
      store(&dbranch[i], dx[i] * keep_scale(drop->low, drop->high, index + static_cast<uint32_t>(i), drop->threshold, drop->scale));
  }
}


struct AddRmsNorm : Function<AddRmsNorm> {
  static tensor_list forward(AutogradContext* ctx, const Tensor& residual, const Tensor& branch, const Tensor& weight,
                             double eps, int64_t dtype, double p, int64_t key) {
    const int64_t n = residual.size(0), d = residual.size(1);
    const auto type = static_cast<torch::ScalarType>(dtype);
    const Dropout dropout{static_cast<float>(p), static_cast<uint64_t>(key)};
    Tensor sum = torch::empty_like(residual);
    Tensor normed = torch::empty({n, d}, residual.options().dtype(type));
    Tensor inverse_rms = torch::empty({n}, residual.options());
    const DropoutBits bits(dropout);
    with_dtype(type, [&](auto element) {
      using T = decltype(element);
      const float* in = data<float>(residual);
      const T* add = data<T>(branch);
      const float* w = data<float>(weight);
      float* out = data<float>(sum);
      T* y = data<T>(normed);
      float* r = data<float>(inverse_rms);
      at::parallel_for(0, n, kRowGrain, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i)
          norm_row<T>(in + i * d, add ? add + i * d : nullptr, w, d, static_cast<float>(eps), p > 0 ? &bits : nullptr,
                      static_cast<uint32_t>(i * d), out + i * d, y + i * d, r + i);
      });
    });
    ctx->save_for_backward({sum, weight, inverse_rms});
    ctx->saved_data["branch"] = branch.numel() > 0;
    ctx->saved_data["p"] = p;
    ctx->saved_data["key"] = key;
    return {sum, normed};
  }

  static tensor_list backward(AutogradContext* ctx, tensor_list grads) {
    const auto saved = ctx->get_saved_variables();
    const Tensor &x = saved[0], &weight = saved[1], &inverse_rms = saved[2];
    const int64_t n = x.size(0), d = x.size(1);
    const double p = ctx->saved_data["p"].toDouble();
    const DropoutBits bits(Dropout{static_cast<float>(p), static_cast<uint64_t>(ctx->saved_data["key"].toInt())});
    const Tensor through = grads[0].defined() ? grads[0].contiguous() : Tensor();
    const Tensor dy = grads[1].contiguous();
    Tensor dx = torch::empty_like(x);
    Tensor dbranch;
    if (ctx->saved_data["branch"].toBool()) dbranch = torch::empty({n, d}, dy.options());
    const int64_t chunks = (n + kRowGrain - 1) / kRowGrain;
    Tensor partial = torch::zeros({chunks, d}, x.options());
    with_dtype(dy.scalar_type(), [&](auto element) {
      using T = decltype(element);
      const float* xs = data<float>(x);
      const T* g = data<T>(dy);
      const float* pass = data<float>(through);
      const float* w = data<float>(weight);
      const float* r = data<float>(inverse_rms);
      float* out = data<float>(dx);
      T* branch_out = data<T>(dbranch);
      float* sums = data<float>(partial);
      at::parallel_for(0, chunks, 1, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin * kRowGrain; i < std::min(end * kRowGrain, n); ++i)
          norm_row_backward<T>(xs + i * d, g + i * d, pass ? pass + i * d : nullptr, w, d, r[i], p > 0 ? &bits : nullptr,
                               static_cast<uint32_t>(i * d), out + i * d, branch_out ? branch_out + i * d : nullptr,
                               sums + i / kRowGrain * d);
      });
    });
    return {dx, dbranch, partial.sum(0), Tensor(), Tensor(), Tensor(), Tensor()};
  }
};

// ---- linear --------------------------------------------------------------------------------------------------------

struct Linear : Function<Linear> {
  static Tensor forward(AutogradContext* ctx, const Tensor& x, const Tensor& weight) {
    const Tensor cast = weight.to(x.scalar_type());
    ctx->save_for_backward({x, cast});
    return at::mm(x, cast.t());
  }
  static tensor_list backward(AutogradContext* ctx, tensor_list grads) {
    const auto saved = ctx->get_saved_variables();
    const Tensor dy = grads[0].contiguous();
    return {at::mm(dy, saved[1]), at::mm(dy.t(), saved[0]).to(torch::kFloat32)};
  }
};

// ---- SwiGLU --------------------------------------------------------------------------------------------------------

template <typename T>
PENT_VECTOR_CLONES void swiglu_row(const T* gate, const T* up, int64_t f, const DropoutBits* drop, uint32_t index, T* out) {
  for (int64_t i = 0; i < f; ++i) {
    const float g = load(gate[i]);
    store(&out[i], g / (1.0f + fast_exp(-g)) * load(up[i]));
  }
  if (drop == nullptr) return;
  for (int64_t i = 0; i < f; ++i)
    store(&out[i], load(out[i]) * keep_scale(drop->low, drop->high, index + static_cast<uint32_t>(i), drop->threshold, drop->scale));
}

template <typename T>
PENT_VECTOR_CLONES void swiglu_row_backward(const T* gate, const T* up, const T* dy, int64_t f, const DropoutBits* drop,
                                            uint32_t index, T* dgate, T* dup) {
  for (int64_t i = 0; i < f; ++i) {
    const float keep = drop == nullptr ? 1.0f : keep_scale(drop->low, drop->high, index + static_cast<uint32_t>(i), drop->threshold, drop->scale);
    const float g = load(gate[i]), u = load(up[i]), d = load(dy[i]) * keep;
    const float s = 1.0f / (1.0f + fast_exp(-g));
    store(&dgate[i], d * u * s * (1.0f + g * (1.0f - s)));
    store(&dup[i], d * g * s);
  }
}

struct SwiGlu : Function<SwiGlu> {
  static Tensor forward(AutogradContext* ctx, const Tensor& gate_up, double p, int64_t key) {
    const int64_t n = gate_up.size(0), f = gate_up.size(1) / 2;
    const DropoutBits bits(Dropout{static_cast<float>(p), static_cast<uint64_t>(key)});
    Tensor out = torch::empty({n, f}, gate_up.options());
    with_dtype(gate_up.scalar_type(), [&](auto element) {
      using T = decltype(element);
      const T* in = data<T>(gate_up);
      T* y = data<T>(out);
      at::parallel_for(0, n, kRowGrain, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i)
          swiglu_row<T>(in + 2 * i * f, in + (2 * i + 1) * f, f, p > 0 ? &bits : nullptr, static_cast<uint32_t>(i * f), y + i * f);
      });
    });
    ctx->save_for_backward({gate_up});
    ctx->saved_data["p"] = p;
    ctx->saved_data["key"] = key;
    return out;
  }
  static tensor_list backward(AutogradContext* ctx, tensor_list grads) {
    const Tensor gate_up = ctx->get_saved_variables()[0];
    const Tensor dy = grads[0].contiguous();
    const int64_t n = gate_up.size(0), f = gate_up.size(1) / 2;
    const double p = ctx->saved_data["p"].toDouble();
    const DropoutBits bits(Dropout{static_cast<float>(p), static_cast<uint64_t>(ctx->saved_data["key"].toInt())});
    Tensor out = torch::empty_like(gate_up);
    with_dtype(gate_up.scalar_type(), [&](auto element) {
      using T = decltype(element);
      const T* in = data<T>(gate_up);
      const T* g = data<T>(dy);
      T* dx = data<T>(out);
      at::parallel_for(0, n, kRowGrain, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i)
          swiglu_row_backward<T>(in + 2 * i * f, in + (2 * i + 1) * f, g + i * f, f, p > 0 ? &bits : nullptr,
                                 static_cast<uint32_t>(i * f), dx + 2 * i * f, dx + (2 * i + 1) * f);
      });
    });
    return {out, Tensor(), Tensor()};
  }
};

// ---- embedding -----------------------------------------------------------------------------------------------------

struct Embed : Function<Embed> {
  static Tensor forward(AutogradContext* ctx, const Tensor& table, const Tensor& ids) {
    ctx->save_for_backward({ids});
    ctx->saved_data["rows"] = table.size(0);
    return at::index_select(table, 0, ids);
  }
  static tensor_list backward(AutogradContext* ctx, tensor_list grads) {
    const Tensor ids = ctx->get_saved_variables()[0];
    return {at::embedding_dense_backward(grads[0].contiguous(), ids, ctx->saved_data["rows"].toInt(), -1, false), Tensor()};
  }
};

// ---- cross-entropy -------------------------------------------------------------------------------------------------

// Turns a row of logits into weight * (softmax - onehot) in place; returns -log softmax[target].
template <typename T>
PENT_VECTOR_CLONES float cross_entropy_row(T* logits, int64_t v, int64_t target, float weight) {
  float peak = -INFINITY;
  for (int64_t i = 0; i < v; ++i) {
    const float z = load(logits[i]);
    peak = z > peak ? z : peak;
  }
  const float wanted = load(logits[target]);
  float lanes[16] = {};
  float tail = 0;
  for (int64_t i = 0; i + 16 <= v; i += 16)
    for (int j = 0; j < 16; ++j) lanes[j] += fast_exp(load(logits[i + j]) - peak);
  for (int64_t i = v & ~int64_t{15}; i < v; ++i) tail += fast_exp(load(logits[i]) - peak);
  double total = tail;
  for (float lane : lanes) total += lane;
  const float scale = static_cast<float>(weight / total);
  for (int64_t i = 0; i < v; ++i) store(&logits[i], fast_exp(load(logits[i]) - peak) * scale);
  store(&logits[target], fast_exp(wanted - peak) * scale - weight);
  return static_cast<float>(std::log(total)) + peak - wanted;
}

struct CrossEntropy : Function<CrossEntropy> {
  static tensor_list forward(AutogradContext* ctx, const Tensor& hidden, const Tensor& table, const Tensor& targets,
                             const Tensor& weights) {
    const int64_t n = hidden.size(0), v = table.size(0);
    const Tensor cast = table.to(hidden.scalar_type());
    Tensor logits = at::mm(hidden, cast.t());
    Tensor losses = torch::empty({n}, torch::kFloat32);
    const int64_t* target = data<int64_t>(targets);
    const float* weight = data<float>(weights);
    float* loss = data<float>(losses);
    with_dtype(hidden.scalar_type(), [&](auto element) {
      using T = decltype(element);
      T* z = data<T>(logits);
      at::parallel_for(0, n, 8, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) loss[i] = cross_entropy_row<T>(z + i * v, v, target[i], weight[i]);
      });
    });
    double total = 0;
    for (int64_t i = 0; i < n; ++i) total += static_cast<double>(loss[i]) * weight[i];
    ctx->save_for_backward({hidden, cast, logits});
    ctx->mark_non_differentiable({losses});
    return {torch::tensor(static_cast<float>(total)), losses};
  }
  static tensor_list backward(AutogradContext* ctx, tensor_list grads) {
    const auto saved = ctx->get_saved_variables();
    const Tensor dlogits = saved[2];
    const float scale = grads[0].item<float>();
    Tensor dhidden = at::mm(dlogits, saved[1]);
    Tensor dtable = at::mm(dlogits.t(), saved[0]).to(torch::kFloat32);
    if (scale != 1.0f) {
      dhidden.mul_(scale);
      dtable.mul_(scale);
    }
    return {dhidden, dtable, Tensor(), Tensor()};
  }
};

}  // namespace

Tensor embed(const Tensor& table, const Tensor& ids) { return Embed::apply(table, ids); }

Tensor project(const Tensor& x, const Tensor& weight) { return Linear::apply(x, weight); }

std::pair<Tensor, Tensor> add_rms_norm(const Tensor& residual, const Tensor& branch, const Tensor& weight, double eps,
                                       torch::ScalarType dtype, Dropout dropout) {
  const Tensor added = branch.defined() ? branch : torch::empty({0}, residual.options().dtype(dtype));
  auto out = AddRmsNorm::apply(residual, added, weight, eps, static_cast<int64_t>(dtype), static_cast<double>(dropout.p),
                               static_cast<int64_t>(dropout.key));
  return {out[0], out[1]};
}

Tensor swiglu(const Tensor& gate_up, Dropout dropout) {
  return SwiGlu::apply(gate_up, static_cast<double>(dropout.p), static_cast<int64_t>(dropout.key));
}

Tensor weighted_cross_entropy(const Tensor& hidden, const Tensor& table, const Tensor& targets, const Tensor& weights,
                              Tensor* losses) {
  auto out = CrossEntropy::apply(hidden, table, targets, weights);
  if (losses != nullptr) *losses = out[1];
  return out[0];
}

}  // namespace pent::train
