// The inner loops of the fused operations, over one row each. They are plain C++, compiled once per instruction set
// (rows_*.cc, flags in CMakeLists.txt) and chosen at start: GCC vectorises them only when the whole file may use the wide
// registers. T is float, or uint16_t for the bits of a bfloat16; everything is computed in float32.
#pragma once

#include <cstdint>

namespace pent::train {

// Stateless dropout of one operation: element i stays when hash(low, high, i) >= threshold, then times scale.
struct DropoutBits {
  uint32_t low = 0, high = 0, threshold = 0;
  float scale = 1;
};

template <typename T>
struct RowLoops {
  // One head's row rotated by its position's angles (cosines, then sines; direction -1: back); a copy when cosines is null.
  void (*rotate)(const T* in, const float* cosines, float direction, int64_t head_dim, T* out);

  // Scores to probabilities in place, of scale * row; keys from `limit` on get 0.
  void (*softmax)(T* row, int64_t limit, int64_t length, float scale);
  // dscores = scale * p * (dp - sum(p dp)), written over dp.
  void (*softmax_backward)(const T* p, T* dp, int64_t length, float scale);

  // sum = residual + dropout(branch); normed = sum * inverse_rms * weight. `branch` and `drop` may be null.
  void (*norm)(const float* residual, const T* branch, const float* weight, int64_t d, float eps, const DropoutBits* drop,
               uint32_t index, float* sum, T* normed, float* inverse_rms);
  // Adds to dweight; dbranch may be null, dx_through (the gradient that reached `sum` directly) too.
  void (*norm_backward)(const float* x, const T* dy, const float* dx_through, const float* weight, int64_t d,
                        float inverse_rms, const DropoutBits* drop, uint32_t index, float* dx, T* dbranch, float* dweight);

  // out = dropout(silu(gate) * up)
  void (*swiglu)(const T* gate, const T* up, int64_t f, const DropoutBits* drop, uint32_t index, T* out);
  void (*swiglu_backward)(const T* gate, const T* up, const T* dy, int64_t f, const DropoutBits* drop, uint32_t index,
                          T* dgate, T* dup);

  // Logits to weight * (softmax - onehot(target)) in place; returns -log softmax[target].
  float (*cross_entropy)(T* logits, int64_t v, int64_t target, float weight);
};

// The set for this machine.
template <typename T>
const RowLoops<T>& row_loops();

}  // namespace pent::train
