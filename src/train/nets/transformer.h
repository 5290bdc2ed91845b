// The trainable Llama/LLaDA block stack (spec ch. 10 §1): pre-norm RMSNorm, half-form RoPE, grouped-query attention,
// SwiGLU, tied or untied head; bidirectional for diffusion, causal for its autoregressive twin.
#pragma once

#include <torch/torch.h>

#include <string>
#include <utility>
#include <vector>

#include "io/model_files.h"
#include "model/families/family.h"
#include "model/spec.h"
#include "train/nets/ops.h"

namespace pent::train {

// A rectangle of tokens, and which of its rows are asked for.
struct NetInput {
  Tensor ids;      // int64 [batch * length]
  Tensor lengths;  // int32 [batch]: tokens beyond are padding, seen by nobody
  int64_t batch = 0;
  int64_t length = 0;
  Tensor rows;  // int64 [R], ascending indices into ids
};

class Transformer {
 public:
  struct Parameter {
    std::string name;
    Tensor value;  // float32, requires grad
    // Rows of each matrix stacked in it: weight decay and Muon act on them. Empty for embeddings and norms.
    std::vector<int64_t> matrices;
  };

  // Weights drawn from N(0, 0.02²) keyed by seed, those that write into the residual stream by 1/sqrt(2 n_layers) less.
  Transformer(const ModelSpec& spec, torch::ScalarType compute, uint64_t seed);

  // Takes the weights of a model in Hugging Face layout, under its own family's names; its attention may be another. Throws
  // kUnsupported for a GGUF, kCorrupt naming a tensor that is missing or of another shape.
  void load(const ModelFiles& files);

  const ModelSpec& spec() const { return spec_; }
  std::vector<Parameter>& parameters() { return parameters_; }
  const Tensor& head() const;  // [V, d]: the embedding when tied

  // Final hidden rows [R, d] of input.rows, in the compute dtype. `dropout` acts on the branches and in the
  // feed-forward.
  Tensor forward(const NetInput& input, float residual_dropout = 0, float mlp_dropout = 0,
                 uint64_t dropout_key = 0) const;

  std::vector<Tensor> values() const;  // of the parameters, shared, without gradient
  // Name and tensor (a view) of every weight as published checkpoints have them, out of one value for each parameter.
  std::vector<std::pair<std::string, Tensor>> published(const TensorNames& names,
                                                        const std::vector<Tensor>& values) const;

 private:
  struct Layer {
    Tensor attn_norm, qkv, attn_out, ff_norm, gate_up, down;
  };
  Tensor add(const std::string& name, std::vector<int64_t> shape, float std, std::vector<int64_t> matrices = {});

  ModelSpec spec_;
  torch::ScalarType compute_;
  uint64_t seed_;
  Tensor embedding_, final_norm_, head_, rope_;
  std::vector<Layer> layers_;
  std::vector<Parameter> parameters_;
};

}  // namespace pent::train
