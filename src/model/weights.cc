// Loading: every tensor the spec calls for is found, checked and packed (model/weight_packer.h).
// A tensor that nobody asked for is refused, rotary tables and the like apart: it would change the published result.
#include "model/weights.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "base/error.h"
#include "base/memory.h"
#include "model/families/family.h"
#include "model/packed_cache.h"
#include "model/tensor_slots.h"
#include "model/weight_packer.h"

namespace pent {
namespace {

using kernels::PackedMatrix;

class Loader : WeightPacker {
 public:
  Loader(const ModelFiles& files, const ModelSpec& spec, PackedMatrix::Format format, ThreadPool* pool)
      : WeightPacker(files, tensor_names(files, spec), format, pool), spec_(spec) {}

  // By the formats of the first of a matrix's tensors. What is missing is complained of when it is looked for.
  double bytes_needed() const {
    const int64_t d = spec_.d_model;
    double total = matrix_bytes({spec_.tied_head ? names_.embedding : names_.head}, 0, spec_.vocab_size, d);
    for (int layer = 0; layer < spec_.n_layers; ++layer) {
      total += matrix_bytes(qkv_patterns(layer), layer, qkv_rows(layer), d) +
               matrix_bytes({names_.attn_out}, layer, d, q_rows(layer));
      if (has_dense_net(layer))
        total +=
            matrix_bytes(ffn_patterns(), layer, ffn_rows(), d) + matrix_bytes({names_.down}, layer, d, spec_.ffn_dim);
      if (!spec_.has_experts(layer)) continue;
      const MoeSpec& moe = spec_.moe;
      const ExpertNames& names = names_.experts;
      total += static_cast<double>(PackedMatrix::bytes_needed(PackedMatrix::Format::kF32, moe.n_experts, d)) +
               matrix_bytes(expert_patterns(), layer, moe.n_experts * stacked_rows(2 * int64_t{moe.expert_dim}), d) +
               matrix_bytes({names.down}, layer, moe.n_experts * stacked_rows(d), moe.expert_dim);
      if (moe.shared_dim > 0)
        total += matrix_bytes({names.shared_gate, names.shared_up}, layer, 2 * int64_t{moe.shared_dim}, d) +
                 matrix_bytes({names.shared_down}, layer, d, moe.shared_dim);
    }
    if (spec_.canvas_length > 0)
      total += matrix_bytes({names_.gemma.condition_gate, names_.gemma.condition_up}, 0, ffn_rows(), d) +
               matrix_bytes({names_.gemma.condition_down}, 0, d, spec_.ffn_dim);
    return total;
  }

  ModelWeights load(const PackedCache& cache) {
    const bool keeps =
        !cache.folder.empty() && format_ != PackedMatrix::Format::kF32 && bytes_needed() >= cache.at_least;
    const Json key = keeps ? packed_key(*files_.weights) : Json();
    if (key.is_null()) return load();
    const std::filesystem::path path = packed_path(cache.folder, *files_.weights);
    kept_ = PackedFile::open(path, key);
    try {
      if (kept_) return load();
    } catch (
        const Error&) {  // damaged, and so as good as absent; what is wrong with the model itself shows again below
      kept_ = nullptr;
      used_.clear();
    }
    ModelWeights weights = load();
    keep(path, key, weights);
    return weights;
  }

  // Looks for every tensor; without a pool none but vectors is read, and the matrices are empty.
  ModelWeights load() {
    const int64_t d = spec_.d_model;
    const bool packs = pool_ != nullptr && !kept_;
    if (packs) require_memory(bytes_needed(), fmt::format("{}: packing the weights", files_.where));
    ModelWeights weights;
    weights.source = files_.weights;
    if (kept_) weights.packed_file = kept_->file();
    if (const TensorView* table = files_.weights->find(names_.embedding);
        table != nullptr && table->shape.size() == 2 && table->rows() != spec_.vocab_size)
      throw error(ErrorKind::kCorrupt, "{}: the vocabulary (vocab_size) is {}, but tensor '{}' has {} rows",
                  files_.where, spec_.vocab_size, names_.embedding, table->rows());
    weights.embedding = find(names_.embedding, {spec_.vocab_size, d});
    if (packs) check_finite(*weights.embedding);
    if (spec_.learned_positions) {
      weights.positions = find(names_.positions, {spec_.max_positions, d});
      if (packs) check_finite(*weights.positions);
    }
    weights.final_norm = vector(names_.final_norm, d);
    if (spec_.layer_norm) weights.final_norm_bias = vector(names_.final_norm_bias, d);
    const TensorView* head = spec_.tied_head ? weights.embedding : find(names_.head, {spec_.vocab_size, d});
    weights.head = pack({{head}});
    if (spec_.canvas_length > 0) weights.self_conditioning = load_self_conditioning();
    for (int layer = 0; layer < spec_.n_layers; ++layer) weights.blocks.push_back(load_block(layer));
    check_nothing_left();
    weights.check_intact();
    return weights;
  }

 private:
  // In the order of load(). A full disk, or a folder that cannot be written, only means that the next start packs again.
  static void keep(const std::filesystem::path& path, const Json& key, const ModelWeights& weights) {
    std::vector<PackedMatrix> matrices = {weights.head};
    const auto add = [&](std::initializer_list<PackedMatrix> more) {
      for (const PackedMatrix& matrix : more)
        if (matrix.n() > 0) matrices.push_back(matrix);
    };
    add({weights.self_conditioning.gate_up, weights.self_conditioning.down});
    for (const BlockWeights& block : weights.blocks) {
      const ExpertWeights& experts = block.experts;
      add({block.qkv, block.attn_out, experts.router, experts.gate_up, experts.down, experts.shared_gate_up,
           experts.shared_down, block.gate_up, block.down});
    }
    try {
      write_packed(path, key, matrices);
    } catch (const Error&) {
    }
  }

  std::vector<std::string> qkv_patterns(int layer) const {
    if (names_.qkv != nullptr) return {names_.qkv};
    if (spec_.heads(layer).values_are_keys) return {names_.q, names_.k};
    return {names_.q, names_.k, names_.v};
  }

  std::vector<std::string> expert_patterns() const {
    if (names_.experts.gate_up != nullptr) return {names_.experts.gate_up};
    return {names_.experts.gate, names_.experts.up};
  }

  bool has_dense_net(int layer) const { return spec_.block == BlockKind::kGemma || !spec_.has_experts(layer); }

  std::vector<std::string> ffn_patterns() const {
    if (spec_.ffn == FfnKind::kGelu) return {names_.up};
    return {names_.gate, names_.up};
  }

  int64_t ffn_rows() const { return int64_t{spec_.ffn_dim} * (spec_.ffn == FfnKind::kGelu ? 1 : 2); }
  int64_t q_rows(int layer) const { return int64_t{spec_.n_heads} * spec_.heads(layer).head_dim; }
  int64_t kv_rows(int layer) const {
    const HeadShape shape = spec_.heads(layer);
    return int64_t{shape.n_kv_heads} * shape.head_dim;
  }
  int64_t qkv_rows(int layer) const {
    return q_rows(layer) + (spec_.heads(layer).values_are_keys ? 1 : 2) * kv_rows(layer);
  }

  BlockWeights load_block(int layer) {
    const int64_t d = spec_.d_model, f = spec_.ffn_dim;
    const auto name = [&](const char* pattern) { return fmt::format(fmt::runtime(pattern), layer); };
    BlockWeights block;
    block.attn_norm = vector(name(names_.attn_norm), d);
    if (spec_.layer_norm) {
      block.attn_norm_bias = vector(name(names_.attn_norm_bias), d);
      block.ffn_norm_bias = vector(name(names_.ffn_norm_bias), d);
    }
    block.qkv = load_qkv(layer);
    if (spec_.qkv_bias) block.qkv_bias = load_qkv_bias(layer);
    if (spec_.qk_norm) {
      block.q_norm = vector(name(names_.q_norm), spec_.heads(layer).head_dim);
      block.k_norm = vector(name(names_.k_norm), spec_.heads(layer).head_dim);
    }
    block.attn_out = pack({block_matrix(name(names_.attn_out), d, q_rows(layer))});
    if (spec_.attn_out_bias) block.attn_out_bias = vector(name(names_.attn_out_bias), d);
    block.ffn_norm = vector(name(names_.ffn_norm), d);
    if (spec_.block == BlockKind::kGemma) load_gemma(layer, block);
    if (spec_.has_experts(layer)) block.experts = load_experts(layer);
    if (!has_dense_net(layer)) return block;
    std::vector<MatrixPart> gate_up;
    for (const std::string& pattern : ffn_patterns()) gate_up.push_back(block_matrix(name(pattern.c_str()), f, d));
    block.gate_up = pack(gate_up);
    block.down = pack({block_matrix(name(names_.down), d, f)});
    if (spec_.ffn == FfnKind::kGelu) {
      block.up_bias = vector(name(names_.up_bias), f);
      block.down_bias = vector(name(names_.down_bias), d);
    }
    return block;
  }

  void load_gemma(int layer, BlockWeights& block) {
    const auto norm = [&](const char* pattern) {
      return vector(fmt::format(fmt::runtime(pattern), layer), spec_.d_model);
    };
    const auto scalar = [&](const char* pattern) { return vector(fmt::format(fmt::runtime(pattern), layer), 1)[0]; };
    const GemmaNames& names = names_.gemma;
    block.v_norm.assign(static_cast<size_t>(spec_.heads(layer).head_dim), 1.0f);
    block.gemma = {.attn_post_norm = norm(names.attn_post_norm),
                   .ffn_post_norm = norm(names.ffn_post_norm),
                   .router_norm = norm(names.router_scale),
                   .experts_norm = norm(names.experts_norm),
                   .experts_post_norm = norm(names.experts_post_norm),
                   .post_norm = norm(names.post_norm),
                   .encode_scale = scalar(names.encode_scale),
                   .denoise_scale = scalar(names.denoise_scale)};
    const float root = 1.0f / std::sqrt(static_cast<float>(spec_.d_model));
    for (float& scale : block.gemma.router_norm) scale *= root;
  }

  SelfConditioningWeights load_self_conditioning() {
    const int64_t d = spec_.d_model, f = spec_.ffn_dim;
    const GemmaNames& names = names_.gemma;
    return {.norm = vector(names.condition_norm, d),
            .gate_up = pack({{find(names.condition_gate, {f, d})}, {find(names.condition_up, {f, d})}}),
            .down = pack({{find(names.condition_down, {d, f})}})};
  }

  // [n, k], or stored the other way round.
  MatrixPart block_matrix(const std::string& name, int64_t n, int64_t k, int64_t interleaved_head_dim = 0) {
    if (!names_.transposed) return {find(name, {n, k}), interleaved_head_dim};
    const auto turned = turn(*find(name, {k, n}));
    return {&turned->view, interleaved_head_dim, 0, -1, turned};
  }

  // Expert by expert its parts: a tensor of its own each, or rows of one for all.
  std::vector<MatrixPart> expert_parts(int layer, const std::vector<const char*>& patterns, int64_t n, int64_t k) {
    const int64_t experts = spec_.moe.n_experts;
    std::vector<MatrixPart> parts;
    for (int64_t expert = 0; expert < experts; ++expert) {
      for (const char* pattern : patterns) {
        const std::string name = fmt::format(fmt::runtime(pattern), layer, expert);
        if (names_.experts.stacked)
          parts.push_back({find(name, {experts, n, k}), 0, expert * n, n});
        else
          parts.push_back({find(name, {n, k})});
      }
    }
    return parts;
  }

  ExpertWeights load_experts(int layer) {
    const MoeSpec& moe = spec_.moe;
    const ExpertNames& names = names_.experts;
    const int64_t d = spec_.d_model, inner = moe.expert_dim, shared = moe.shared_dim;
    const auto name = [&](const char* pattern) { return fmt::format(fmt::runtime(pattern), layer); };
    ExpertWeights experts;
    experts.router = pack_as(PackedMatrix::Format::kF32, {{find(name(names.router), {moe.n_experts, d})}}, 1);
    if (moe.expert_bias) experts.bias = vector(name(names.bias), moe.n_experts);
    if (names.scales != nullptr) experts.scales = vector(name(names.scales), moe.n_experts);
    if (names.gate_up != nullptr)
      experts.gate_up = pack(expert_parts(layer, {names.gate_up}, 2 * inner, d), moe.n_experts);
    else
      experts.gate_up = pack(expert_parts(layer, {names.gate, names.up}, inner, d), moe.n_experts);
    experts.down = pack(expert_parts(layer, {names.down}, d, inner), moe.n_experts);
    if (shared == 0) return experts;
    experts.shared_gate_up =
        pack({{find(name(names.shared_gate), {shared, d})}, {find(name(names.shared_up), {shared, d})}});
    experts.shared_down = pack({{find(name(names.shared_down), {d, shared})}});
    return experts;
  }

  PackedMatrix load_qkv(int layer) {
    const int64_t d = spec_.d_model, head_dim = interleaved_head_dim();
    const auto name = [&](const char* pattern) { return fmt::format(fmt::runtime(pattern), layer); };
    if (names_.qkv != nullptr) return pack({block_matrix(name(names_.qkv), qkv_rows(layer), d)});
    std::vector<MatrixPart> parts = {block_matrix(name(names_.q), q_rows(layer), d, head_dim),
                                     block_matrix(name(names_.k), kv_rows(layer), d, head_dim)};
    if (!spec_.heads(layer).values_are_keys) parts.push_back(block_matrix(name(names_.v), kv_rows(layer), d));
    return pack(parts);
  }

  std::vector<float> load_qkv_bias(int layer) {
    const auto name = [&](const char* pattern) { return fmt::format(fmt::runtime(pattern), layer); };
    if (names_.qkv != nullptr) return vector(name(names_.qkv_bias), qkv_rows(layer));
    std::vector<float> bias;
    const auto append = [&](const char* pattern, int64_t size, int64_t head_dim) {
      const std::vector<float> part = vector(name(pattern), size);
      const MatrixPart rows = {nullptr, head_dim};
      for (int64_t row = 0; row < size; ++row) bias.push_back(part[static_cast<size_t>(rows.source_row(row))]);
    };
    append(names_.q_bias, q_rows(layer), interleaved_head_dim());
    append(names_.k_bias, kv_rows(layer), interleaved_head_dim());
    append(names_.v_bias, kv_rows(layer), 0);
    return bias;
  }

  int64_t interleaved_head_dim() const { return names_.interleaved_rope ? spec_.head_dim : 0; }

  bool is_of_another_part(const std::string& name) const {
    const std::span<const char* const> parts = family_of(spec_).other_parts;
    return std::any_of(parts.begin(), parts.end(), [&](const char* prefix) { return name.starts_with(prefix); });
  }

  // Whether it is the encoder's copy of a tensor of the decoder. Throws kUnsupported when it differs from it.
  bool repeats_the_decoder(const std::string& name) const {
    if (names_.encoder_prefix == nullptr || !name.starts_with(names_.encoder_prefix)) return false;
    const std::string twin = names_.decoder_prefix + name.substr(std::string_view(names_.encoder_prefix).size());
    if (!used_.contains(twin)) return false;
    const TensorView *copy = files_.weights->find(name), *own = files_.weights->find(twin);
    if (own == nullptr || pool_ == nullptr || std::ranges::equal(copy->bytes, own->bytes)) return true;
    throw error(ErrorKind::kUnsupported, "{}: tensor '{}' differs from '{}'; encoder and decoder must be the same net",
                files_.weights->describe(), printable(name), printable(twin));
  }

  void check_nothing_left() const {
    for (const std::string& name : files_.weights->names()) {
      if (used_.contains(name) || is_redundant_tensor(name, spec_, names_)) continue;
      if (is_of_another_part(name) || repeats_the_decoder(name)) continue;
      throw error(ErrorKind::kUnsupported, "{}: tensor '{}' has no place in family {}", files_.weights->describe(),
                  printable(name), spec_.family);
    }
  }

  const ModelSpec& spec_;
};

}  // namespace

double packed_bytes(const ModelFiles& files, const ModelSpec& spec, PackedMatrix::Format format) {
  return Loader(files, spec, format, nullptr).bytes_needed();
}

void check_tensors(const ModelFiles& files, const ModelSpec& spec) {
  Loader(files, spec, PackedMatrix::Format::kQ8, nullptr).load();
}

ModelWeights load_weights(const ModelFiles& files, const ModelSpec& spec, PackedMatrix::Format format, ThreadPool& pool,
                          const PackedCache& cache) {
  return Loader(files, spec, format, &pool).load(cache);
}

}  // namespace pent
