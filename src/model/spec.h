// What a transformer is, as numbers; filled by a family from its config.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace pent {

// kBlockCausal: a row sees its own block and all blocks before it, blocks of block_size counted from position 0 (spec 10 §0.2).
enum class AttentionKind { kFull, kCausal, kBlockCausal };

// How RoPE's frequencies f = theta^(-2i / rope_dim) are rescaled for contexts longer than those of training (spec 10 §11).
struct RopeScaling {
  enum class Kind {
    kNone,
    kLinear,    // f / factor: position interpolation (arXiv:2306.15595)
    kLlama3,    // long waves divided by factor, short ones kept, blended between (Llama 3.1)
    kYarn,      // arXiv:2309.00071: the same idea, blended by how often a wave turns; and larger cosines and sines
    kDivisors,  // f / divisors[i], as GGUF's rope_freqs.weight has them
  };
  Kind kind = Kind::kNone;
  double factor = 1;
  int original_positions = 0;                        // the context of training
  double low_freq_factor = 1, high_freq_factor = 4;  // kLlama3: waves per original context
  double beta_fast = 32, beta_slow = 1;              // kYarn: turns in the original context
  bool truncate = true;                              // kYarn: the blend's borders are whole channels
  double magnitude = 1;                              // kYarn: factor on cosines and sines
  std::vector<float> divisors;                       // [rope_dim / 2]
  bool operator==(const RopeScaling&) const = default;
};

// A mixture of experts in place of the feed-forward net: a router scores all experts for a row, the best few are computed and
// their outputs added, each times its weight (spec 10 §2, §3, §6, §11).
struct MoeSpec {
  enum class Scores { kSoftmax, kSigmoid };  // of the router's logits, over all experts, in float32

  int n_experts = 0;   // 0: a dense model
  int top_k = 0;       // experts a row
  int expert_dim = 0;  // inner width of an expert
  int shared_dim = 0;  // of the expert that every row passes, its weight 1; 0: none
  Scores scores = Scores::kSoftmax;
  bool expert_bias = false;      // a number per expert is added to its score before the choice
  bool bias_in_weights = false;  // … and stays in the weight (LLaDA-MoE)
  bool normalize = true;         // the chosen weights are divided by their sum
  float scale = 1;               // then multiplied by this
  // Only experts of the best top_groups of n_groups groups, contiguous and equally large, can be chosen; a group is as good as
  // the sum of its two best scores. 1 of 1: no limit.
  int n_groups = 1;
  int top_groups = 1;
  // Those rows of a block that a pass computes choose among as many experts only: the ones whose best score over these rows is
  // highest (LLaDA2.2, spec 23 §3.1). 0: each row for itself, among all.
  int block_pool = 0;
  std::vector<int> dense_layers;  // ascending: layers with an ordinary feed-forward net, ffn_dim wide
  bool operator==(const MoeSpec&) const = default;
};

// The feed-forward net of a layer, ffn_dim inner channels wide; with a gate the experts' nets are of the same kind.
enum class FfnKind {
  kSwiGlu,  // down(silu(gate x) * up x)
  kGeGlu,   // down(gelu(gate x) * up x), in GELU's tanh form
  kGelu     // down(gelu(up x + b)) + c, likewise
};

// Which block function computes a layer.
enum class BlockKind {
  kPreNorm,  // model/block.h
  kGemma,    // model/gemma_block.h: its heads' scores are not scaled, its values are normed
};

// Layers that see everything where the others see a window: Gemma 4's "full attention" (spec 11 §2, §4.4). Their heads have a
// shape of their own, only the first channel pairs turn, with the frequencies of a head that turns whole, and their values are
// their keys before norm and RoPE.
struct GlobalLayers {
  std::vector<int> layers;  // ascending; empty: all layers are alike
  int n_kv_heads = 0;
  int head_dim = 0;
  int turning_pairs = 0;
  double rope_theta = 0;
  bool operator==(const GlobalLayers&) const = default;
};

// The heads of one layer; there are n_heads of queries.
struct HeadShape {
  int n_kv_heads = 0;
  int head_dim = 0;
  bool values_are_keys = false;  // no projection of their own
};

// Pre-norm transformer with RMSNorm, RoPE (half form), GQA, SwiGLU (spec 10 §1, §11), or GPT-2's choices instead of these (§12),
// or Gemma 4's, with experts beside the dense net (spec 11).
struct ModelSpec {
  std::string family;  // "llada", "llama"
  BlockKind block = BlockKind::kPreNorm;
  AttentionKind attention = AttentionKind::kFull;
  int block_size = 0;  // of block-causal attention, and of decoding; else 0
  int vocab_size = 0;  // rows of the embedding
  int d_model = 0;
  int n_layers = 0;
  int n_heads = 0;
  int n_kv_heads = 0;
  int head_dim = 0;
  int ffn_dim = 0;
  int max_positions = 0;  // context length
  MoeSpec moe;
  float rms_eps = 1e-5f;           // of whichever norm it is
  bool layer_norm = false;         // LayerNorm with a bias instead of RMSNorm
  bool learned_positions = false;  // a vector per position is added to the token's embedding; no RoPE
  FfnKind ffn = FfnKind::kSwiGlu;
  double rope_theta = 10000;
  int rope_dim = 0;  // channels of a head that turn, the first ones; 0: all
  RopeScaling rope_scaling;
  int window = 0;  // slots a row sees, its own the last; 0: all
  GlobalLayers global;
  bool qkv_bias = false;       // added to the projections, before qk_norm
  bool attn_out_bias = false;  // added to the attention's output
  bool qk_norm = false;        // RMSNorm of each query and key head, before RoPE, a weight per channel of a head
  bool tied_head = false;
  float embedding_scale = 1;
  float logit_scale = 1;  // LLaDA's scale_logits: 1/sqrt(d_model)
  float logit_cap = 0;    // logits become cap * tanh(logit / cap); 0: they stay
  // Text is encoded causally, and behind it a canvas of this many cells is denoised, of random tokens at first, with the same
  // weights (DiffusionGemma, spec 11; PassSequence::denoises). 0: not so.
  int canvas_length = 0;
  bool shift = false;    // the logits of row i - 1 decide cell i, those of row 0 cell 0 too (spec 20 §0.3)
  int32_t mask_id = -1;  // -1: cells are not masked: an autoregressive model, or one of random tokens (canvas_length)
  // Written to delete the cell they are written in, and to put a mask before it (LLaDA2.2, spec 23 §3.2; DreamOn, spec 44 §1, whose
  // end token is the one that deletes, in holes); -1: there are none.
  int32_t delete_id = -1, insert_id = -1, expand_id = -1;
  int32_t bos_id = -1;
  bool starts_with_bos = false;  // every text of the training did, though no tokenizer or template writes it
  int32_t eos_id = -1;           // the one written in training
  int32_t pad_id = -1;
  std::vector<int32_t> stop_ids;  // any of these ends an answer
  std::string default_preset;     // "llada", "ar"

  bool is_diffusion() const { return is_masked_diffusion() || canvas_length > 0; }
  bool edits_length() const { return delete_id >= 0 && insert_id >= 0; }
  bool expands_holes() const { return delete_id >= 0 && expand_id >= 0; }
  bool is_masked_diffusion() const { return mask_id >= 0; }
  bool is_global(int layer) const;
  HeadShape heads(int layer) const;
  int rotated_dim() const { return rope_dim > 0 ? rope_dim : head_dim; }
  bool has_experts(int layer) const;
  int64_t parameters() const;
  int64_t active_parameters() const;  // those that one row is multiplied with: of the experts top_k, and the shared one
};

}  // namespace pent
