// The config.json of published models, and what is said of one with a key replaced.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "base/error.h"
#include "model/denoiser.h"
#include "model/families/config.h"

namespace pent::test {

// What a config is read with where no tensor matters.
class NoWeights : public WeightSource {
 public:
  std::vector<std::string> names() const override { return {}; }
  const TensorView* find(std::string_view) const override { return nullptr; }
  std::string describe() const override { return "no weights"; }
  void check_intact() const override {}
};

inline ModelFiles with_config(const char* json) {
  ModelFiles files;
  files.weights = std::make_shared<NoWeights>();
  files.where = "somewhere";
  files.config = parse_json(json, "config.json");
  return files;
}

inline constexpr const char* kLlada8b =
    R"({"architectures": ["LLaDAModelLM"], "model_type": "llada", "d_model": 4096, "n_layers": 32,
  "n_heads": 32, "n_kv_heads": 32, "mlp_hidden_size": 12288, "mlp_ratio": 4, "vocab_size": 126464, "embedding_size": 126464,
  "max_sequence_length": 4096, "rope": true, "rope_theta": 500000.0, "rms_norm_eps": 1e-05, "layer_norm_type": "rms",
  "activation_type": "silu", "block_type": "llama", "block_group_size": 1, "alibi": false, "weight_tying": false,
  "mask_token_id": 126336, "eos_token_id": 126081, "pad_token_id": 126081, "multi_query_attention": null})";

inline constexpr const char* kSmolLm2 =
    R"({"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 576,
  "num_hidden_layers": 30, "num_attention_heads": 9, "num_key_value_heads": 3, "intermediate_size": 1536, "vocab_size": 49152,
  "max_position_embeddings": 8192, "rope_theta": 100000, "rope_scaling": null, "rms_norm_eps": 1e-05, "hidden_act": "silu",
  "attention_bias": false, "tie_word_embeddings": true, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 2})";

inline constexpr const char* kQwen25 =
    R"({"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "hidden_size": 896,
  "num_hidden_layers": 24, "num_attention_heads": 14, "num_key_value_heads": 2, "intermediate_size": 4864, "vocab_size": 151936,
  "max_position_embeddings": 32768, "rope_theta": 1000000.0, "rms_norm_eps": 1e-06, "hidden_act": "silu",
  "use_sliding_window": false, "sliding_window": 32768, "max_window_layers": 21, "tie_word_embeddings": true,
  "bos_token_id": 151643, "eos_token_id": 151645})";

inline constexpr const char* kQwen3 =
    R"({"architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "hidden_size": 1024, "head_dim": 128,
  "num_hidden_layers": 28, "num_attention_heads": 16, "num_key_value_heads": 8, "intermediate_size": 3072, "vocab_size": 151936,
  "max_position_embeddings": 40960, "rope_theta": 1000000, "rope_scaling": null, "rms_norm_eps": 1e-06, "hidden_act": "silu",
  "attention_bias": false, "use_sliding_window": false, "sliding_window": null, "tie_word_embeddings": true,
  "bos_token_id": 151643, "eos_token_id": 151645})";

inline constexpr const char* kDream =
    R"({"architectures": ["DreamModel"], "model_type": "Dream", "hidden_size": 3584, "num_hidden_layers": 28,
  "num_attention_heads": 28, "num_key_value_heads": 4, "intermediate_size": 18944, "vocab_size": 152064,
  "max_position_embeddings": 131072, "rope_theta": 1000000.0, "rope_scaling": null, "rms_norm_eps": 1e-06, "hidden_act": "silu",
  "use_sliding_window": false, "sliding_window": null, "tie_word_embeddings": false, "mask_token_id": 151666,
  "bos_token_id": 151643, "eos_token_id": 151643, "pad_token_id": 151643})";

inline constexpr const char* kSdar =
    R"({"architectures": ["SDARForCausalLM"], "model_type": "sdar", "hidden_size": 2048, "head_dim": 128,
  "num_hidden_layers": 28, "num_attention_heads": 16, "num_key_value_heads": 8, "intermediate_size": 6144, "vocab_size": 151936,
  "max_position_embeddings": 32768, "rope_theta": 1000000, "rope_scaling": null, "rms_norm_eps": 1e-06, "hidden_act": "silu",
  "attention_bias": false, "use_sliding_window": false, "tie_word_embeddings": false, "fuse_cross_entropy": true,
  "bos_token_id": 151643, "eos_token_id": 151643, "pad_token_id": 151643})";

inline constexpr const char* kFastDllmV2 =
    R"({"architectures": ["Fast_dLLM_QwenForCausalLM"], "model_type": "Fast_dLLM_Qwen", "hidden_size": 3584,
  "num_hidden_layers": 28, "num_attention_heads": 28, "num_key_value_heads": 4, "intermediate_size": 18944, "vocab_size": 152064,
  "max_position_embeddings": 32768, "rope_theta": 1000000.0, "rms_norm_eps": 1e-06, "hidden_act": "silu", "bd_size": 32,
  "conplemenrary_mask": true, "use_sliding_window": false, "tie_word_embeddings": false, "bos_token_id": 151643,
  "eos_token_id": 151645, "pad_token_id": 151645})";

inline constexpr const char* kGpt2 =
    R"({"architectures": ["GPT2LMHeadModel"], "model_type": "gpt2", "activation_function": "gelu_new",
  "n_embd": 768, "n_head": 12, "n_layer": 12, "n_positions": 1024, "n_ctx": 1024, "vocab_size": 50257, "layer_norm_epsilon": 1e-05,
  "resid_pdrop": 0.1, "summary_type": "cls_index", "bos_token_id": 50256, "eos_token_id": 50256,
  "task_specific_params": {"text-generation": {"do_sample": true, "max_length": 50}}})";

inline constexpr const char* kDiffuLlama =
    R"({"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 4096, "num_hidden_layers": 32,
  "num_attention_heads": 32, "num_key_value_heads": 32, "intermediate_size": 11008, "vocab_size": 32002,
  "max_position_embeddings": 4096, "rms_norm_eps": 1e-05, "hidden_act": "silu", "tie_word_embeddings": false,
  "bos_token_id": 1, "eos_token_id": 2, "mask_token_id": 32000})";

inline constexpr const char* kA2dQwen3 =
    R"({"architectures": ["A2DQwen3LMHeadModel"], "model_type": "a2d-qwen3", "hidden_size": 1024, "head_dim": 128,
  "num_hidden_layers": 28, "num_attention_heads": 16, "num_key_value_heads": 8, "intermediate_size": 3072, "vocab_size": 151936,
  "max_position_embeddings": 40960, "rope_theta": 1000000, "rope_scaling": null, "rms_norm_eps": 1e-06, "hidden_act": "silu",
  "attention_bias": false, "use_sliding_window": false, "tie_word_embeddings": true, "bos_token_id": 151643,
  "eos_token_id": 151643, "mask_token_id": 151669})";

// The message of reading the config with one key replaced.
inline std::string refusal(const char* json, const char* key, const Json& value, ErrorKind kind) {
  ModelFiles files = with_config(json);
  files.config[key] = value;
  try {
    read_spec(files);
  } catch (const Error& failure) {
    EXPECT_EQ(failure.kind(), kind) << failure.what();
    return failure.what();
  }
  ADD_FAILURE() << "accepted " << key << " = " << value;
  return {};
}

}  // namespace pent::test
