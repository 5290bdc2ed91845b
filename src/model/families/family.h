// A family: how one published architecture's config becomes a ModelSpec and its tensor names become slots.
//
// To add one: a file beside this one, its line in families.cc, its test.
#pragma once

#include <span>
#include <string>

#include "io/model_files.h"
#include "model/spec.h"

namespace pent {

// Where a container keeps the weights of the pre-norm transformer. In the names of a block, {} is its number.
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
};

struct Family {
  const char* name;
  const char* summary;
  bool (*matches)(const ModelFiles& files);
  ModelSpec (*read_spec)(const ModelFiles& files);
};

// In the order in which they are tried.
std::span<const Family> families();

// Throws kUnsupported naming the architecture when no family matches.
const Family& find_family(const ModelFiles& files);

// The names that these files use, given their family's own.
const TensorNames& tensor_names(const ModelFiles& files, const ModelSpec& spec);
const TensorNames& hugging_face_names(const ModelSpec& spec);  // of spec.family

extern const Family kLladaFamily;
extern const Family kLlamaFamily;
extern const TensorNames kLladaNames;  // of the original checkpoints
extern const TensorNames kLlamaNames;
extern const TensorNames kGgufNames;  // of both families in GGUF

}  // namespace pent
