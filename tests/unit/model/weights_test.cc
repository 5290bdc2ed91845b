#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <list>

#include "base/error.h"
#include "model/denoiser.h"
#include "model/families/family.h"
#include "model/synth.h"

namespace pent {
namespace {

ModelSpec tiny_spec(const std::string& family) {
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

Edited editable(const std::string& family) {
  Edited edited;
  edited.files = make_random_model(tiny_spec(family), 3);
  edited.weights = std::make_shared<EditableWeights>(*edited.files.weights);
  edited.files.weights = edited.weights;
  return edited;
}

std::vector<float> logits_of(const ModelFiles& files, bool precise = true) {
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

void expect_refused(const std::string& family, ErrorKind kind, const std::string& words,
                    const std::function<void(EditableWeights&)>& spoil) {
  const Edited edited = editable(family);
  spoil(*edited.weights);
  try {
    logits_of(edited.files);
    ADD_FAILURE() << "accepted: " << words;
  } catch (const Error& failure) {
    EXPECT_EQ(failure.kind(), kind) << failure.what();
    EXPECT_NE(std::string(failure.what()).find(words), std::string::npos) << failure.what();
    EXPECT_NE(std::string(failure.what()).find("edited.file"), std::string::npos) << failure.what();
  }
}

TEST(Weights, AMissingTensorIsNamed) {
  for (const char* name : {"model.transformer.wte.weight", "model.transformer.ff_out.weight",
                           "model.transformer.blocks.1.up_proj.weight"}) {
    expect_refused("llada", ErrorKind::kCorrupt, name, [&](EditableWeights& weights) { weights.remove(name); });
  }
}

TEST(Weights, AWrongShapeIsShownBesideTheRightOne) {
  expect_refused("llama", ErrorKind::kCorrupt,
                 "'model.layers.0.self_attn.k_proj.weight' has shape [32, 16], the config asks for [16, 32]",
                 [](EditableWeights& weights) {
                   auto& tensor = weights.at("model.layers.0.self_attn.k_proj.weight");
                   tensor.shape = {32, 16};
                   EditableWeights::refresh(tensor);
                 });
}

TEST(Weights, AValueThatIsNotFiniteIsFoundAtLoading) {
  for (const char* name : {"model.embed_tokens.weight", "model.layers.1.mlp.down_proj.weight", "model.norm.weight"}) {
    expect_refused("llama", ErrorKind::kCorrupt, name,
                   [&](EditableWeights& weights) { weights.at(name).values.back() = std::nanf(""); });
  }
}

TEST(Weights, ATensorWithoutAPlaceIsRefused) {
  expect_refused("llama", ErrorKind::kUnsupported, "model.layers.0.self_attn.q_proj.bias",
                 [](EditableWeights& weights) {
                   weights.add("model.layers.0.self_attn.q_proj.bias", {32}, std::vector<float>(32));
                 });
  const Edited edited = editable("llama");
  edited.weights->add("model.layers.0.self_attn.rotary_emb.inv_freq", {4}, std::vector<float>(4));
  EXPECT_NO_THROW(logits_of(edited.files));
}

// What the config says of a vocabulary or of heads, and the tensors do not bear out.
TEST(Weights, SizesThatTheTensorsContradictAreRefused) {
  const auto refusal = [](const char* key, const Json& value) {
    ModelFiles files = make_random_model(tiny_spec("llama"), 3);
    files.config[key] = value;
    try {
      logits_of(files);
    } catch (const Error& failure) {
      EXPECT_EQ(failure.kind(), ErrorKind::kCorrupt);
      return std::string(failure.what());
    }
    ADD_FAILURE() << "accepted " << key;
    return std::string();
  };
  EXPECT_NE(refusal("vocab_size", 999).find("vocab_size) is 999, but tensor 'model.embed_tokens.weight' has 50 rows"),
            std::string::npos);
  EXPECT_NE(refusal("head_dim", 12).find("q_proj.weight' has shape [32, 32], the config asks for [48, 32]"),
            std::string::npos);
}

TEST(Weights, AnIntegerTensorIsRefused) {
  expect_refused("llama", ErrorKind::kUnsupported, "I32",
                 [](EditableWeights& weights) { weights.at("model.norm.weight").view.dtype = DType::kI32; });
}

// [k, n] becomes [n, k].
void turn(EditableWeights::Tensor& tensor) {
  const int64_t k = tensor.shape[0], n = tensor.shape[1];
  const std::vector<float> stored = tensor.values;
  for (int64_t i = 0; i < k; ++i)
    for (int64_t j = 0; j < n; ++j) tensor.values[j * k + i] = stored[i * n + j];
  tensor.shape = {n, k};
}

// The same model as a GGUF file holds it: other names, rows of Q and K in interleaved order, GPT-2's matrices turned.
Edited as_gguf(const std::string& family) {
  Edited edited = editable(family);
  const ModelSpec spec = tiny_spec(family);
  const TensorNames &from = hugging_face_names(spec), &to_names = gguf_names(spec);
  const bool permuted = family == "llada" || family == "llama";
  const auto rename = [&](const std::string& name, const char* to, int interleaved_heads, int layer) {
    auto& tensor = edited.weights->at(name);
    const int64_t head_dim = spec.head_dim, half = head_dim / 2, k = tensor.shape.back();
    const std::vector<float> rows = tensor.values;
    for (int64_t head = 0; head < interleaved_heads; ++head) {
      for (int64_t p = 0; p < 2; ++p) {
        for (int64_t i = 0; i < half; ++i) {
          std::copy_n(rows.begin() + (head * head_dim + p * half + i) * k, k,
                      tensor.values.begin() + (head * head_dim + 2 * i + p) * k);
        }
      }
    }
    tensor.name = fmt::format(fmt::runtime(to), layer);
    if (from.transposed && tensor.name.starts_with("blk.") && tensor.shape.size() == 2) turn(tensor);
    EditableWeights::refresh(tensor);
  };
  rename(from.embedding, to_names.embedding, 0, 0);
  rename(from.final_norm, to_names.final_norm, 0, 0);
  rename(from.head, to_names.head, 0, 0);
  if (spec.learned_positions) rename(from.positions, to_names.positions, 0, 0);
  if (spec.layer_norm) rename(from.final_norm_bias, to_names.final_norm_bias, 0, 0);
  for (int layer = 0; layer < spec.n_layers; ++layer) {
    const auto block = [&](const char* hf, const char* gguf, int heads = 0) {
      rename(fmt::format(fmt::runtime(hf), layer), gguf, heads, layer);
    };
    block(from.attn_norm, to_names.attn_norm);
    block(from.attn_out, to_names.attn_out);
    block(from.ffn_norm, to_names.ffn_norm);
    block(from.up, to_names.up);
    block(from.down, to_names.down);
    if (family == "gpt2") {
      block(from.attn_norm_bias, to_names.attn_norm_bias);
      block(from.qkv, to_names.qkv);
      block(from.qkv_bias, to_names.qkv_bias);
      block(from.attn_out_bias, to_names.attn_out_bias);
      block(from.ffn_norm_bias, to_names.ffn_norm_bias);
      block(from.up_bias, to_names.up_bias);
      block(from.down_bias, to_names.down_bias);
      continue;
    }
    block(from.gate, to_names.gate);
    block(from.q, to_names.q, permuted ? spec.n_heads : 0);
    block(from.k, to_names.k, permuted ? spec.n_kv_heads : 0);
    block(from.v, to_names.v);
    if (spec.qkv_bias) {
      block(from.q_bias, to_names.q_bias);
      block(from.k_bias, to_names.k_bias);
      block(from.v_bias, to_names.v_bias);
    }
    if (spec.qk_norm) {
      block(from.q_norm, to_names.q_norm);
      block(from.k_norm, to_names.k_norm);
    }
  }
  auto& metadata = edited.weights->metadata_;
  metadata["general.architecture"] = family;
  const auto set = [&](const char* key, GgufValue value) { metadata[family + "." + key] = std::move(value); };
  set("embedding_length", int64_t{spec.d_model});
  set("block_count", int64_t{spec.n_layers});
  set("attention.head_count", int64_t{spec.n_heads});
  set("attention.head_count_kv", int64_t{spec.n_kv_heads});
  set("attention.key_length", int64_t{spec.head_dim});
  set("feed_forward_length", int64_t{spec.ffn_dim});
  set("context_length", int64_t{spec.max_positions});
  set(spec.layer_norm ? "attention.layer_norm_epsilon" : "attention.layer_norm_rms_epsilon", 1e-5);
  metadata["tokenizer.ggml.eos_token_id"] = int64_t{1};
  if (family == "llada") metadata["tokenizer.ggml.mask_token_id"] = int64_t{49};
  edited.files.config = nullptr;
  edited.files.gguf = edited.weights;
  return edited;
}

TEST(Weights, AGgufFileGivesTheSameLogitsAsTheHfFile) {
  for (const char* family : {"llada", "llama", "qwen2", "qwen3", "gpt2"}) {
    const Edited edited = as_gguf(family);
    EXPECT_EQ(read_spec(edited.files).family, family);
    EXPECT_EQ(logits_of(edited.files), logits_of(make_random_model(tiny_spec(family), 3))) << family;
  }
}

// A GGUF file whose matrices are in 4-bit blocks, Q4_0 in the first layer and Q4_1 in the second, scale 1/64.
struct FourBitModel {
  Edited edited = as_gguf("llama");
  std::list<std::vector<uint8_t>> stored;

  FourBitModel() {
    uint32_t state = 1;
    for (EditableWeights::Tensor& tensor : edited.weights->tensors()) {
      if (tensor.shape.size() != 2 || tensor.shape[1] % 32 != 0 || !tensor.name.starts_with("blk.")) continue;
      const bool first_layer = tensor.name.starts_with("blk.0.");
      std::vector<uint8_t>& bytes = stored.emplace_back();
      for (int64_t block = 0; block < tensor.shape[0] * tensor.shape[1] / 32; ++block) {
        bytes.insert(bytes.end(), {0x00, 0x24});                    // 2^-6
        if (!first_layer) bytes.insert(bytes.end(), {0x00, 0xB0});  // -2^-3
        for (int i = 0; i < 16; ++i)
          bytes.push_back(static_cast<uint8_t>((state = state * 1664525 + 1013904223) >> 24));
      }
      tensor.view.dtype = first_layer ? DType::kQ4_0 : DType::kQ4_1;
      tensor.view.bytes = std::as_bytes(std::span(bytes));
    }
  }
};

TEST(Weights, FourBitBlocksKeepTheirValues) {
  FourBitModel model;
  ASSERT_EQ(model.stored.size(), 2u * 6u);  // the down projection's 40 columns are no whole blocks
  const std::vector<float> exact = logits_of(model.edited.files);
  const std::vector<float> packed = logits_of(model.edited.files, /*precise=*/false);
  double difference = 0, size = 0;
  for (size_t i = 0; i < exact.size(); ++i) {
    difference += (packed[i] - exact[i]) * (packed[i] - exact[i]);
    size += exact[i] * exact[i];
  }
  EXPECT_LT(std::sqrt(difference / size), 0.02);  // what int8 activations cost
}

TEST(Weights, AFourBitScaleThatIsNotFiniteIsFoundAtLoading) {
  for (const bool first_layer : {true, false}) {
    FourBitModel model;
    (first_layer ? model.stored.front() : model.stored.back())[1] = 0x7C;
    for (const bool precise : {true, false}) {
      try {
        logits_of(model.edited.files, precise);
        ADD_FAILURE() << "accepted";
      } catch (const Error& failure) {
        EXPECT_EQ(failure.kind(), ErrorKind::kCorrupt);
        EXPECT_NE(std::string(failure.what()).find("not finite (row 0, column 0)"), std::string::npos)
            << failure.what();
      }
    }
  }
}

TEST(Weights, GgufMetadataWeCannotFollowIsRefusedByKey) {
  const auto refused = [](const std::string& family, const std::string& key, GgufValue value) {
    const Edited edited = as_gguf(family);
    edited.weights->metadata_[key] = std::move(value);
    try {
      read_spec(edited.files);
      ADD_FAILURE() << "accepted " << key;
    } catch (const Error& failure) {
      EXPECT_EQ(failure.kind(), ErrorKind::kUnsupported);
      EXPECT_NE(std::string(failure.what()).find(key), std::string::npos) << failure.what();
    }
  };
  refused("llama", "llama.rope.scaling.type", "longrope");
  refused("llama", "llama.rope.dimension_count", int64_t{4});
  refused("llama", "llama.expert_count", int64_t{8});
  refused("llama", "llama.attention.causal", false);
  refused("llada", "llada.attention.causal", true);
  refused("llada", "diffusion.shift_logits", true);
}

// OpenAI's own files have no prefix, transformers writes one, DiffuGPT's trainer another.
TEST(Weights, Gpt2IsReadUnderEachOfItsNamings) {
  Edited edited = editable("gpt2");
  edited.files.config["vocab_size"] = 50;
  const std::vector<float> prefixed = logits_of(edited.files);
  const auto rename_all = [&](const std::function<std::string(const std::string&)>& to) {
    for (EditableWeights::Tensor& tensor : edited.weights->tensors()) {
      tensor.name = to(tensor.name);
      EditableWeights::refresh(tensor);
    }
  };
  rename_all([](const std::string& name) { return name.starts_with("transformer.") ? name.substr(12) : name; });
  EXPECT_EQ(logits_of(edited.files), prefixed);
  rename_all([](const std::string& name) -> std::string {
    return name == "lm_head.weight" ? name : name == "wte.weight" ? "embed_tokens.weight" : "denoise_model." + name;
  });
  edited.files.config["mask_token_id"] = 49;
  EXPECT_EQ(read_spec(edited.files).family, "diffugpt");
  EXPECT_EQ(logits_of(edited.files), prefixed);  // the plan says what is seen
}

TEST(Weights, AMatrixStoredTheOtherWayRoundIsCheckedAsItIsStored) {
  expect_refused("gpt2", ErrorKind::kCorrupt,
                 "'transformer.h.1.mlp.c_fc.weight' has shape [40, 32], the config asks for [32, 40]",
                 [](EditableWeights& weights) {
                   auto& tensor = weights.at("transformer.h.1.mlp.c_fc.weight");
                   turn(tensor);
                   EditableWeights::refresh(tensor);
                 });
  expect_refused("gpt2", ErrorKind::kCorrupt, "not finite (row 31, column 39)", [](EditableWeights& weights) {
    weights.at("transformer.h.0.mlp.c_fc.weight").values.back() = std::nanf("");
  });
  expect_refused("gpt2", ErrorKind::kCorrupt, "transformer.wpe.weight",
                 [](EditableWeights& weights) { weights.at("transformer.wpe.weight").values[5] = INFINITY; });
  expect_refused("gpt2", ErrorKind::kCorrupt, "'transformer.h.1.ln_2.bias' is missing",
                 [](EditableWeights& weights) { weights.remove("transformer.h.1.ln_2.bias"); });
}

TEST(Weights, ADirectoryGivesBackTheModelWrittenToIt) {
  const auto directory = std::filesystem::path(testing::TempDir()) / fmt::format("pent-synth-{}", ::getpid());
  ModelFiles files = make_random_model(tiny_spec("llada"), 5);
  files.tokenizer_json = "{}";
  write_model_directory(files, directory);
  const ModelFiles again = open_model_files(directory);
  EXPECT_EQ(logits_of(again), logits_of(files));
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace pent
