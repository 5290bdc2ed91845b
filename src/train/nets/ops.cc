// Fused forward and backward of norm, feed-forward, loss and embedding (nets/ops.h). Gradients of the norm's weight are
// summed over chunks of rows whose borders do not depend on the thread count.
#include "train/nets/ops.h"


#include "base/error.h"
#include "train/nets/rows.h"

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

DropoutBits dropout_bits(const Dropout& dropout) {
  return {.low = static_cast<uint32_t>(dropout.key),
          .high = static_cast<uint32_t>(dropout.key >> 32),
          .threshold = static_cast<uint32_t>(dropout.p * 4294967296.0),
          .scale = 1.0f / (1.0f - dropout.p)};
}

// ---- add + RMSNorm -------------------------------------------------------------------------------------------------

struct AddRmsNorm : Function<AddRmsNorm> {
  static tensor_list forward(AutogradContext* ctx, const Tensor& residual, const Tensor& branch, const Tensor& weight,
                             double eps, int64_t dtype, double p, int64_t key) {
    const int64_t n = residual.size(0), d = residual.size(1);
    const auto type = static_cast<torch::ScalarType>(dtype);
    const Dropout dropout{static_cast<float>(p), static_cast<uint64_t>(key)};
    Tensor sum = torch::empty_like(residual);
    Tensor normed = torch::empty({n, d}, residual.options().dtype(type));
    Tensor inverse_rms = torch::empty({n}, residual.options());
    const DropoutBits bits = dropout_bits(dropout);
    with_dtype(type, [&](auto element) {
      using T = decltype(element);
      const RowLoops<T>& loops = row_loops<T>();
      const float* in = data<float>(residual);
      const T* add = data<T>(branch);
      const float* w = data<float>(weight);
      float* out = data<float>(sum);
      T* y = data<T>(normed);
      float* r = data<float>(inverse_rms);
      at::parallel_for(0, n, kRowGrain, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i)
          loops.norm(in + i * d, add ? add + i * d : nullptr, w, d, static_cast<float>(eps), p > 0 ? &bits : nullptr,
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
    const DropoutBits bits = dropout_bits(Dropout{static_cast<float>(p), static_cast<uint64_t>(ctx->saved_data["key"].toInt())});
    const Tensor through = grads[0].defined() ? grads[0].contiguous() : Tensor();
    const Tensor dy = grads[1].contiguous();
    Tensor dx = torch::empty_like(x);
    Tensor dbranch;
    if (ctx->saved_data["branch"].toBool()) dbranch = torch::empty({n, d}, dy.options());
    const int64_t chunks = (n + kRowGrain - 1) / kRowGrain;
    Tensor partial = torch::zeros({chunks, d}, x.options());
    with_dtype(dy.scalar_type(), [&](auto element) {
      using T = decltype(element);
      const RowLoops<T>& loops = row_loops<T>();
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
          loops.norm_backward(xs + i * d, g + i * d, pass ? pass + i * d : nullptr, w, d, r[i], p > 0 ? &bits : nullptr,
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

struct SwiGlu : Function<SwiGlu> {
  static Tensor forward(AutogradContext* ctx, const Tensor& gate_up, double p, int64_t key) {
    const int64_t n = gate_up.size(0), f = gate_up.size(1) / 2;
    const DropoutBits bits = dropout_bits(Dropout{static_cast<float>(p), static_cast<uint64_t>(key)});
    Tensor out = torch::empty({n, f}, gate_up.options());
    with_dtype(gate_up.scalar_type(), [&](auto element) {
      using T = decltype(element);
      const RowLoops<T>& loops = row_loops<T>();
      const T* in = data<T>(gate_up);
      T* y = data<T>(out);
      at::parallel_for(0, n, kRowGrain, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i)
          loops.swiglu(in + 2 * i * f, in + (2 * i + 1) * f, f, p > 0 ? &bits : nullptr, static_cast<uint32_t>(i * f), y + i * f);
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
    const DropoutBits bits = dropout_bits(Dropout{static_cast<float>(p), static_cast<uint64_t>(ctx->saved_data["key"].toInt())});
    Tensor out = torch::empty_like(gate_up);
    with_dtype(gate_up.scalar_type(), [&](auto element) {
      using T = decltype(element);
      const RowLoops<T>& loops = row_loops<T>();
      const T* in = data<T>(gate_up);
      const T* g = data<T>(dy);
      T* dx = data<T>(out);
      at::parallel_for(0, n, kRowGrain, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i)
          loops.swiglu_backward(in + 2 * i * f, in + (2 * i + 1) * f, g + i * f, f, p > 0 ? &bits : nullptr,
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
      const RowLoops<T>& loops = row_loops<T>();
      T* z = data<T>(logits);
      at::parallel_for(0, n, 8, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) loss[i] = loops.cross_entropy(z + i * v, v, target[i], weight[i]);
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
