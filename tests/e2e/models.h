// Two small models with random weights, written once for all tests of this binary: "diffusion" and "ar".
#pragma once

#include <string>

#include "io/model_files.h"
#include "model/synth.h"
#include "support/temp_dir.h"
#include "text/bpe_trainer.h"

namespace pent {

class TestModels {
 public:
  static const TestModels& get() {
    static const TestModels models;
    return models;
  }
  std::string diffusion() const { return (directory_ / "diffusion").string(); }
  std::string ar() const { return (directory_ / "ar").string(); }
  // Wide and deep enough that an answer takes a while.
  std::string slow() const { return (directory_ / "slow").string(); }

 private:
  TestModels() {
    write("diffusion", small_spec("llada"));
    write("ar", small_spec("llama"));
    ModelSpec slow = small_spec("llada");
    slow.d_model = 256;
    slow.ffn_dim = 512;
    slow.n_layers = 8;
    slow.head_dim = 64;
    slow.max_positions = 1024;
    write("slow", slow);
  }

  static constexpr int kVocabulary = 300;

  static ModelSpec small_spec(const std::string& family) {
    ModelSpec spec;
    spec.family = family;
    spec.vocab_size = kVocabulary;
    spec.d_model = 64;
    spec.n_layers = 2;
    spec.n_heads = spec.n_kv_heads = 4;
    spec.head_dim = 16;
    spec.ffn_dim = 96;
    spec.max_positions = 128;
    const bool diffusion = family == "llada";
    spec.attention = diffusion ? AttentionKind::kFull : AttentionKind::kCausal;
    spec.mask_id = diffusion ? kVocabulary - 1 : -1;
    spec.eos_id = kVocabulary - 2;
    spec.stop_ids = {spec.eos_id};
    return spec;
  }

  void write(const std::string& name, const ModelSpec& spec) const {
    ModelFiles files = make_random_model(spec, /*seed=*/7);
    files.tokenizer_json =
        train_bpe([](const auto& document) { document(kText); },
                  {.vocab_size = kVocabulary, .special_tokens = {"<|endoftext|>", "<|mask|>"}, .min_frequency = 1});
    std::filesystem::create_directories(directory_ / name);
    write_model_directory(files, directory_ / name);
  }

  static constexpr const char* kText =
      "Once upon a time there was a little mouse who lived in a house by the sea. The mouse loved cheese, and the sea "
      "loved the mouse. Every day the little mouse went to the sea, and every night the mouse came home to the house.";

  TempDir directory_;
};

}  // namespace pent
