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

// Everything besides tensors that the next step depends on. Random numbers are counters, so there is no generator state.
struct TrainState {
  int64_t step = 0;            // updates done
  uint32_t epoch = 0;          // the data cursor: windows of `epoch` before `window` have been used
  int64_t window = 0;
  ScheduleBorders borders;
  double seconds = 0;          // trained so far
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
};

// HF layout: config.json, generation_config.json, tokenizer.json, tokenizer_config.json, model.safetensors (bf16).
void export_model(const std::filesystem::path& directory, const ModelCard& card, const Transformer& net,
                  const std::vector<Tensor>& values);

// `fingerprint`: what must not change between a run and its resumption (recipe without lengths of the run, data sizes).
void save_checkpoint(const std::filesystem::path& run, const ModelCard& card, Transformer& net, const AdamW& optimizer,
                     const TrainState& state, const std::string& fingerprint);
// The newest checkpoint under `run`, or nullopt. Throws kCorrupt, or kInvalidArgument when the fingerprint differs.
std::optional<TrainState> resume_checkpoint(const std::filesystem::path& run, Transformer& net, AdamW& optimizer,
                                            const std::string& fingerprint);
// Deletes all but the newest `keep`.
void prune_checkpoints(const std::filesystem::path& run, int keep);

}  // namespace pent::train
