// A family: how one published architecture's config becomes a ModelSpec and its tensor names become slots.
//
// To add one: a file beside this one, its line in families.cc, its test.
#pragma once

#include <span>
#include <string>

#include "io/model_files.h"
#include "model/spec.h"

namespace pent {

// Where the mixture of experts lies. In the names {} is the block's number and, unless stacked, a second {} the expert's.
struct ExpertNames {
  const char* router = nullptr;  // [n_experts, d_model]
  const char* bias = nullptr;    // [n_experts]; read if spec.moe.expert_bias
  const char* gate = nullptr;    // [expert_dim, d_model]; stacked: [n_experts, expert_dim, d_model]
  const char* up = nullptr;
  const char* down = nullptr;         // [d_model, expert_dim]
  const char* shared_gate = nullptr;  // [shared_dim, d_model]; if spec.moe.shared_dim
  const char* shared_up = nullptr;
  const char* shared_down = nullptr;  // [d_model, shared_dim]
  bool stacked = false;
  const char* gate_up = nullptr;  // instead of gate and up, stacked: [n_experts, 2 * expert_dim, d_model], gate first
  const char* scales = nullptr;   // [n_experts], on the weights that rows give them
};

// What Gemma 4's block has besides, and DiffusionGemma (spec 11 §3).
struct GemmaNames {
  const char* attn_post_norm = nullptr;  // [d_model], as all norms here
  const char* ffn_post_norm = nullptr;
  const char* experts_norm = nullptr;
  const char* experts_post_norm = nullptr;
  const char* post_norm = nullptr;
  const char* router_scale = nullptr;   // [d_model]
  const char* encode_scale = nullptr;   // [1]
  const char* denoise_scale = nullptr;  // [1]
  const char* condition_norm = nullptr;
  const char* condition_gate = nullptr;  // [ffn_dim, d_model]
  const char* condition_up = nullptr;
  const char* condition_down = nullptr;  // [d_model, ffn_dim]
};

// Where a container keeps the weights of the pre-norm transformer. In the names of a block, {} is its number. Null where no
// model of these names has such a tensor.
struct TensorNames {
  const char* embedding;   // [vocab, d_model]
  const char* final_norm;  // [d_model]
  const char* head;        // [vocab, d_model]; absent when the head is tied to the embedding
  const char* attn_norm;   // [d_model]
  const char* q;           // [n_heads * head_dim, d_model]
  const char* k;           // [n_kv_heads * head_dim, d_model]
  const char* v;           // [n_kv_heads * head_dim, d_model]
  const char* attn_out;    // [d_model, n_heads * head_dim]
  const char* ffn_norm;    // [d_model]
  const char* gate;        // [ffn_dim, d_model]
  const char* up;          // [ffn_dim, d_model]
  const char* down;        // [d_model, ffn_dim]
  // Rows of Q and K stand in the order of interleaved RoPE: row 2i + p of a head is row p * head_dim / 2 + i of the
  // half form (spec 10 §14.3).
  bool interleaved_rope;
  const char* q_bias = nullptr;  // as the rows of q, k and v; read if spec.qkv_bias
  const char* k_bias = nullptr;
  const char* v_bias = nullptr;
  const char* attn_out_bias = nullptr;  // [d_model]; if spec.attn_out_bias
  const char* q_norm = nullptr;         // [head_dim]; if spec.qk_norm
  const char* k_norm = nullptr;
  const char* qkv = nullptr;  // instead of q, k and v: their rows below one another
  const char* qkv_bias = nullptr;
  ExpertNames experts = {};
  GemmaNames gemma = {};
  // The encoder's copies of the decoder's tensors have this prefix instead of that; either will do, both must be equal.
  const char* decoder_prefix = nullptr;
  const char* encoder_prefix = nullptr;
  const char* positions = nullptr;        // [max_positions, d_model]; if spec.learned_positions
  const char* final_norm_bias = nullptr;  // [d_model], as the next two; if spec.layer_norm
  const char* attn_norm_bias = nullptr;
  const char* ffn_norm_bias = nullptr;
  const char* up_bias = nullptr;    // [ffn_dim]; if spec.ffn is kGelu
  const char* down_bias = nullptr;  // [d_model]
  bool transposed = false;          // the blocks' matrices are stored [in, out], as GPT-2's Conv1D has them
};

struct Family {
  const char* name;
  const char* summary;
  const char* architecture;  // architectures[0] and model_type of config.json, as published
  const char* model_type;
  const char* gguf;  // general.architecture; null: no GGUF files of it
  const TensorNames* names;
  const TensorNames* gguf_names;
  bool (*matches)(const ModelFiles& files);
  ModelSpec (*read_spec)(const ModelFiles& files);
  // What its logits were compared with, full, from kept keys and values and in ragged batches (tests/unit/parity); null: nothing.
  const char* proof = nullptr;
  // How names begin that belong to parts for other things than text, which are not read.
  std::span<const char* const> other_parts = {};
  // Which naming these files have, of several that were published; null: `names`.
  const TensorNames& (*names_in)(const ModelFiles& files) = nullptr;
};

// In the order in which they are tried.
std::span<const Family> families();

// Throws kUnsupported naming the architecture when no family matches.
const Family& find_family(const ModelFiles& files);
const Family& family_of(const ModelSpec& spec);  // by spec.family

// Whether the files say so: by architectures[0], by model_type where there is none, or by a GGUF's architecture.
bool has_architecture(const ModelFiles& files, const Family& family);

// The names that these files use, given their family's own.
const TensorNames& tensor_names(const ModelFiles& files, const ModelSpec& spec);
const TensorNames& hugging_face_names(const ModelSpec& spec);  // of spec.family
const TensorNames& gguf_names(const ModelSpec& spec);          // of spec.family; throws kUnsupported if there are none

extern const Family kA2dLlamaFamily;
extern const Family kA2dQwen2Family;
extern const Family kA2dQwen3Family;
extern const Family kDiffuGptFamily;
extern const Family kDiffuLlamaFamily;
extern const Family kGpt2Family;
extern const Family kLladaFamily;
extern const Family kLlamaFamily;
extern const Family kDreamFamily;
extern const Family kFastDllmV2Family;
extern const Family kOpenDcoderFamily;
extern const Family kQwen2Family;
extern const Family kQwen3Family;
extern const Family kSdarFamily;
extern const Family kQwen3MoeFamily;
extern const Family kRnd1Family;
extern const Family kSdarMoeFamily;
extern const Family kLladaMoeFamily;
extern const Family kLlada2Family;
extern const Family kDiffusionGemmaFamily;
extern const TensorNames kLladaNames;            // of the original checkpoints
extern const TensorNames kLlamaNames;            // of transformers' Llama, Qwen2, Qwen3 and their relatives
extern const TensorNames kGgufNames;             // of all families in GGUF …
extern const TensorNames kGgufInterleavedNames;  // … of those whose Q and K llama.cpp's converter permutes …
extern const TensorNames kGgufFusedNames;        // … and of those that keep Q, K and V in one matrix

}  // namespace pent
