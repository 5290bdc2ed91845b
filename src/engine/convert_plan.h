// Which tensors a converted model has, and of what each is made.
#pragma once

#include <list>
#include <string>
#include <vector>

#include "engine/moved_tensor.h"
#include "io/gguf_mixture.h"
#include "io/model_files.h"
#include "model/spec.h"

namespace pent {

// A tensor that the source says in another way.
struct MadeTensor {
  std::vector<float> values;
  TensorView view;  // of values
};

struct ConvertPlan {
  std::vector<MovedTensor> tensors;
  std::list<MadeTensor> made;  // what some of them are parts of
};

// Between the two containers, slot by slot. `mixture`: types; null: matrices as they are stored, in GGUF all else float32. Throws
// kCorrupt, kUnsupported for a tensor that is missing, has another shape or has no place; kUnsupported for blocks as they are
// stored in a directory.
ConvertPlan plan_gguf(const ModelFiles& directory, const ModelSpec& spec, const GgufMixture* mixture);
ConvertPlan plan_directory(const ModelFiles& gguf, const ModelSpec& spec, const GgufMixture* type);
// Within one container, tensor by tensor.
ConvertPlan plan_requantised(const ModelFiles& gguf, const GgufMixture* mixture);
ConvertPlan plan_retyped(const ModelFiles& directory, const GgufMixture* type);

// Throws kUnsupported for what metadata and names of GGUF cannot say of this model.
void check_gguf_can_say(const ModelSpec& spec, const std::string& where);
// What llama.cpp would not do with a GGUF file of this model, a sentence each.
std::vector<std::string> llama_cpp_limits(const ModelSpec& spec);

}  // namespace pent
