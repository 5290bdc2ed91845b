// The trainer's net behind the engine's interface: the second backend. It holds no keys and values, so it executes
// plans of whole sequences only. Free of LibTorch's headers.
#pragma once

#include <memory>

#include "model/denoiser.h"

namespace pent::train {

// Loads a checkpoint into the net that training uses, in float32. Throws as load_native does; kUnsupported for weights
// in GGUF's order.
std::unique_ptr<Denoiser> load_torch(const ModelFiles& files);

}  // namespace pent::train
