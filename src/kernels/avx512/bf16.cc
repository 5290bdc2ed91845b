// The pair products of AVX512_BF16: this file alone is compiled for them.
#include "kernels/avx512/bf16.h"

#include "kernels/avx512/attention_bf16.h"

namespace pent::kernels::avx512 {
namespace {

struct NativePairs {
  static __m512 dot(__m512 sum, __m512i a, __m512i b) {
    return _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(a), reinterpret_cast<__m512bh>(b));
  }
};

}  // namespace

void bf16_scores(const uint16_t* const* queries, int64_t rows, const uint16_t* keys, int64_t head_pairs, int64_t begin,
                 int64_t end, float scale, float* const* scores) {
  scores_bf16<NativePairs>(queries, rows, keys, head_pairs, begin, end, scale, scores);
}

void bf16_values(const uint16_t* const* weights, int64_t rows, const uint16_t* values, int64_t padded_head_dim,
                 int64_t begin, int64_t end, float* const* out) {
  values_bf16<NativePairs>(weights, rows, values, padded_head_dim, begin, end, out);
}

}  // namespace pent::kernels::avx512
