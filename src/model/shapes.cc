// Figures: spec 10 §1, §3, §6 and §11 (the models' config.json).
#include "model/shapes.h"

#include "base/error.h"

namespace pent {

std::span<const PublishedShape> published_shapes() {
  static const PublishedShape kShapes[] = {
      {"smollm2-135m",
       "SmolLM2-135M",
       {.vocab_size = 49152,
        .d_model = 576,
        .n_layers = 30,
        .n_heads = 9,
        .n_kv_heads = 3,
        .head_dim = 64,
        .ffn_dim = 1536,
        .max_positions = 8192,
        .rope_theta = 100000,
        .tied_head = true}},
      {"qwen2.5-0.5b",
       "Qwen2.5-0.5B",
       {.vocab_size = 151936,
        .d_model = 896,
        .n_layers = 24,
        .n_heads = 14,
        .n_kv_heads = 2,
        .head_dim = 64,
        .ffn_dim = 4864,
        .max_positions = 32768,
        .rms_eps = 1e-6f,
        .rope_theta = 1e6,
        .tied_head = true}},
      {"llama-3-8b",
       "Llama-3-8B",
       {.vocab_size = 128256,
        .d_model = 4096,
        .n_layers = 32,
        .n_heads = 32,
        .n_kv_heads = 8,
        .head_dim = 128,
        .ffn_dim = 14336,
        .max_positions = 8192,
        .rope_theta = 5e5}},
      {"llada-8b",
       "LLaDA-8B",
       {.vocab_size = 126464,
        .d_model = 4096,
        .n_layers = 32,
        .n_heads = 32,
        .n_kv_heads = 32,
        .head_dim = 128,
        .ffn_dim = 12288,
        .max_positions = 4096,
        .rope_theta = 5e5}},
      {"llada2-mini",
       "LLaDA2.0-mini (16B-A1.4B)",
       {.family = "llada2",
        .attention = AttentionKind::kBlockCausal,
        .block_size = 32,
        .vocab_size = 157184,
        .d_model = 2048,
        .n_layers = 20,
        .n_heads = 16,
        .n_kv_heads = 4,
        .head_dim = 128,
        .ffn_dim = 5120,
        .max_positions = 32768,
        .moe = {.n_experts = 256,
                .top_k = 8,
                .expert_dim = 512,
                .shared_dim = 512,
                .scores = MoeSpec::Scores::kSigmoid,
                .expert_bias = true,
                .scale = 2.5f,
                .n_groups = 8,
                .top_groups = 4,
                .dense_layers = {0}},
        .rms_eps = 1e-6f,
        .rope_theta = 6e5,
        .rope_dim = 64,
        .qk_norm = true}},
      {"qwen3-30b-a3b",
       "Qwen3-30B-A3B",
       {.family = "qwen3moe",
        .vocab_size = 151936,
        .d_model = 2048,
        .n_layers = 48,
        .n_heads = 32,
        .n_kv_heads = 4,
        .head_dim = 128,
        .ffn_dim = 6144,
        .max_positions = 40960,
        .moe = {.n_experts = 128, .top_k = 8, .expert_dim = 768},
        .rms_eps = 1e-6f,
        .rope_theta = 1e6,
        .qk_norm = true}},
  };
  return kShapes;
}

const PublishedShape& find_published_shape(const std::string& name) {
  std::string known;
  for (const PublishedShape& shape : published_shapes()) {
    if (name == shape.name) return shape;
    known += std::string(known.empty() ? "" : ", ") + shape.name;
  }
  throw error(ErrorKind::kInvalidArgument, "there is no shape '{}'; there are {}", name, known);
}

}  // namespace pent
