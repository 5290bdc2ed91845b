// What a run leaves on disk: checkpoints to go on from, and the exported model. Both are directories that appear whole
// (written beside, synced, renamed) and that `pent run -m` loads.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "base/json.h"
#include "train/data/windows.h"
#include "train/optimizer.h"
#include "train/schedule.h"

namespace pent::train {

// Everything besides tensors that the next step depends on. Random numbers are counters, so there is no generator
// state.
struct TrainState {
  int64_t step = 0;    // updates done
  uint32_t epoch = 0;  // the data cursor: windows of `epoch` before `window` have been used
  int64_t window = 0;
  std::string schedule;  // what the borders were planned from
  ScheduleBorders borders;
  double seconds = 0;  // trained so far
  int64_t tokens = 0;
  double best_validation = 1e30;
  int64_t best_step = -1;
};

// The files of a model besides its weights.
struct ModelCard {
  ModelSpec spec;
  std::string tokenizer_json;
  SpecialTokens special;
  Recipe recipe;
  bool chat = false;  // trained on prompts and answers: gets a chat template
};

// HF layout: config.json, generation_config.json, tokenizer.json, tokenizer_config.json, model.safetensors (bf16).
void export_model(const std::filesystem::path& directory, const ModelCard& card, const Transformer& net,
                  const std::vector<Tensor>& values);

// `fixed`: what must not change between a run and its resumption, key by key.
void save_checkpoint(const std::filesystem::path& run, const ModelCard& card, Transformer& net, const Optimizer& optimizer,
                     const TrainState& state, const Json& fixed);
// The newest checkpoint under `run`; empty if there is none.
std::filesystem::path newest_checkpoint(const std::filesystem::path& run);
// Reads it, or nullopt. Throws kCorrupt, or kInvalidArgument naming the keys of `fixed` that differ.
std::optional<TrainState> resume_checkpoint(const std::filesystem::path& run, Transformer& net, Optimizer& optimizer,
                                            const Json& fixed);
// Deletes all but the newest `keep`, and what a killed run left half written.
void prune_checkpoints(const std::filesystem::path& run, int keep);

}  // namespace pent::train
