// The tensors that a spec calls for, in whichever container: what `pent synth` draws and `pent convert` moves.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/families/family.h"
#include "model/spec.h"

namespace pent {

struct TensorSlot {
  enum class Role { kEmbedding, kPositions, kHead, kNorm, kBias, kMatrix, kRouter, kExpertBias };

  Role role;
  int layer;                   // -1: outside the blocks
  const char* pattern;         // {}: the layer, then the expert
  std::vector<int64_t> shape;  // [out, in]; of one expert
  int experts = 0;             // so many of these; 0: the tensor is none of an expert's
  bool rope_rows = false;      // rows are the channels of heads that RoPE turns
  bool transposed = false;     // stored as [in, out]

  std::string name(int expert = 0) const;
  std::vector<int64_t> stored_shape() const;  // of one expert
};

// Under these names. Two containers of one model give lists that correspond slot by slot.
std::vector<TensorSlot> tensor_slots(const ModelSpec& spec, const TensorNames& names);

// Whether a tensor of this name, which no slot has, says nothing that a model needs: rotary tables, masks of causal attention,
// the copy of the embedding that some writers make of a tied head.
bool is_redundant_tensor(std::string_view name, const ModelSpec& spec, const TensorNames& names);

// The rows of Q and K within a head, in the order of interleaved RoPE (pairs of neighbours turn) or of the half form (row i
// turns with row i + head_dim / 2); see TensorNames::interleaved_rope. Where row `row` of the one order stands in the other.
inline int64_t row_in_interleaved(int64_t row_of_half_form, int64_t head_dim) {
  const int64_t within = row_of_half_form % head_dim, half = head_dim / 2;
  return row_of_half_form - within + within % half * 2 + within / half;
}
inline int64_t row_in_half_form(int64_t interleaved_row, int64_t head_dim) {
  const int64_t within = interleaved_row % head_dim;
  return interleaved_row - within + within % 2 * (head_dim / 2) + within / 2;
}

}  // namespace pent
