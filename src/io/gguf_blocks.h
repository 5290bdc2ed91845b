// Dequantising GGUF's block formats beyond the plain ones of dequantize.cc, bit for bit as the `gguf` package does: each product and
// each difference rounded on its own. Layouts: spec 10 §14.4, docs/formats.md.
#pragma once

#include <cstddef>

namespace pent {

// One block of `block` bytes into its 32 elements.
void dequantize_q5_0(const std::byte* block, float* out);
void dequantize_q5_1(const std::byte* block, float* out);
void dequantize_iq4_nl(const std::byte* block, float* out);
// Into its 256 elements.
void dequantize_q2_k(const std::byte* block, float* out);
void dequantize_q3_k(const std::byte* block, float* out);
void dequantize_q4_k(const std::byte* block, float* out);
void dequantize_q5_k(const std::byte* block, float* out);
void dequantize_q6_k(const std::byte* block, float* out);
void dequantize_iq4_xs(const std::byte* block, float* out);

}  // namespace pent
