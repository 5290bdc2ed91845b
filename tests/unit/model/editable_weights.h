// Tiny models whose tensors a test may add, take away and change.
#pragma once

#include <algorithm>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "io/gguf.h"
#include "model/denoiser.h"
#include "model/families/family.h"
#include "model/synth.h"

namespace pent::test {

inline ModelSpec tiny_spec(const std::string& family) {
  ModelSpec spec;
  spec.family = family;
  spec.vocab_size = 50;
  spec.n_heads = 4;
  spec.n_kv_heads = 2;
  spec.head_dim = 8;
  spec.d_model = 32;
  spec.ffn_dim = 40;
  spec.n_layers = 2;
  spec.max_positions = 64;
  spec.mask_id = family == "llada" ? 49 : -1;
  spec.qkv_bias = family == "qwen2";
  spec.qk_norm = family == "qwen3";
  spec.eos_id = 1;
  spec.stop_ids = {1};
  if (family == "gpt2") {
    spec.layer_norm = spec.learned_positions = spec.qkv_bias = spec.attn_out_bias = true;
    spec.ffn = FfnKind::kGelu;
    spec.n_kv_heads = spec.n_heads;
  }
  return spec;
}

// Tensors that a test may add, take away and change; also stands in for a GGUF file.
class EditableWeights : public GgufFile {
 public:
  struct Tensor {
    std::string name;
    std::vector<int64_t> shape;
    std::vector<float> values;
    TensorView view;
  };

  explicit EditableWeights(const WeightSource& from) {
    for (const std::string& name : from.names()) {
      const TensorView& view = *from.find(name);
      std::vector<float> values(view.elements());
      dequantize_rows(view, 0, view.rows(), values.data());
      add(name, view.shape, std::move(values));
    }
  }
  void add(const std::string& name, std::vector<int64_t> shape, std::vector<float> values) {
    Tensor& tensor = tensors_.emplace_back(Tensor{name, std::move(shape), std::move(values), {}});
    refresh(tensor);
  }
  void remove(const std::string& name) {
    tensors_.remove_if([&](const Tensor& tensor) { return tensor.name == name; });
  }
  Tensor& at(const std::string& name) {
    return *std::find_if(tensors_.begin(), tensors_.end(), [&](const Tensor& tensor) { return tensor.name == name; });
  }
  std::list<Tensor>& tensors() { return tensors_; }
  static void refresh(Tensor& tensor) {
    tensor.view = {tensor.name, DType::kF32, tensor.shape, std::as_bytes(std::span(tensor.values))};
  }

  std::vector<std::string> names() const override {
    std::vector<std::string> names;
    for (const Tensor& tensor : tensors_) names.push_back(tensor.name);
    return names;
  }
  const TensorView* find(std::string_view name) const override {
    for (const Tensor& tensor : tensors_) {
      if (tensor.name == name) return &tensor.view;
    }
    return nullptr;
  }
  std::string describe() const override { return "edited.file"; }
  void check_intact() const override {}

  int version() const override { return 3; }
  const std::map<std::string, GgufValue>& metadata() const override { return metadata_; }
  std::optional<int64_t> get_int(const std::string& key) const override { return get<int64_t>(key); }
  std::optional<double> get_number(const std::string& key) const override { return get<double>(key); }
  std::optional<bool> get_bool(const std::string& key) const override { return get<bool>(key); }
  std::optional<std::string> get_string(const std::string& key) const override { return get<std::string>(key); }
  const std::vector<std::string>* get_strings(const std::string&) const override { return nullptr; }
  const std::vector<int64_t>* get_ints(const std::string&) const override { return nullptr; }
  std::map<std::string, GgufValue> metadata_;

 private:
  template <typename T>
  std::optional<T> get(const std::string& key) const {
    const auto found = metadata_.find(key);
    return found == metadata_.end() ? std::nullopt : std::optional(std::get<T>(found->second));
  }
  std::list<Tensor> tensors_;
};

struct Edited {
  ModelFiles files;
  std::shared_ptr<EditableWeights> weights;
};

inline Edited editable(const std::string& family) {
  Edited edited;
  edited.files = make_random_model(tiny_spec(family), 3);
  edited.weights = std::make_shared<EditableWeights>(*edited.files.weights);
  edited.files.weights = edited.weights;
  return edited;
}

inline std::vector<float> logits_of(const ModelFiles& files, bool precise = true) {
  ThreadPool pool(1);
  const auto denoiser = load_native(files, pool, {.precise = precise});
  const int32_t sequence = denoiser->open_sequence(8);
  PassPlan plan;
  plan.add_full(sequence, std::vector<int32_t>{3, 1, 4, 1, 5, 9, 2, 6});
  plan.head_rows = {0, 1, 2, 3, 4, 5, 6, 7};
  HeadRequest request;
  request.full_logits = true;
  PassResult result;
  denoiser->forward(plan, request, result);
  return result.logits;
}

// [k, n] becomes [n, k].
inline void turn(EditableWeights::Tensor& tensor) {
  const int64_t k = tensor.shape[0], n = tensor.shape[1];
  const std::vector<float> stored = tensor.values;
  for (int64_t i = 0; i < k; ++i)
    for (int64_t j = 0; j < n; ++j) tensor.values[j * k + i] = stored[i * n + j];
  tensor.shape = {n, k};
}

}  // namespace pent::test
