// The types a GGUF model can be written in, by the names that users of llama-quantize know, and which of its tensors gets which.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "io/tensor_view.h"

namespace pent {

struct GgufMixture {
  const char* name;    // "q4_k_m"
  DType type;          // of most matrices
  uint32_t file_type;  // general.file_type
  const char* summary;
};

std::span<const GgufMixture> gguf_mixtures();
const GgufMixture* find_gguf_mixture(std::string_view name);  // nullptr: none of that name

// The number for general.file_type when a file's matrices stay as they are: that of the plainest mixture with this type.
uint32_t file_type_of(DType type);

// What a tensor of this GGUF name and shape becomes, in a model of `layers` layers whose head is tied to the embedding or not.
// Vectors, routers and what is no weight: F32. A width that the blocks of a type do not divide gets a type with smaller
// blocks, or F16.
DType type_in_mixture(const GgufMixture& mixture, std::string_view name, const std::vector<int64_t>& shape, int layers,
                      bool tied_head);

// Whether the tensor is one that mixtures decide about; all others are F32.
bool is_quantized_in_gguf(std::string_view name, const std::vector<int64_t>& shape);

}  // namespace pent
