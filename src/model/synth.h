// Models with random weights, for tests and benchmarks: any spec, reproducible, in memory or as a directory.
#pragma once

#include <cstdint>
#include <filesystem>

#include "io/model_files.h"
#include "model/spec.h"

namespace pent {

// Weights uniform with variance 1 / fan-in (embedding: variance 1; norms near 1), float32, under the names of
// spec.family.
ModelFiles make_random_model(const ModelSpec& spec, uint64_t seed);

// config.json and model.safetensors in Hugging Face layout; tokenizer.json and the like when `files` has them.
void write_model_directory(const ModelFiles& files, const std::filesystem::path& directory);

}  // namespace pent
