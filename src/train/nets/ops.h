// The transformer's pieces as differentiable operations. Eager LibTorch would make five or more trips through memory for
// each of them; here each is one trip forward and one back (autograd functions around plain loops), and the matrix
// products go to oneDNN in the dtype of the activations.
//
// N rows = sequences x length. Activations are float32 or bfloat16; the residual stream, norms, softmax and losses are
// always computed in float32, and weights are float32 masters, cast where they are used.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <utility>
#include <vector>

namespace pent::train {

using torch::Tensor;

// Stateless dropout: whether an element falls out is a hash of (key, element index), so that the backward pass needs no
// stored mask and neither threads nor a resume can change it. p == 0: off.
struct Dropout {
  float p = 0;
  uint64_t key = 0;
};

// How the rows are divided into sequences and heads.
struct AttentionShape {
  int64_t batch = 0;
  int64_t length = 0;
  int64_t heads = 0;
  int64_t kv_heads = 0;
  int64_t head_dim = 0;
  bool causal = false;
};

// rows ids[i] of table [V, d] as float32 [N, d].
Tensor embed(const Tensor& table, const Tensor& ids);

// x [N, in] times the transpose of weight [out, in], in x's dtype.
Tensor project(const Tensor& x, const Tensor& weight);

// residual' = residual + dropout(branch); normed = weight * residual' / rms(residual'), in `dtype`.
// An undefined branch stands for zero. Returns {residual', normed}.
std::pair<Tensor, Tensor> add_rms_norm(const Tensor& residual, const Tensor& branch, const Tensor& weight, double eps,
                                       torch::ScalarType dtype, Dropout dropout = {});

// silu(gate) * up of gate_up [N, 2 f] = [gate | up], then dropout: [N, f].
Tensor swiglu(const Tensor& gate_up, Dropout dropout = {});

// cos and sin of position * theta^(-2 i / head_dim): [positions, head_dim], cosines first.
Tensor rope_table(int64_t positions, int64_t head_dim, double theta);

// Rotates q and k of qkv [N, (heads + 2 kv_heads) head_dim] (half form), attends, returns [N, heads head_dim].
// lengths: int32 [batch]; keys at and beyond a sequence's length are not seen.
Tensor rope_attention(const Tensor& qkv, const Tensor& rope, const Tensor& lengths, const AttentionShape& shape);

// sum_i weights[i] * -log softmax(logits[i])[targets[i]], logits = hidden tableᵀ [R, V]; also each row's -log p (float32,
// without gradient) when `losses` is not null.
Tensor weighted_cross_entropy(const Tensor& hidden, const Tensor& table, const Tensor& targets, const Tensor& weights,
                              Tensor* losses = nullptr);

}  // namespace pent::train
