// What a transformer is, as numbers; filled by a family from its config.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace pent {

enum class AttentionKind { kFull, kCausal };

// Pre-norm transformer with RMSNorm, RoPE (half form), GQA, SwiGLU (spec 10 §1, §11).
struct ModelSpec {
  std::string family;  // "llada", "llama"
  AttentionKind attention = AttentionKind::kFull;
  int vocab_size = 0;  // rows of the embedding
  int d_model = 0;
  int n_layers = 0;
  int n_heads = 0;
  int n_kv_heads = 0;
  int head_dim = 0;
  int ffn_dim = 0;
  int max_positions = 0;  // context length
  float rms_eps = 1e-5f;
  double rope_theta = 10000;
  bool tied_head = false;
  float logit_scale = 1;  // LLaDA's scale_logits: 1/sqrt(d_model)
  int32_t mask_id = -1;   // -1: an autoregressive model
  int32_t bos_id = -1;
  int32_t eos_id = -1;  // the one written in training
  int32_t pad_id = -1;
  std::vector<int32_t> stop_ids;  // any of these ends an answer
  std::string default_preset;     // "llada", "ar"

  bool is_diffusion() const { return mask_id >= 0; }
  int64_t parameters() const;
};

}  // namespace pent
