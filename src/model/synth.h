// Models with random weights, for tests and benchmarks: any spec, reproducible, in memory or as files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "io/model_files.h"
#include "model/spec.h"

namespace pent {

// Weights uniform with variance 1 / fan-in (embedding: variance 1; norms near 1), float32, under the names of
// spec.family.
ModelFiles make_random_model(const ModelSpec& spec, uint64_t seed);

// config.json and model.safetensors in Hugging Face layout; tokenizer.json and the like when `files` has them.
void write_model_directory(const ModelFiles& files, const std::filesystem::path& directory);

// A GGUF file of any size, written as its weights are drawn: same distribution, other draws. `type`: kF32, kF16, kBF16,
// kQ8_0, kQ4_0 or kQ4_1, of the matrices in the blocks; embedding and head are Q8_0 where those are 4-bit (as in published
// files), vectors float32. The tokenizer, byte-level BPE, has `vocabulary` for its tokens and no merges; `control` of them,
// the last, are control tokens. Throws kInvalidArgument for a width the type's blocks do not divide; kIo.
struct RandomGguf {
  ModelSpec spec;
  DType type = DType::kQ8_0;
  uint64_t seed = 0;
  std::string name;                     // general.name
  std::vector<std::string> vocabulary;  // spec.vocab_size of them
  int control = 0;
};
void write_random_gguf(const RandomGguf& model, const std::filesystem::path& path, ThreadPool& pool);

}  // namespace pent
