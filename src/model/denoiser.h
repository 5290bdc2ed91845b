// What a canvas is shown to: a model with its key/value store. Two backends implement it: native (our CPU engine) and
// torch (LibTorch). AR models are denoisers with a causal mask.
#pragma once

#include <filesystem>
#include <memory>

#include "base/thread_pool.h"
#include "io/model_files.h"
#include "model/packed_cache.h"
#include "model/pass_plan.h"
#include "model/spec.h"

namespace pent {

// Not thread-safe: one forward at a time. A row's result depends on that row's sequence alone: not on threads, nor on
// what else is in the plan.
class Denoiser {
 public:
  virtual ~Denoiser() = default;
  virtual const ModelSpec& spec() const = 0;
  // Room for `capacity` slots of keys and values. Throws kResourceExhausted. Handles are small integers, reused.
  virtual int32_t open_sequence(int32_t capacity) = 0;
  virtual void close_sequence(int32_t sequence) = 0;
  // Executes the plan and fills `result`. Throws kInvalidArgument for a plan that does not fit (token, slot or position
  // out of range, named), kCorrupt when logits are not finite (layer or head row named).
  virtual void forward(const PassPlan& plan, const HeadRequest& request, PassResult& result) = 0;
};

// A sequence, closed when this ends.
class OpenSequence {
 public:
  OpenSequence(Denoiser& denoiser, int32_t capacity) : denoiser_(denoiser), handle_(denoiser.open_sequence(capacity)) {}
  ~OpenSequence() { denoiser_.close_sequence(handle_); }
  OpenSequence(const OpenSequence&) = delete;
  OpenSequence& operator=(const OpenSequence&) = delete;
  int32_t handle() const { return handle_; }

 private:
  Denoiser& denoiser_;
  int32_t handle_;
};

// Where the time of forwards went, in seconds; what is left to `total` are norms, quantisation, rope and looking up embeddings.
struct PassTimes {
  double total = 0, matmul = 0, attention = 0,
         head = 0,  // its product over the vocabulary and what becomes of it
      experts = 0;  // routing and the routed experts, their products included
};

struct NativeOptions {
  PassTimes* times = nullptr;  // adds up here, if given; outlives the denoiser
  PackedCache packed_cache;    // where packed weights are kept for the next start
  bool precise = false;        // weights dequantised to f32, everything in f32; else int8 weights and activations
};

// Loads, checks and packs the weights. `pool` must outlive the denoiser.
std::unique_ptr<Denoiser> load_native(const ModelFiles& files, ThreadPool& pool, const NativeOptions& options = {});

// The family's reading of a model's config without touching its weights. Throws kUnsupported / kCorrupt naming the key.
ModelSpec read_spec(const ModelFiles& files);

}  // namespace pent
