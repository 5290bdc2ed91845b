// Models as GGUF files hold them: the same logits under other names, blocks of four bits, metadata that is followed or refused.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "base/error.h"
#include "editable_weights.h"
#include "support/expect_error.h"

namespace pent {
namespace {

using namespace test;

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

TEST(GgufWeights, AFileGivesTheSameLogitsAsTheHfFile) {
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

TEST(GgufWeights, FourBitBlocksKeepTheirValues) {
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

TEST(GgufWeights, AFourBitScaleThatIsNotFiniteIsFoundAtLoading) {
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

TEST(GgufWeights, MetadataWeCannotFollowIsRefusedByKey) {
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

// Llama 3's divisors: as many as there are pairs of channels, none of which lies outside the file.
TEST(GgufWeights, DivisorsOfRopeHaveTheShapeThatTheHeadsAskFor) {
  const auto spec_with = [](int64_t turning, std::vector<int64_t> shape, size_t values) {
    const Edited edited = as_gguf("qwen2");
    edited.weights->metadata_["qwen2.rope.dimension_count"] = turning;
    edited.weights->add("rope_freqs.weight", std::move(shape), std::vector<float>(values, 2));
    return read_spec(edited.files);
  };
  EXPECT_EQ(spec_with(8, {4}, 4).rope_scaling.divisors, std::vector<float>(4, 2));
  EXPECT_ERROR(spec_with(8, {8}, 8), kCorrupt, "'rope_freqs.weight' is F32 [8], expected F32 [4]");
  EXPECT_ERROR(spec_with(1, {0, 64}, 0), kCorrupt, "'rope_freqs.weight' is F32 [0, 64], expected F32 [0]");
  EXPECT_ERROR(spec_with(8, {2, 2}, 4), kCorrupt, "'rope_freqs.weight' is F32 [2, 2], expected F32 [4]");
}

}  // namespace
}  // namespace pent
