// The forward pass of the Llama/LLaDA block stack out of fused operations, its initial weights, and its weights' names
// in Hugging Face checkpoints (spec ch. 10 §1).
#include "train/nets/transformer.h"

#include <cmath>
#include <numbers>

#include "base/error.h"
#include "base/random.h"
#include "model/denoiser.h"
#include "model/families/family.h"

namespace pent::train {
namespace {

// Box-Muller over the counter: element i of tensor `index` is a function of (seed, index, i).
void fill_normal(Tensor& tensor, uint64_t seed, uint32_t index, float std) {
  float* out = tensor.data_ptr<float>();
  const int64_t n = tensor.numel();
  for (int64_t i = 0; i < n; i += 2) {
    const auto bits = draw_bits(
        {.seed = seed, .n_index = index, .cell = static_cast<uint32_t>(i / 2), .purpose = DrawPurpose::kInit});
    const double u = (bits[0] + 0.5) / 4294967296.0, v = (bits[1] + 0.5) / 4294967296.0;
    const double radius = std::sqrt(-2.0 * std::log(u)) * std;
    out[i] = static_cast<float>(radius * std::cos(2 * std::numbers::pi * v));
    if (i + 1 < n) out[i + 1] = static_cast<float>(radius * std::sin(2 * std::numbers::pi * v));
  }
}

}  // namespace

Tensor Transformer::add(const std::string& name, std::vector<int64_t> shape, float std, std::vector<int64_t> matrices) {
  Tensor value = torch::ones(shape, torch::kFloat32);
  if (std > 0) fill_normal(value, seed_, static_cast<uint32_t>(parameters_.size()), std);
  value.set_requires_grad(true);
  parameters_.push_back({name, value, std::move(matrices)});
  return value;
}

Transformer::Transformer(const ModelSpec& spec, torch::ScalarType compute, uint64_t seed)
    : spec_(spec), compute_(compute), seed_(seed) {
  const int64_t d = spec.d_model, hd = spec.head_dim, f = spec.ffn_dim;
  const int64_t q = spec.n_heads * hd, kv = spec.n_kv_heads * hd;
  constexpr float kStd = 0.02f;
  const float out_std = kStd / std::sqrt(2.0f * static_cast<float>(spec.n_layers));
  embedding_ = add("embedding", {spec.vocab_size, d}, kStd);
  for (int i = 0; i < spec.n_layers; ++i) {
    const std::string prefix = fmt::format("layers.{}.", i);
    Layer layer;
    layer.attn_norm = add(prefix + "attn_norm", {d}, 0);
    layer.qkv = add(prefix + "qkv", {q + 2 * kv, d}, kStd, {q, kv, kv});
    layer.attn_out = add(prefix + "attn_out", {d, q}, out_std, {d});
    layer.ff_norm = add(prefix + "ff_norm", {d}, 0);
    layer.gate_up = add(prefix + "gate_up", {2 * f, d}, kStd, {f, f});
    layer.down = add(prefix + "down", {d, f}, out_std, {d});
    layers_.push_back(layer);
  }
  final_norm_ = add("final_norm", {d}, 0);
  if (!spec.tied_head) head_ = add("head", {spec.vocab_size, d}, kStd);
  rope_ = rope_table(spec.max_positions, hd, spec.rope_theta);
}

void Transformer::load(const ModelFiles& files) {
  const ModelSpec published_spec = read_spec(files);
  if (published_spec.family != "llada" && published_spec.family != "llama")
    throw error(ErrorKind::kUnsupported, "{}: training and the torch backend know the families llada and llama, not {}",
                files.where, published_spec.family);
  const RopeScaling::Kind scaling = published_spec.rope_scaling.kind;
  if (published_spec.qkv_bias || published_spec.rope_dim > 0 || scaling != RopeScaling::Kind::kNone)
    throw error(ErrorKind::kUnsupported,
                "{}: training and the torch backend have no attention biases, partial or rescaled RoPE", files.where);
  const TensorNames& names = tensor_names(files, published_spec);
  if (names.interleaved_rope)
    throw error(ErrorKind::kUnsupported, "{}: training and the torch backend read safetensors only", files.where);
  for (auto& [name, tensor] : published(names, values())) {
    const TensorView* view = files.weights->find(name);
    if (view == nullptr || view->shape != tensor.sizes().vec())
      throw error(ErrorKind::kCorrupt, "{}: tensor '{}' is missing or has another shape", files.weights->describe(),
                  name);
    dequantize_rows(*view, 0, view->rows(), tensor.data_ptr<float>());  // parts of a parameter are whole rows of it
  }
  files.weights->check_intact();
}

const Tensor& Transformer::head() const { return spec_.tied_head ? embedding_ : head_; }

Tensor Transformer::forward(const NetInput& input, float residual_dropout, float mlp_dropout,
                            uint64_t dropout_key) const {
  const AttentionShape shape{.batch = input.batch,
                             .length = input.length,
                             .heads = spec_.n_heads,
                             .kv_heads = spec_.n_kv_heads,
                             .head_dim = spec_.head_dim,
                             .causal = spec_.attention == AttentionKind::kCausal};
  uint64_t site = 0;
  auto drop = [&](float p) { return Dropout{p, dropout_key * 1000003u + ++site * 0x9e3779b97f4a7c15u}; };
  Tensor residual = embed(embedding_, input.ids);  // [N, d] f32
  Tensor branch, normed;
  for (const Layer& layer : layers_) {
    std::tie(residual, normed) =
        add_rms_norm(residual, branch, layer.attn_norm, spec_.rms_eps, compute_, drop(residual_dropout));
    const Tensor attended = rope_attention(project(normed, layer.qkv), rope_, input.lengths, shape);
    branch = project(attended, layer.attn_out);
    std::tie(residual, normed) =
        add_rms_norm(residual, branch, layer.ff_norm, spec_.rms_eps, compute_, drop(residual_dropout));
    branch = project(swiglu(project(normed, layer.gate_up), drop(mlp_dropout)), layer.down);
  }
  std::tie(residual, normed) =
      add_rms_norm(residual, branch, final_norm_, spec_.rms_eps, compute_, drop(residual_dropout));
  return at::index_select(normed, 0, input.rows);
}

std::vector<Tensor> Transformer::values() const {
  std::vector<Tensor> out;
  for (const Parameter& parameter : parameters_) out.push_back(parameter.value.detach());
  return out;
}

std::vector<std::pair<std::string, Tensor>> Transformer::published(const TensorNames& names,
                                                                   const std::vector<Tensor>& values) const {
  PENT_CHECK(values.size() == parameters_.size());
  const int64_t q = spec_.n_heads * spec_.head_dim, kv = spec_.n_kv_heads * spec_.head_dim, f = spec_.ffn_dim;
  std::vector<std::pair<std::string, Tensor>> out;
  size_t next = 0;
  out.emplace_back(names.embedding, values[next++]);
  for (int i = 0; i < spec_.n_layers; ++i) {
    auto add = [&](const char* name, const Tensor& value) {
      out.emplace_back(fmt::format(fmt::runtime(name), i), value);
    };
    add(names.attn_norm, values[next++]);
    const Tensor& qkv = values[next++];
    add(names.q, qkv.narrow(0, 0, q));
    add(names.k, qkv.narrow(0, q, kv));
    add(names.v, qkv.narrow(0, q + kv, kv));
    add(names.attn_out, values[next++]);
    add(names.ffn_norm, values[next++]);
    const Tensor& gate_up = values[next++];
    add(names.gate, gate_up.narrow(0, 0, f));
    add(names.up, gate_up.narrow(0, f, f));
    add(names.down, values[next++]);
  }
  out.emplace_back(names.final_norm, values[next++]);
  if (!spec_.tied_head) out.emplace_back(names.head, values[next++]);
  return out;
}

}  // namespace pent::train
