#include "model/synth.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <list>

#include "base/error.h"
#include "base/mapped_file.h"
#include "base/random.h"
#include "io/gguf_mixture.h"
#include "io/gguf_write.h"
#include "io/quantize.h"
#include "io/tensor_table.h"
#include "model/families/config.h"
#include "model/families/family.h"
#include "model/tensor_slots.h"

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

// One tensor of the spec: matrices and biases are centred on 0, norms on 1.
struct RandomTensor {
  std::string name;
  std::vector<int64_t> shape;
  TensorSlot::Role role;
  double deviation;

  float centre() const { return role == TensorSlot::Role::kNorm ? 1 : 0; }
  int64_t elements() const {
    int64_t product = 1;
    for (const int64_t axis : shape) product *= axis;
    return product;
  }
};

double deviation_of(const TensorSlot& slot) {
  switch (slot.role) {
    case TensorSlot::Role::kEmbedding:
    case TensorSlot::Role::kPositions: return 1;
    case TensorSlot::Role::kNorm:
    case TensorSlot::Role::kBias: return 0.1;
    case TensorSlot::Role::kExpertBias: return 0.05;
    default: return 1 / std::sqrt(static_cast<double>(slot.shape.back()));
  }
}

// In the order in which they are drawn.
std::vector<RandomTensor> tensors_of(const ModelSpec& spec, const TensorNames& names) {
  std::vector<RandomTensor> tensors;
  for (const TensorSlot& slot : tensor_slots(spec, names)) {
    RandomTensor tensor{slot.name(), slot.stored_shape(), slot.role, deviation_of(slot)};
    if (slot.experts > 0 && names.experts.stacked) tensor.shape.insert(tensor.shape.begin(), slot.experts);
    tensors.push_back(tensor);
    for (int expert = 1; expert < slot.experts && !names.experts.stacked; ++expert) {
      tensor.name = slot.name(expert);
      tensors.push_back(tensor);
    }
  }
  return tensors;
}

// Elements [4 i, 4 i + 4) of a tensor come from draw i: centre + uniform noise of the tensor's standard deviation.
class Noise {
 public:
  Noise(const RandomTensor& tensor, uint64_t seed, uint32_t index)
      : centre_(tensor.centre()), width_(std::sqrt(12.0) * tensor.deviation) {
    key_ = {.seed = seed, .step = index, .purpose = DrawPurpose::kInit};
  }

  // Elements [begin, end) of the tensor; begin is a multiple of 4.
  void fill(int64_t begin, int64_t end, float* out) const {
    for (int64_t i = begin; i < end; i += 4) {
      DrawKey key = key_;
      key.cell = static_cast<uint32_t>(i / 4);
      const auto bits = draw_bits(key);
      for (int64_t j = i; j < std::min(end, i + 4); ++j) {
        out[j - begin] = centre_ + static_cast<float>((bits[j - i] * 0x1p-32 - 0.5) * width_);
      }
    }
  }

 private:
  DrawKey key_;
  float centre_;
  double width_;
};

// Blocks of 32 elements of a quantised tensor, drawn as they are stored: whole numbers spread evenly and symmetrically,
// times a scale that varies by a factor of three between blocks.
class BlockNoise {
 public:
  BlockNoise(const RandomTensor& tensor, DType type, uint64_t seed, uint32_t index)
      : type_(type), deviation_(tensor.deviation) {
    key_ = {.seed = seed, .step = index, .purpose = DrawPurpose::kInit};
  }

  void write(int64_t block, std::byte* out) const {
    DrawKey key = key_;
    key.cell = static_cast<uint32_t>(block);
    uint8_t values[32];
    const int words = type_ == DType::kQ8_0 ? 2 : 1;
    for (int i = 0; i < words; ++i, ++key.index) {
      const auto bits = draw_bits(key);
      std::memcpy(values + 16 * i, bits.data(), 16);
    }
    const double scale = deviation_ / deviation_of_values() * (0.5 + draw_uniform(key));
    put_half(scale, out);
    if (type_ == DType::kQ4_1) put_half(-7.5 * scale, out + 2);
    std::byte* stored = out + dtype_info(type_).block_bytes - 16 * words;
    for (int i = 0; i < 16 * words; ++i) stored[i] = static_cast<std::byte>(symmetrical(values[i]));
  }

 private:
  // Of what symmetrical() leaves of evenly spread bits.
  double deviation_of_values() const {
    return type_ == DType::kQ8_0 ? 73.467 : type_ == DType::kQ4_0 ? 4.1833 : 4.6098;
  }

  // The lowest value has no opposite: it becomes zero. Q4_1's minimum makes it symmetrical as it is.
  uint8_t symmetrical(uint8_t byte) const {
    if (type_ == DType::kQ8_0) return byte == 0x80 ? 0 : byte;
    if (type_ == DType::kQ4_1) return byte;
    const auto nibble = [](unsigned value) { return value == 0 ? 8u : value; };
    return static_cast<uint8_t>(nibble(byte & 15) | nibble(byte >> 4) << 4);
  }

  static void put_half(double value, std::byte* out) {
    const uint16_t half = f32_to_f16(static_cast<float>(value));
    std::memcpy(out, &half, sizeof(half));
  }

  DrawKey key_;
  DType type_;
  double deviation_;
};

// A slice of a tensor's elements, as stored.
void draw_elements(const RandomTensor& tensor, DType type, uint64_t seed, uint32_t index, int64_t begin, int64_t end,
                   std::byte* out) {
  const DTypeInfo& info = dtype_info(type);
  if (info.block_size > 1) {
    const BlockNoise noise(tensor, type, seed, index);
    for (int64_t block = begin / info.block_size; block < end / info.block_size; ++block, out += info.block_bytes)
      noise.write(block, out);
    return;
  }
  std::vector<float> values(static_cast<size_t>(end - begin));
  Noise(tensor, seed, index).fill(begin, end, values.data());
  quantize(type, values.data(), end - begin, out);
}

// Piece after piece: drawn by all threads, then written.
void write_tensor(const RandomTensor& tensor, DType type, uint64_t seed, uint32_t index, ThreadPool& pool,
                  const ByteSink& sink) {
  constexpr int64_t kGrain = 1 << 16, kPiece = 256 * kGrain;
  const DTypeInfo& info = dtype_info(type);
  const int64_t elements = tensor.elements();
  const auto bytes_of = [&](int64_t count) { return count / info.block_size * info.block_bytes; };
  std::vector<std::byte> piece(static_cast<size_t>(bytes_of(std::min(elements, kPiece))));
  for (int64_t first = 0; first < elements; first += kPiece) {
    const int64_t count = std::min(kPiece, elements - first);
    pool.parallel_for(count, kGrain, [&](int64_t begin, int64_t end, int) {
      draw_elements(tensor, type, seed, index, first + begin, first + end, piece.data() + bytes_of(begin));
    });
    sink(piece.data(), static_cast<size_t>(bytes_of(count)));
  }
}

}  // namespace

ModelFiles make_random_model(const ModelSpec& spec, uint64_t seed) {
  auto weights = std::make_shared<MemoryWeights>();
  uint32_t index = 0;
  for (const RandomTensor& tensor : tensors_of(spec, hugging_face_names(spec))) {
    std::vector<float> values(static_cast<size_t>(tensor.elements()));
    Noise(tensor, seed, index++).fill(0, static_cast<int64_t>(values.size()), values.data());
    weights->add(tensor.name, tensor.shape, std::move(values));
  }
  ModelFiles files;
  files.where = "random model";
  files.config = to_config(spec);
  files.weights = std::move(weights);
  return files;
}

void write_random_gguf(const RandomGguf& model, const std::filesystem::path& path, ThreadPool& pool) {
  PENT_CHECK(static_cast<int>(model.vocabulary.size()) == model.spec.vocab_size);
  std::vector<StreamedTensor> tensors;
  uint32_t index = 0;
  for (const RandomTensor& tensor : tensors_of(model.spec, gguf_names(model.spec))) {
    const bool outside = tensor.role == TensorSlot::Role::kEmbedding || tensor.role == TensorSlot::Role::kHead;
    const DType type = !is_quantized_in_gguf(tensor.name, tensor.shape) ? DType::kF32
                       : outside && is_four_bit(model.type)             ? DType::kQ8_0
                                                                        : model.type;
    tensors.push_back({tensor.name, type, tensor.shape, [&model, &pool, tensor, type, index](const ByteSink& sink) {
                         write_tensor(tensor, type, model.seed, index, pool, sink);
                       }});
    ++index;
  }
  GgufPairs pairs = to_gguf_metadata(model.spec);
  pairs.insert(pairs.begin() + 1, {"general.name", model.name});
  std::vector<int32_t> types(model.vocabulary.size(), 1);  // normal
  std::fill(types.end() - model.control, types.end(), 3);  // control
  pairs.emplace_back("tokenizer.ggml.model", std::string("gpt2"));
  pairs.emplace_back("tokenizer.ggml.pre", std::string("gpt-2"));
  pairs.emplace_back("tokenizer.ggml.tokens", model.vocabulary);
  pairs.emplace_back("tokenizer.ggml.token_type", std::move(types));
  pairs.emplace_back("tokenizer.ggml.merges", std::vector<std::string>());
  write_gguf(path, pairs, tensors);
}

void write_model_directory(const ModelFiles& files, const std::filesystem::path& directory) {
  std::error_code failed;
  std::filesystem::create_directories(directory, failed);
  if (failed) throw error(ErrorKind::kIo, "{}: cannot create the directory: {}", directory.string(), failed.message());
  write_model_descriptions(files, directory);
  std::vector<TensorToWrite> tensors;
  for (const std::string& name : files.weights->names()) {
    const TensorView& view = *files.weights->find(name);
    tensors.push_back({name, view.dtype, view.shape, view.bytes});
  }
  write_safetensors(directory / "model.safetensors", tensors, {{"format", "pt"}});
}

}  // namespace pent
