// Rotary position embedding and attention, forward and backward, as one operation. Scores are bf16 (or f32) products by
// oneDNN over all sequences and heads at once; rotation, masking, softmax and layout changes are single passes between
// them. Query heads that share a key head are stacked, so grouped-query attention needs no copy of keys.
#include <cmath>

#include "base/error.h"
#include "train/nets/ops.h"
#include "train/nets/rows.h"

namespace pent::train {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::tensor_list;

// Moves one group of heads between rows [batch length, stride] (heads at column `offset`) and [batch heads, length,
// head_dim]. `rope` null: no rotation.
template <typename T>
void gather_heads(T* rows, int64_t stride, int64_t offset, int64_t heads, const AttentionShape& s, const float* rope,
                  float direction, T* packed, bool into_rows) {
  at::parallel_for(0, s.batch * s.length, 32, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t b = row / s.length, l = row % s.length;
      const float* cosines = rope == nullptr ? nullptr : rope + l * s.head_dim;
      for (int64_t h = 0; h < heads; ++h) {
        T* wide = rows + row * stride + offset + h * s.head_dim;
        T* narrow = packed + ((b * heads + h) * s.length + l) * s.head_dim;
        row_loops<T>().rotate(into_rows ? narrow : wide, cosines, direction, s.head_dim, into_rows ? wide : narrow);
      }
    }
  });
}

// The loops of one dtype.
template <typename T>
struct Pass {
  const AttentionShape& s;
  int64_t query_width() const { return s.heads * s.head_dim; }
  int64_t width() const { return (s.heads + 2 * s.kv_heads) * s.head_dim; }
  static T* at(const Tensor& tensor) { return static_cast<T*>(tensor.data_ptr()); }

  void split(const Tensor& qkv, const float* rope, const Tensor& q, const Tensor& k, const Tensor& v) const {
    gather_heads<T>(at(qkv), width(), 0, s.heads, s, rope, 1, at(q), false);
    gather_heads<T>(at(qkv), width(), query_width(), s.kv_heads, s, rope, 1, at(k), false);
    gather_heads<T>(at(qkv), width(), query_width() + s.kv_heads * s.head_dim, s.kv_heads, s, nullptr, 1, at(v), false);
  }
  void join(const Tensor& dqkv, const float* rope, const Tensor& dq, const Tensor& dk, const Tensor& dv) const {
    gather_heads<T>(at(dqkv), width(), 0, s.heads, s, rope, -1, at(dq), true);
    gather_heads<T>(at(dqkv), width(), query_width(), s.kv_heads, s, rope, -1, at(dk), true);
    gather_heads<T>(at(dqkv), width(), query_width() + s.kv_heads * s.head_dim, s.kv_heads, s, nullptr, -1, at(dv), true);
  }
  void pack_output(const Tensor& rows, const Tensor& packed, bool into_rows) const {
    gather_heads<T>(at(rows), query_width(), 0, s.heads, s, nullptr, 1, at(packed), into_rows);
  }
  void softmax(const Tensor& scores, const int32_t* lengths) const {
    const float scale = 1.0f / std::sqrt(static_cast<float>(s.head_dim));
    T* z = at(scores);
    at::parallel_for(0, s.batch * s.heads * s.length, 16, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        const int64_t b = row / (s.heads * s.length), l = row % s.length;
        const int64_t seen = s.causal ? std::min<int64_t>(lengths[b], l + 1) : lengths[b];
        row_loops<T>().softmax(z + row * s.length, seen, s.length, scale);
      }
    });
  }
  void softmax_backward(const Tensor& p, const Tensor& dp) const {
    const float scale = 1.0f / std::sqrt(static_cast<float>(s.head_dim));
    at::parallel_for(0, s.batch * s.heads * s.length, 16, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row)
        row_loops<T>().softmax_backward(at(p) + row * s.length, at(dp) + row * s.length, s.length, scale);
    });
  }
};

template <typename Body>
void with_pass(torch::ScalarType dtype, const AttentionShape& shape, Body&& body) {
  if (dtype == torch::kBFloat16) {
    body(Pass<uint16_t>{shape});
  } else {
    PENT_CHECK(dtype == torch::kFloat32);
    body(Pass<float>{shape});
  }
}

AttentionShape shape_from(const std::vector<int64_t>& n) {
  return {.batch = n[0], .length = n[1], .heads = n[2], .kv_heads = n[3], .head_dim = n[4], .causal = n[5] != 0};
}

struct RopeAttention : Function<RopeAttention> {
  static Tensor forward(AutogradContext* ctx, const Tensor& qkv, const Tensor& rope, const Tensor& lengths,
                        std::vector<int64_t> numbers) {
    const AttentionShape s = shape_from(numbers);
    const auto options = qkv.options();
    const int64_t groups = s.batch * s.kv_heads, stacked = s.heads / s.kv_heads * s.length;
    Tensor q = torch::empty({groups, stacked, s.head_dim}, options);
    Tensor k = torch::empty({groups, s.length, s.head_dim}, options), v = torch::empty_like(k);
    Tensor out = torch::empty({s.batch * s.length, s.heads * s.head_dim}, options);
    Tensor p;
    with_pass(qkv.scalar_type(), s, [&](const auto& pass) {
      pass.split(qkv, rope.data_ptr<float>(), q, k, v);
      p = at::bmm(q, k.transpose(1, 2));  // [groups, stacked, length]
      pass.softmax(p, lengths.data_ptr<int32_t>());
      pass.pack_output(out, at::bmm(p, v), true);
    });
    ctx->save_for_backward({q, k, v, p, rope});
    ctx->saved_data["shape"] = numbers;
    return out;
  }
  static tensor_list backward(AutogradContext* ctx, tensor_list grads) {
    const auto saved = ctx->get_saved_variables();
    const Tensor &q = saved[0], &k = saved[1], &v = saved[2], &p = saved[3], &rope = saved[4];
    const AttentionShape s = shape_from(ctx->saved_data["shape"].toIntVector());
    const Tensor dy = grads[0].contiguous();
    Tensor dout = torch::empty_like(q);
    Tensor dqkv = torch::empty({s.batch * s.length, (s.heads + 2 * s.kv_heads) * s.head_dim}, q.options());
    with_pass(q.scalar_type(), s, [&](const auto& pass) {
      pass.pack_output(dy, dout, false);
      Tensor dscores = at::bmm(dout, v.transpose(1, 2));
      pass.softmax_backward(p, dscores);
      const Tensor dq = at::bmm(dscores, k), dk = at::bmm(dscores.transpose(1, 2), q), dv = at::bmm(p.transpose(1, 2), dout);
      pass.join(dqkv, rope.data_ptr<float>(), dq.contiguous(), dk.contiguous(), dv.contiguous());
    });
    return {dqkv, Tensor(), Tensor(), Tensor()};
  }
};

}  // namespace

Tensor rope_table(int64_t positions, int64_t head_dim, double theta) {
  Tensor table = torch::empty({positions, head_dim}, torch::kFloat32);
  float* out = table.data_ptr<float>();
  for (int64_t p = 0; p < positions; ++p) {
    for (int64_t i = 0; i < head_dim / 2; ++i) {
      const double angle = static_cast<double>(p) * std::pow(theta, -2.0 * static_cast<double>(i) / static_cast<double>(head_dim));
      out[p * head_dim + i] = static_cast<float>(std::cos(angle));
      out[p * head_dim + head_dim / 2 + i] = static_cast<float>(std::sin(angle));
    }
  }
  return table;
}

Tensor rope_attention(const Tensor& qkv, const Tensor& rope, const Tensor& lengths, const AttentionShape& shape) {
  PENT_CHECK(shape.heads % shape.kv_heads == 0 && rope.size(0) >= shape.length);
  return RopeAttention::apply(qkv, rope, lengths,
                              std::vector<int64_t>{shape.batch, shape.length, shape.heads, shape.kv_heads, shape.head_dim,
                                                   shape.causal ? 1 : 0});
}

}  // namespace pent::train
