#include "io/gguf_mixture.h"

#include <gtest/gtest.h>

#include <set>

#include "io/quantize.h"

namespace pent {
namespace {

DType type_of(const char* mixture, const std::string& name, std::vector<int64_t> shape = {512, 512},
              bool tied = false) {
  return type_in_mixture(*find_gguf_mixture(mixture), name, shape, 32, tied);
}

TEST(GgufMixture, NamesAndNumbersAreDistinctAndEveryTypeCanBeWritten) {
  std::set<std::string> names;
  std::set<uint32_t> numbers;
  for (const GgufMixture& mixture : gguf_mixtures()) {
    EXPECT_TRUE(names.insert(mixture.name).second) << mixture.name;
    EXPECT_TRUE(numbers.insert(mixture.file_type).second) << mixture.name;
    EXPECT_TRUE(can_quantize(mixture.type)) << mixture.name;
    EXPECT_EQ(find_gguf_mixture(mixture.name), &mixture);
  }
  EXPECT_EQ(find_gguf_mixture("q9_0"), nullptr);
}

TEST(GgufMixture, VectorsNormsAndRoutersStayFloat32) {
  for (const char* mixture : {"f16", "q8_0", "q4_k_m"}) {
    EXPECT_EQ(type_of(mixture, "blk.0.attn_norm.weight", {512}), DType::kF32);
    EXPECT_EQ(type_of(mixture, "blk.0.attn_q_norm.weight", {4, 128}), DType::kF32);
    EXPECT_EQ(type_of(mixture, "blk.0.attn_q.bias", {512}), DType::kF32);
    EXPECT_EQ(type_of(mixture, "blk.0.ffn_gate_inp.weight", {64, 512}), DType::kF32);
  }
}

TEST(GgufMixture, TheHeadHasSixBitsAtLeast) {
  EXPECT_EQ(type_of("q4_0", "output.weight"), DType::kQ6_K);
  EXPECT_EQ(type_of("q4_0", "token_embd.weight"), DType::kQ4_0);
  EXPECT_EQ(type_of("q4_0", "token_embd.weight", {512, 512}, /*tied=*/true), DType::kQ6_K);
  EXPECT_EQ(type_of("q8_0", "output.weight"), DType::kQ8_0);
  EXPECT_EQ(type_of("bf16", "output.weight"), DType::kBF16);
}

// As llama-quantize does it for 32 layers: 0-3, 6, 9, …, 27 and 28-31.
TEST(GgufMixture, MediumMixturesGiveMoreBitsToSomeLayers) {
  int more = 0;
  for (int layer = 0; layer < 32; ++layer) {
    const std::string block = "blk." + std::to_string(layer) + ".";
    const DType down = type_of("q4_k_m", block + "ffn_down.weight");
    EXPECT_EQ(type_of("q4_k_m", block + "attn_v.weight"), down);
    EXPECT_EQ(type_of("q4_k_m", block + "ffn_down_exps.weight", {8, 512, 512}), down);
    EXPECT_EQ(type_of("q4_k_m", block + "ffn_up.weight"), DType::kQ4_K);
    EXPECT_EQ(type_of("q4_k_m", block + "attn_qkv.weight"), DType::kQ5_K);
    EXPECT_EQ(type_of("q4_k_s", block + "attn_v.weight"), layer < 4 ? DType::kQ5_K : DType::kQ4_K);
    EXPECT_EQ(type_of("q5_k_s", block + "attn_v.weight"), DType::kQ5_K);
    if (down == DType::kQ6_K) ++more;
    if (layer < 4 || layer == 6 || layer == 27 || layer >= 28) {
      EXPECT_EQ(down, DType::kQ6_K) << layer;
    }
    if (layer == 4 || layer == 5 || layer == 7) {
      EXPECT_EQ(down, DType::kQ4_K) << layer;
    }
  }
  EXPECT_EQ(more, 16);
}

TEST(GgufMixture, WidthsThatBlocksDoNotDivideGetSmallerBlocks) {
  EXPECT_EQ(type_of("q4_k_m", "blk.9.ffn_up.weight", {64, 576}), DType::kQ5_0);
  EXPECT_EQ(type_of("q5_k_m", "blk.9.ffn_up.weight", {64, 576}), DType::kQ5_1);
  EXPECT_EQ(type_of("q6_k", "blk.9.ffn_up.weight", {64, 576}), DType::kQ8_0);
  EXPECT_EQ(type_of("q4_k_m", "blk.9.ffn_up.weight", {64, 48}), DType::kF16);
  EXPECT_EQ(type_of("q4_0", "blk.9.ffn_up.weight", {64, 48}), DType::kF16);
  EXPECT_EQ(type_of("q4_0", "output.weight", {64, 96}), DType::kQ8_0);
}

}  // namespace
}  // namespace pent
