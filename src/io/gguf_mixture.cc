// Which tensor gets which type: the conventions of llama.cpp's llama-quantize, but for its special cases for models of 8 experts
// and of 70 billion parameters. In short: the head (and an embedding tied to it) is Q6_K at least, vectors and routers stay
// float32, and the mixtures of K-quants give more bits to V and to the second half of the feed-forward net where experience
// says it pays: at both ends of the model, and in every third layer between.
#include "io/gguf_mixture.h"

#include <charconv>

namespace pent {
namespace {

constexpr GgufMixture kMixtures[] = {
    {"f32", DType::kF32, 0, "float32"},
    {"f16", DType::kF16, 1, "float16"},
    {"bf16", DType::kBF16, 32, "bfloat16"},
    {"q8_0", DType::kQ8_0, 7, "8 bits"},
    {"q6_k", DType::kQ6_K, 18, "6 bits"},
    {"q5_k_m", DType::kQ5_K, 17, "5 bits, 6 where it pays"},
    {"q5_k_s", DType::kQ5_K, 16, "5 bits"},
    {"q5_1", DType::kQ5_1, 9, "5 bits, with minima"},
    {"q5_0", DType::kQ5_0, 8, "5 bits"},
    {"q4_k_m", DType::kQ4_K, 15, "4 bits, 6 where it pays"},
    {"q4_k_s", DType::kQ4_K, 14, "4 bits, 5 where it pays most"},
    {"q4_1", DType::kQ4_1, 3, "4 bits, with minima; computed with as they are"},
    {"q4_0", DType::kQ4_0, 2, "4 bits; computed with as they are"},
};

bool ends_with_any(std::string_view name, std::initializer_list<std::string_view> ends) {
  for (const std::string_view end : ends) {
    if (name.ends_with(end)) return true;
  }
  return false;
}

// N of "blk.N.…", or 0.
int layer_of(std::string_view name) {
  constexpr std::string_view kPrefix = "blk.";
  int layer = 0;
  if (name.starts_with(kPrefix)) std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), layer);
  return layer;
}

// The outer eighths, and every third layer between them.
bool gets_more_bits(int layer, int layers) {
  return layer < layers / 8 || layer >= 7 * layers / 8 || (layer - layers / 8) % 3 == 2;
}

DType wanted(const GgufMixture& mixture, std::string_view name, int layers, bool tied_head) {
  const std::string_view mix = mixture.name;
  const bool is_blocks = dtype_info(mixture.type).block_size > 1;
  if (name == "output.weight" || (tied_head && name == "token_embd.weight"))
    return is_blocks && mixture.type != DType::kQ8_0 ? DType::kQ6_K : mixture.type;
  const int layer = layer_of(name);
  const bool is_value = name.ends_with("attn_v.weight"), is_fused = name.ends_with("attn_qkv.weight");
  const bool is_down = ends_with_any(name, {"ffn_down.weight", "ffn_down_exps.weight", "ffn_down_shexp.weight"});
  if (mix == "q4_k_m" || mix == "q5_k_m") {
    if (is_fused) return mix == "q4_k_m" ? DType::kQ5_K : DType::kQ6_K;
    if ((is_value || is_down) && gets_more_bits(layer, layers)) return DType::kQ6_K;
  }
  if (mix == "q4_k_s" && ((is_value && layer < 4) || (is_down && layer < layers / 8))) return DType::kQ5_K;
  return mixture.type;
}

// A type with blocks of 32 for one with blocks of 256, of as many bits or one more; F16 below.
DType fitting(DType type, int64_t width) {
  if (width % dtype_info(type).block_size == 0) return type;
  const DType smaller = type == DType::kQ4_K   ? DType::kQ5_0
                        : type == DType::kQ5_K ? DType::kQ5_1
                        : type == DType::kQ6_K ? DType::kQ8_0
                                               : DType::kF16;
  return width % dtype_info(smaller).block_size == 0 ? smaller : DType::kF16;
}

}  // namespace

std::span<const GgufMixture> gguf_mixtures() { return kMixtures; }

const GgufMixture* find_gguf_mixture(std::string_view name) {
  for (const GgufMixture& mixture : kMixtures) {
    if (name == mixture.name) return &mixture;
  }
  return nullptr;
}

uint32_t file_type_of(DType type) {
  switch (type) {  // those that are not written, too
    case DType::kQ2_K: return 10;
    case DType::kQ3_K: return 12;
    case DType::kIQ4_NL: return 25;
    case DType::kIQ4_XS: return 30;
    default: break;
  }
  for (const GgufMixture& mixture : kMixtures) {
    if (mixture.type == type) return mixture.file_type;
  }
  return 0;
}

bool is_quantized_in_gguf(std::string_view name, const std::vector<int64_t>& shape) {
  return shape.size() >= 2 && name.ends_with("weight") &&
         !ends_with_any(name, {"_norm.weight", "ffn_gate_inp.weight", "position_embd.weight", "token_types.weight"});
}

DType type_in_mixture(const GgufMixture& mixture, std::string_view name, const std::vector<int64_t>& shape, int layers,
                      bool tied_head) {
  if (!is_quantized_in_gguf(name, shape)) return DType::kF32;
  return fitting(wanted(mixture, name, layers, tied_head), shape.back());
}

}  // namespace pent
