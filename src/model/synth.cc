#include "model/synth.h"

#include <algorithm>
#include <cmath>
#include <list>

#include "base/error.h"
#include "base/mapped_file.h"
#include "base/random.h"
#include "io/tensor_table.h"
#include "model/families/config.h"
#include "model/families/family.h"

namespace pent {
namespace {

class MemoryWeights : public WeightSource {
 public:
  // Takes the values; adding to the list leaves the earlier ones where they are.
  void add(const std::string& name, std::vector<int64_t> shape, std::vector<float> values) {
    const std::vector<float>& kept = storage_.emplace_back(std::move(values));
    table_.add(name,
               {.name = {}, .dtype = DType::kF32, .shape = std::move(shape), .bytes = std::as_bytes(std::span(kept))});
  }
  std::vector<std::string> names() const override { return table_.names(); }
  const TensorView* find(std::string_view name) const override { return table_.find(name); }
  std::string describe() const override { return "random weights"; }
  void check_intact() const override {}

 private:
  std::list<std::vector<float>> storage_;
  TensorTable table_;
};

// centre + uniform noise of the given standard deviation; element i of tensor `index` is a function of (seed, index,
// i).
std::vector<float> random_values(int64_t count, float centre, double deviation, uint64_t seed, uint32_t index) {
  std::vector<float> values(count);
  const double width = std::sqrt(12.0) * deviation;
  for (int64_t i = 0; i < count; i += 4) {
    DrawKey key = {.seed = seed, .step = index, .purpose = DrawPurpose::kInit};
    key.cell = static_cast<uint32_t>(i / 4);
    const auto bits = draw_bits(key);
    for (int64_t j = i; j < std::min(count, i + 4); ++j) {
      values[j] = centre + static_cast<float>((bits[j - i] * 0x1p-32 - 0.5) * width);
    }
  }
  return values;
}

}  // namespace

ModelFiles make_random_model(const ModelSpec& spec, uint64_t seed) {
  auto weights = std::make_shared<MemoryWeights>();
  uint32_t index = 0;
  const auto matrix = [&](const std::string& name, int64_t n, int64_t k, double deviation) {
    weights->add(name, {n, k}, random_values(n * k, 0, deviation, seed, index++));
  };
  const auto linear = [&](const std::string& name, int64_t n, int64_t k) {
    matrix(name, n, k, 1 / std::sqrt(double(k)));
  };
  const auto norm = [&](const std::string& name) {
    weights->add(name, {spec.d_model}, random_values(spec.d_model, 1, 0.1, seed, index++));
  };
  const TensorNames& names = spec.family == kLladaFamily.name ? kLladaNames : kLlamaNames;
  const int64_t d = spec.d_model, q = int64_t{spec.n_heads} * spec.head_dim,
                kv = int64_t{spec.n_kv_heads} * spec.head_dim;
  matrix(names.embedding, spec.vocab_size, d, 1);
  for (int layer = 0; layer < spec.n_layers; ++layer) {
    const auto name = [&](const char* pattern) { return fmt::format(fmt::runtime(pattern), layer); };
    norm(name(names.attn_norm));
    linear(name(names.q), q, d);
    linear(name(names.k), kv, d);
    linear(name(names.v), kv, d);
    linear(name(names.attn_out), d, q);
    norm(name(names.ffn_norm));
    linear(name(names.gate), spec.ffn_dim, d);
    linear(name(names.up), spec.ffn_dim, d);
    linear(name(names.down), d, spec.ffn_dim);
  }
  norm(names.final_norm);
  if (!spec.tied_head) linear(names.head, spec.vocab_size, d);

  ModelFiles files;
  files.where = "random model";
  files.config = to_config(spec);
  files.weights = std::move(weights);
  return files;
}

void write_model_directory(const ModelFiles& files, const std::filesystem::path& directory) {
  std::error_code failed;
  std::filesystem::create_directories(directory, failed);
  if (failed) throw error(ErrorKind::kIo, "{}: cannot create the directory: {}", directory.string(), failed.message());
  const auto write_json = [&](const char* name, const Json& json) {
    if (!json.is_null()) write_file_atomically(directory / name, json.dump(2) + "\n");
  };
  write_json("config.json", files.config);
  write_json("generation_config.json", files.generation_config);
  write_json("tokenizer_config.json", files.tokenizer_config);
  if (!files.tokenizer_json.empty()) write_file_atomically(directory / "tokenizer.json", files.tokenizer_json);
  std::vector<TensorToWrite> tensors;
  for (const std::string& name : files.weights->names()) {
    const TensorView& view = *files.weights->find(name);
    tensors.push_back({name, view.dtype, view.shape, view.bytes});
  }
  write_safetensors(directory / "model.safetensors", tensors, {{"format", "pt"}});
}

}  // namespace pent
