// A model's weights, checked against its spec and packed for the kernels.
#pragma once

#include <memory>
#include <vector>

#include "base/thread_pool.h"
#include "io/model_files.h"
#include "kernels/pack.h"
#include "model/experts.h"
#include "model/packed_cache.h"
#include "model/spec.h"

namespace pent {

// What Gemma 4's block has besides (model/gemma_block.h).
struct GemmaBlockWeights {
  std::vector<float> attn_post_norm;     // [d_model], as all norms here
  std::vector<float> ffn_post_norm;      // of the dense net's output
  std::vector<float> router_norm;        // the router's scale / sqrt(d_model)
  std::vector<float> experts_norm;       // of what the experts are given …
  std::vector<float> experts_post_norm;  // … and of what they say
  std::vector<float> post_norm;          // of both nets' sum
  float encode_scale = 1, denoise_scale = 1;
};

struct BlockWeights {
  std::vector<float> attn_norm;       // [d_model]
  std::vector<float> attn_norm_bias;  // [d_model]; empty: RMSNorm
  kernels::PackedMatrix qkv;         // [(n_heads + 2 n_kv_heads) * head_dim, d_model]: Q, K, V heads in half-form order
  std::vector<float> qkv_bias;       // as the rows of qkv; empty: none
  std::vector<float> q_norm;         // [head_dim], of each query head; empty: none
  std::vector<float> k_norm;         // [head_dim]
  std::vector<float> v_norm;         // [head_dim], ones; empty: values are as projected
  kernels::PackedMatrix attn_out;    // [d_model, n_heads * head_dim]
  std::vector<float> attn_out_bias;  // [d_model]; empty: none
  std::vector<float> ffn_norm;       // [d_model]
  std::vector<float> ffn_norm_bias;  // [d_model]; empty: RMSNorm
  kernels::PackedMatrix gate_up;     // [2 * ffn_dim, d_model]: gate, then up; kGelu: [ffn_dim, d_model], up alone
  std::vector<float> up_bias;        // [ffn_dim]; kGelu's, as the next
  kernels::PackedMatrix down;        // [d_model, ffn_dim]
  std::vector<float> down_bias;      // [d_model]
  ExpertWeights experts;    // instead of gate_up and down where spec.has_experts(layer); in Gemma's block beside them
  GemmaBlockWeights gemma;  // of that block alone
};

// Of a model with a canvas (model/self_conditioning.h).
struct SelfConditioningWeights {
  std::vector<float> norm;        // [d_model]
  kernels::PackedMatrix gate_up;  // [2 * ffn_dim, d_model]
  kernels::PackedMatrix down;     // [d_model, ffn_dim]
};

struct ModelWeights {
  std::shared_ptr<WeightSource> source;   // keeps the embedding's file mapped
  const TensorView* embedding = nullptr;  // [vocab_size, d_model], rows looked up where they are stored
  const TensorView* positions = nullptr;  // [max_positions, d_model], likewise; null: none are learned
  std::vector<BlockWeights> blocks;
  std::vector<float> final_norm;                  // [d_model]
  std::vector<float> final_norm_bias;             // [d_model]; empty: RMSNorm
  kernels::PackedMatrix head;                     // [vocab_size, d_model]
  SelfConditioningWeights self_conditioning;      // if spec.canvas_length
  std::shared_ptr<const MappedFile> packed_file;  // where the matrices are mapped from; null: packed in memory

  // Throws kIo if a file that is still read from was cut short.
  void check_intact() const {
    source->check_intact();
    if (packed_file) packed_file->check_intact();
  }
};

// Bytes of the packed matrices.
double packed_bytes(const ModelFiles& files, const ModelSpec& spec, kernels::PackedMatrix::Format format);

// Throws what load_weights() throws of tensors that are missing, of the wrong shape or type, or have no place in the family, without
// reading any but vectors.
void check_tensors(const ModelFiles& files, const ModelSpec& spec);

// `format`: kF32, or kQ8 where the file has no 4-bit blocks. cache: where large int8 and 4-bit weights are looked for packed, and
// kept. Throws kCorrupt naming the tensor that is missing, of
// the wrong shape or type, or not finite; kResourceExhausted.
ModelWeights load_weights(const ModelFiles& files, const ModelSpec& spec, kernels::PackedMatrix::Format format,
                          ThreadPool& pool, const PackedCache& cache = {});

}  // namespace pent
