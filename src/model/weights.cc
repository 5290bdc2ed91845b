// Loading: every tensor the spec calls for is found, checked, dequantised and packed, panel by panel on all threads.
// A tensor that nobody asked for is refused, rotary tables and the like apart: it would change the published result.
#include "model/weights.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string>

#include "base/error.h"
#include "base/memory.h"
#include "model/families/family.h"
#include "model/packed_cache.h"
#include "model/tensor_slots.h"

namespace pent {
namespace {

using kernels::PackedMatrix;

// A matrix that was stored as [in, out], turned round.
struct TurnedMatrix {
  std::vector<float> values;
  TensorView view;  // of values
};

// One tensor's share of a packed matrix. head_dim > 0: its rows are in interleaved RoPE order and come back to half
// form.
struct MatrixPart {
  const TensorView* tensor;
  int64_t interleaved_head_dim = 0;
  int64_t first_row = 0;
  int64_t row_count = -1;                                // -1: all of the tensor's
  std::shared_ptr<const TurnedMatrix> turned = nullptr;  // what `tensor` is the view of, if it is no stored one

  int64_t rows() const { return row_count < 0 ? tensor->rows() : row_count; }

  int64_t source_row(int64_t row) const {
    return interleaved_head_dim == 0 ? first_row + row : row_in_interleaved(row, interleaved_head_dim);
  }
};

class Loader {
 public:
  Loader(const ModelFiles& files, const ModelSpec& spec, PackedMatrix::Format format, ThreadPool* pool)
      : files_(files), spec_(spec), names_(tensor_names(files, spec)), format_(format), pool_(pool) {}

  // By the formats of the first of a matrix's tensors. What is missing is complained of when it is looked for.
  double bytes_needed() const {
    const int64_t d = spec_.d_model;
    double total = matrix_bytes({spec_.tied_head ? names_.embedding : names_.head}, 0, spec_.vocab_size, d);
    for (int layer = 0; layer < spec_.n_layers; ++layer) {
      total += matrix_bytes(qkv_patterns(), layer, q_rows() + 2 * kv_rows(), d) +
               matrix_bytes({names_.attn_out}, layer, d, q_rows());
      if (!spec_.has_experts(layer)) {
        total +=
            matrix_bytes(ffn_patterns(), layer, ffn_rows(), d) + matrix_bytes({names_.down}, layer, d, spec_.ffn_dim);
        continue;
      }
      const MoeSpec& moe = spec_.moe;
      const ExpertNames& names = names_.experts;
      total +=
          static_cast<double>(PackedMatrix::bytes_needed(PackedMatrix::Format::kF32, moe.n_experts, d)) +
          matrix_bytes({names.gate, names.up}, layer, moe.n_experts * stacked_rows(2 * int64_t{moe.expert_dim}), d) +
          matrix_bytes({names.down}, layer, moe.n_experts * stacked_rows(d), moe.expert_dim);
      if (moe.shared_dim > 0)
        total += matrix_bytes({names.shared_gate, names.shared_up}, layer, 2 * int64_t{moe.shared_dim}, d) +
                 matrix_bytes({names.shared_down}, layer, d, moe.shared_dim);
    }
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

 private:
  ModelWeights load() {
    const int64_t d = spec_.d_model;
    if (!kept_) require_memory(bytes_needed(), fmt::format("{}: packing the weights", files_.where));
    ModelWeights weights;
    weights.source = files_.weights;
    if (kept_) weights.packed_file = kept_->file();
    if (const TensorView* table = files_.weights->find(names_.embedding);
        table != nullptr && table->shape.size() == 2 && table->rows() != spec_.vocab_size)
      throw error(ErrorKind::kCorrupt, "{}: the vocabulary (vocab_size) is {}, but tensor '{}' has {} rows",
                  files_.where, spec_.vocab_size, names_.embedding, table->rows());
    weights.embedding = find(names_.embedding, {spec_.vocab_size, d});
    if (!kept_) check_finite(*weights.embedding);
    if (spec_.learned_positions) {
      weights.positions = find(names_.positions, {spec_.max_positions, d});
      if (!kept_) check_finite(*weights.positions);
    }
    weights.final_norm = vector(names_.final_norm, d);
    if (spec_.layer_norm) weights.final_norm_bias = vector(names_.final_norm_bias, d);
    const TensorView* head = spec_.tied_head ? weights.embedding : find(names_.head, {spec_.vocab_size, d});
    weights.head = pack({{head}});
    for (int layer = 0; layer < spec_.n_layers; ++layer) weights.blocks.push_back(load_block(layer));
    check_nothing_left();
    weights.check_intact();
    return weights;
  }

  // In the order of load(). A full disk, or a folder that cannot be written, only means that the next start packs again.
  static void keep(const std::filesystem::path& path, const Json& key, const ModelWeights& weights) {
    std::vector<PackedMatrix> matrices = {weights.head};
    for (const BlockWeights& block : weights.blocks) {
      const ExpertWeights& experts = block.experts;
      for (const PackedMatrix& matrix : {block.qkv, block.attn_out, block.gate_up, block.down, experts.router,
                                         experts.gate_up, experts.down, experts.shared_gate_up, experts.shared_down})
        if (matrix.n() > 0) matrices.push_back(matrix);
    }
    try {
      write_packed(path, key, matrices);
    } catch (const Error&) {
    }
  }

  double matrix_bytes(const std::vector<std::string>& patterns, int layer, int64_t n, int64_t k) const {
    std::vector<const TensorView*> parts;
    for (const std::string& pattern : patterns)
      parts.push_back(files_.weights->find(fmt::format(fmt::runtime(pattern), layer, 0)));
    return static_cast<double>(PackedMatrix::bytes_needed(format_of(parts), n, k));
  }

  std::vector<std::string> qkv_patterns() const {
    if (names_.qkv != nullptr) return {names_.qkv};
    return {names_.q, names_.k, names_.v};
  }

  std::vector<std::string> ffn_patterns() const {
    if (spec_.ffn == FfnKind::kGelu) return {names_.up};
    return {names_.gate, names_.up};
  }

  int64_t ffn_rows() const { return int64_t{spec_.ffn_dim} * (spec_.ffn == FfnKind::kGelu ? 1 : 2); }
  int64_t q_rows() const { return int64_t{spec_.n_heads} * spec_.head_dim; }
  int64_t kv_rows() const { return int64_t{spec_.n_kv_heads} * spec_.head_dim; }

  // How the parts of a matrix are packed: 4-bit blocks as they are, everything else as the caller wants it.
  PackedMatrix::Format format_of(const std::vector<const TensorView*>& parts) const {
    using Format = PackedMatrix::Format;
    bool four_bit = true, without_minima = true;
    for (const TensorView* part : parts) {
      four_bit = four_bit && part != nullptr && is_four_bit(part->dtype);
      without_minima = without_minima && part != nullptr && part->dtype == DType::kQ4_0;
    }
    return format_ != Format::kQ8 || !four_bit ? format_ : without_minima ? Format::kQ4_0 : Format::kQ4_1;
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
      block.q_norm = vector(name(names_.q_norm), spec_.head_dim);
      block.k_norm = vector(name(names_.k_norm), spec_.head_dim);
    }
    block.attn_out = pack({block_matrix(name(names_.attn_out), d, q_rows())});
    if (spec_.attn_out_bias) block.attn_out_bias = vector(name(names_.attn_out_bias), d);
    block.ffn_norm = vector(name(names_.ffn_norm), d);
    if (spec_.has_experts(layer)) {
      block.experts = load_experts(layer);
      return block;
    }
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

  // [n, k], or stored the other way round.
  MatrixPart block_matrix(const std::string& name, int64_t n, int64_t k, int64_t interleaved_head_dim = 0) {
    if (!names_.transposed) return {find(name, {n, k}), interleaved_head_dim};
    const auto turned = turn(*find(name, {k, n}));
    return {&turned->view, interleaved_head_dim, 0, -1, turned};
  }

  std::shared_ptr<const TurnedMatrix> turn(const TensorView& stored) const {
    const int64_t n = stored.cols(), k = stored.rows();
    auto turned = std::make_shared<TurnedMatrix>();
    turned->view = {.name = stored.name, .dtype = DType::kF32, .shape = {n, k}, .bytes = {}};
    if (kept_) return turned;  // packed already; only its shape is asked for
    turned->values.resize(static_cast<size_t>(n * k));
    turned->view.bytes = std::as_bytes(std::span(turned->values));
    pool_->parallel_for(k, 16, [&](int64_t begin, int64_t end, int) {
      std::vector<float> column(static_cast<size_t>(n));
      for (int64_t i = begin; i < end; ++i) {
        read_rows(stored, i, i + 1, column.data());
        for (int64_t row = 0; row < n; ++row)
          turned->values[static_cast<size_t>(row * k + i)] = column[static_cast<size_t>(row)];
      }
    });
    return turned;
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
    if (names_.qkv != nullptr) return pack({block_matrix(name(names_.qkv), q_rows() + 2 * kv_rows(), d)});
    return pack({block_matrix(name(names_.q), q_rows(), d, head_dim),
                 block_matrix(name(names_.k), kv_rows(), d, head_dim), block_matrix(name(names_.v), kv_rows(), d)});
  }

  std::vector<float> load_qkv_bias(int layer) {
    const auto name = [&](const char* pattern) { return fmt::format(fmt::runtime(pattern), layer); };
    if (names_.qkv != nullptr) return vector(name(names_.qkv_bias), q_rows() + 2 * kv_rows());
    std::vector<float> bias;
    const auto append = [&](const char* pattern, int64_t size, int64_t head_dim) {
      const std::vector<float> part = vector(name(pattern), size);
      const MatrixPart rows = {nullptr, head_dim};
      for (int64_t row = 0; row < size; ++row) bias.push_back(part[static_cast<size_t>(rows.source_row(row))]);
    };
    append(names_.q_bias, q_rows(), interleaved_head_dim());
    append(names_.k_bias, kv_rows(), interleaved_head_dim());
    append(names_.v_bias, kv_rows(), 0);
    return bias;
  }

  int64_t interleaved_head_dim() const { return names_.interleaved_rope ? spec_.head_dim : 0; }

  const TensorView* find(const std::string& name, const std::vector<int64_t>& shape) {
    used_.insert(name);
    const TensorView* tensor = files_.weights->find(name);
    if (tensor == nullptr) {
      throw error(ErrorKind::kCorrupt, "{}: tensor '{}' is missing", files_.weights->describe(), name);
    }
    if (tensor->shape != shape) {
      throw error(ErrorKind::kCorrupt, "{}: tensor '{}' has shape [{}], the config asks for [{}]",
                  files_.weights->describe(), name, fmt::join(tensor->shape, ", "), fmt::join(shape, ", "));
    }
    if (!is_weight_type(tensor->dtype)) {
      throw error(ErrorKind::kUnsupported, "{}: tensor '{}' has type {}, which weights cannot have",
                  files_.weights->describe(), name, dtype_info(tensor->dtype).name);
    }
    return tensor;
  }

  // Rows of the tensor as float, refused if any element is NaN or infinite.
  void read_rows(const TensorView& tensor, int64_t begin, int64_t end, float* out) const {
    dequantize_rows(tensor, begin, end, out);
    for (int64_t i = 0; i < (end - begin) * tensor.cols(); ++i) {
      if (!std::isfinite(out[i])) {
        throw error(ErrorKind::kCorrupt, "{}: tensor '{}' holds a value that is not finite (row {}, column {})",
                    files_.weights->describe(), tensor.name, begin + i / tensor.cols(), i % tensor.cols());
      }
    }
  }

  void check_nothing_left() const {
    for (const std::string& name : files_.weights->names()) {
      if (used_.contains(name) || is_redundant_tensor(name, spec_, names_)) continue;
      throw error(ErrorKind::kUnsupported, "{}: tensor '{}' has no place in family {}", files_.weights->describe(),
                  name, spec_.family);
    }
  }

  void check_finite(const TensorView& tensor) const {
    pool_->parallel_for(tensor.rows(), 256, [&](int64_t begin, int64_t end, int) {
      std::vector<float> row(tensor.cols());
      for (int64_t i = begin; i < end; ++i) read_rows(tensor, i, i + 1, row.data());
    });
  }

  std::vector<float> vector(const std::string& name, int64_t size) {
    std::vector<float> values(static_cast<size_t>(size));
    read_rows(*find(name, {size}), 0, 1, values.data());
    return values;
  }

  // The parts below one another as one matrix; or as a stack of `count` matrices of equally many parts, each beginning a panel.
  PackedMatrix pack(const std::vector<MatrixPart>& parts, int64_t count = 1) const {
    std::vector<const TensorView*> tensors;
    for (const MatrixPart& part : parts) tensors.push_back(part.tensor);
    return pack_as(format_of(tensors), parts, count);
  }

  PackedMatrix pack_as(PackedMatrix::Format format, const std::vector<MatrixPart>& parts, int64_t count) const {
    const int64_t k = parts.front().tensor->cols(), parts_each = static_cast<int64_t>(parts.size()) / count;
    int64_t n = 0;
    for (int64_t i = 0; i < parts_each; ++i) n += parts[static_cast<size_t>(i)].rows();
    const int64_t whole = count == 1 ? n : count * stacked_rows(n), panels_each = stacked_rows(n) / kernels::kPanel;
    if (kept_) return kept_->next(format, whole, k);
    PackedMatrix matrix(format, whole, k);
    pool_->parallel_for(matrix.panels(), 1, [&](int64_t begin, int64_t end, int) {
      std::vector<float> rows(static_cast<size_t>(kernels::kPanel * k));
      for (int64_t panel = begin; panel < end; ++panel) {
        const int64_t first = panel % panels_each * kernels::kPanel, rows_here = std::min(kernels::kPanel, n - first);
        for (int64_t i = 0; i < rows_here; ++i) {
          int64_t row = first + i;
          const MatrixPart* part = parts.data() + panel / panels_each * parts_each;
          for (; row >= part->rows(); ++part) row -= part->rows();
          const int64_t source = part->source_row(row);
          if (matrix.is_four_bit()) {
            pack_four_bit_row(*part->tensor, source, panel * kernels::kPanel + i, matrix);
          } else {
            read_rows(*part->tensor, source, source + 1, rows.data() + i * k);
            if (matrix.format() == PackedMatrix::Format::kQ8) check_fits_int8(*part->tensor, rows.data() + i * k);
          }
        }
        if (!matrix.is_four_bit()) matrix.pack_panel(panel, rows.data(), rows_here);
      }
    });
    return matrix;
  }

  void check_fits_int8(const TensorView& tensor, const float* row) const {
    const auto too_large = [](float x) { return std::fabs(x) > PackedMatrix::kMostInInt8; };
    const float* end = row + tensor.cols();
    if (const float* found = std::find_if(row, end, too_large); found != end)
      throw error(ErrorKind::kUnsupported, "{}: tensor '{}' holds {}, more than int8 weights can say; --precise can",
                  files_.weights->describe(), tensor.name, *found);
  }

  void pack_four_bit_row(const TensorView& tensor, int64_t source, int64_t row, PackedMatrix& matrix) const {
    for (int64_t group = 0; group < matrix.groups(); ++group) {
      const FourBitBlock block = read_four_bit_block(tensor, source, group);
      if (!std::isfinite(f16_to_f32(block.scale)) || !std::isfinite(f16_to_f32(block.minimum))) {
        throw error(ErrorKind::kCorrupt, "{}: tensor '{}' holds a value that is not finite (row {}, column {})",
                    files_.weights->describe(), tensor.name, source, group * kernels::kGroup);
      }
      matrix.pack_group(row, group, block.scale, block.minimum, block.values);
    }
  }

  const ModelFiles& files_;
  const ModelSpec& spec_;
  const TensorNames& names_;
  PackedMatrix::Format format_;
  ThreadPool* pool_;  // null where nothing is packed
  std::set<std::string> used_;
  std::unique_ptr<PackedFile> kept_;  // packed earlier; null: to be packed
};

}  // namespace

double packed_bytes(const ModelFiles& files, const ModelSpec& spec, PackedMatrix::Format format) {
  return Loader(files, spec, format, nullptr).bytes_needed();
}

ModelWeights load_weights(const ModelFiles& files, const ModelSpec& spec, PackedMatrix::Format format, ThreadPool& pool,
                          const PackedCache& cache) {
  return Loader(files, spec, format, &pool).load(cache);
}

}  // namespace pent
