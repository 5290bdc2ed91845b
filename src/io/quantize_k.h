// GGUF's blocks of 256, found by search: their formats say how a block is read, not how it is made.
#pragma once

#include <cstddef>

namespace pent {

// 256 values into one block. Parts of 32 (Q6_K: 16) get the scale and minimum of least weighted square error, starting from
// several ranges; then these are rounded to the block's own scales, and the values to them.
void quantize_q4_k(const float* values, std::byte* block);
void quantize_q5_k(const float* values, std::byte* block);
void quantize_q6_k(const float* values, std::byte* block);

}  // namespace pent
