// The arithmetic of a forward pass as a table of functions, one table per instruction set.
//
// Three rules make a row's result independent of the batch, of the threads and of where its tile lies:
//  - every output element is one sum in one fixed order, whichever variant of a kernel computes it (tails included);
//  - a matrix's columns and groups are padded when it is packed, so there is no special arithmetic at the borders;
//  - nothing here knows about threads: callers hand out disjoint ranges of rows and panels.
// Instruction sets may differ from each other in the last bits of float work. scalar/ is the specification.
//
// This header is included by files compiled for other instruction sets: no inline functions, no std templates.
#pragma once

#include <stdint.h>

namespace pent::kernels {

inline constexpr int64_t kGroup = 32;          // elements along K that share a scale (design, "Numerics")
inline constexpr int64_t kPanel = 32;          // outputs packed side by side
inline constexpr int64_t kPeakProducts = 768;  // of a round of int8_peak
inline constexpr int64_t kSlotBlock = 16;      // slots of the key store that lie side by side

// A weight matrix [n, k] in float, packed: [panels][k][kPanel], zero-padded to whole panels.
struct MatrixF32 {
  const float* values;
  int64_t n;
  int64_t k;
};

// The same in int8, symmetric per output row and group: w = scale * (value - 128). Values are stored offset by 128 as
// the unsigned operand VNNI wants: [panels][groups][kGroup / 4][kPanel][4]; scales in float16 [panels][groups][kPanel].
struct MatrixQ8 {
  const uint8_t* values;
  const uint16_t* scales;
  int64_t n;
  int64_t groups;
};

// In 4 bits with a scale per output row and group, as GGUF's Q4_0 and Q4_1 store them, without loss: w = scale * (value - 8), or
// with minima w = scale * value + minimum; value 0 … 15. values [panels][groups][kGroup / 4][kPanel / 2][4]: a byte's low half
// belongs to the panel's column c, its high half to column c + 16. scales in float16: [panels][groups][kPanel], or with minima
// [panels][groups][2][kPanel], the minima second.
struct MatrixQ4 {
  const uint8_t* values;
  const uint16_t* scales;
  bool has_minima;
  int64_t n;
  int64_t groups;
};

// Activations quantised per row and group: x = scale * value. offsets = -128 * (sum of the group's values) undoes the
// offset of 8-bit weights and, divided by 16, of 4-bit ones; sums = scale * (that sum) multiplies their minimum. values [rows][groups * kGroup], the
// others [rows][groups].
struct RowsQ8 {
  int8_t* values;
  float* scales;
  int32_t* offsets;
  float* sums;
  int64_t groups;
};

// out[row][panel * kPanel …] for rows [row_begin, row_end) and panels [panel_begin, panel_end); columns beyond n are
// not written. add: out += product instead of out = product.
struct MatmulRange {
  int64_t row_begin;
  int64_t row_end;
  int64_t panel_begin;
  int64_t panel_end;
  bool add;
};

struct KernelSet {
  const char* name;     // "scalar", "avx2", "avx512", "avx512bf16"
  bool (*supported)();  // by this processor

  // x [rows, k] with row stride x_stride.
  void (*matmul_f32)(const MatrixF32& w, const float* x, int64_t x_stride, float* out, int64_t out_stride,
                     const MatmulRange& range);
  // Per group: exact integer sum, then out += float(sum) * (row scale * column scale), groups in ascending order.
  void (*matmul_q8)(const MatrixQ8& w, const RowsQ8& x, float* out, int64_t out_stride, const MatmulRange& range);
  // The same; with minima then out += row sum * column minimum.
  void (*matmul_q4)(const MatrixQ4& w, const RowsQ8& x, float* out, int64_t out_stride, const MatmulRange& range);
  // One row of k floats into row `row` of `out`: scale = max|x| / 127, round to nearest even; the tail is zero-padded.
  // A NaN or infinity makes the group's scale not finite.
  void (*quantize_row)(const float* x, int64_t k, const RowsQ8& out, int64_t row);

  // out = x * weight / sqrt(mean(x^2) + eps). Returns the mean square (not finite if any x is not). out may be x.
  float (*rmsnorm)(const float* x, const float* weight, int64_t n, float eps, float* out);
  // LayerNorm: out = (x - mean(x)) / sqrt(variance(x) + eps) * weight + bias. Returns the variance (not finite if any x is not).
  // out may be x.
  float (*layernorm)(const float* x, const float* weight, const float* bias, int64_t n, float eps, float* out);
  // RoPE, half form, in place: x [heads, 2 * half], cosines and sines [half].
  void (*rope)(float* x, int64_t heads, int64_t half, const float* cosines, const float* sines);
  // out = gate / (1 + exp(-gate)) * up. out may be gate.
  void (*silu_mul)(const float* gate, const float* up, int64_t n, float* out);
  // GELU in its tanh form (arXiv:1606.08415): out = x / (1 + exp(-2 sqrt(2 / pi) (x + 0.044715 x^3))). out may be x.
  void (*gelu)(const float* x, int64_t n, float* out);

  // scores[r][slot - begin] = scale * <queries[r], key of slot> for slots [begin, end).
  // keys: [blocks][head_dim][kSlotBlock], blocks of kSlotBlock slots from slot 0.
  void (*attention_scores)(const float* const* queries, int64_t rows, const float* keys, int64_t head_dim,
                           int64_t begin, int64_t end, float scale, float* const* scores);
  // x = exp(x - max(x)) in place; returns the sum (n >= 1).
  float (*softmax_exp)(float* x, int64_t n);
  // out[r] += sum over slots [begin, end) of weights[r][slot - begin] * value of slot. values [slots][padded head_dim],
  // out[r] has padded head_dim floats (a multiple of 16).
  void (*attention_values)(const float* const* weights, int64_t rows, const float* values, int64_t padded_head_dim,
                           int64_t begin, int64_t end, float* const* out);

  // The same over a store in bfloat16, which halves the memory read, with products in float32. Two neighbours lie together, as
  // the processors' pair products want them: keys [blocks][head_dim / 2][kSlotBlock][2] and queries [rows][head_dim / 2][2]
  // (an odd head_dim padded with a zero); values [slots / 2][padded head_dim][2]. A range cut in two pieces at an even slot
  // gives the same bits as the whole.
  void (*attention_scores_bf16)(const uint16_t* const* queries, int64_t rows, const uint16_t* keys, int64_t head_pairs,
                                int64_t begin, int64_t end, float scale, float* const* scores);
  void (*attention_values_bf16)(const uint16_t* const* weights, int64_t rows, const uint16_t* values,
                                int64_t padded_head_dim, int64_t begin, int64_t end, float* const* out);
  // To nearest even; NaN stays NaN.
  void (*to_bf16)(const float* x, int64_t n, uint16_t* out);

  // Does nothing but int8 products, as densely as the set can: rounds * kPeakProducts multiply-adds. The result only keeps the
  // compiler from leaving them out.
  int32_t (*int8_peak)(int64_t rounds);

  // The index of the largest x, the lowest among equals; n >= 1. *finite: that no x is NaN or infinite. With a NaN the index means
  // nothing.
  int64_t (*arg_max)(const float* x, int64_t n, bool* finite);
  // Sum of exp(x - max) in double; the weighted one also gives the sum of exp(x - max) * (x - max).
  // -infinity adds nothing.
  double (*exp_sum)(const float* x, int64_t n, float max);
  double (*exp_sum_weighted)(const float* x, int64_t n, float max, double* weighted);
  // out = exp((x - max) / temperature), in double to a few units in the last place; x <= max, -infinity gives 0.
  void (*exp_tempered)(const float* x, int64_t n, float max, float temperature, double* out);
};

// Every set this build contains, scalar first; the last supported one is the fastest.
struct KernelSetList {
  const KernelSet* const* sets;
  int count;
};
KernelSetList all_kernel_sets();

// The set in use: the fastest supported one, or the one named by PENT_ISA (read once; throws kInvalidArgument for an
// unknown name, kUnsupported for one this processor lacks).
const KernelSet& active_kernel_set();

namespace scalar {
extern const KernelSet kKernels;
}
namespace avx2 {
extern const KernelSet kKernels;
}
namespace avx512 {
extern const KernelSet kKernels;
}
namespace avx512bf16 {
extern const KernelSet kKernels;
}

}  // namespace pent::kernels
