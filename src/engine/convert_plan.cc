#include "engine/convert_plan.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "io/quantize.h"
#include "io/tensor_table.h"
#include "model/families/family.h"
#include "model/rope.h"
#include "model/tensor_slots.h"

namespace pent {
namespace {

using Role = TensorSlot::Role;

class SlotPlanner {
 public:
  SlotPlanner(const ModelFiles& files, const ModelSpec& spec, const TensorNames& from, const TensorNames& to)
      : files_(files), spec_(spec), from_(from), to_(to) {}

  // type_of(tensor of the target, its parts)
  template <typename TypeOf>
  ConvertPlan take(TypeOf type_of) {
    const std::vector<TensorSlot> sources = tensor_slots(spec_, from_), targets = tensor_slots(spec_, to_);
    PENT_CHECK(sources.size() == targets.size(), "{}: {} and {} slots", spec_.family, sources.size(), targets.size());
    ConvertPlan plan;
    for (size_t i = 0; i < targets.size(); ++i) {
      const bool one_each = targets[i].experts > 0 && !to_.experts.stacked;
      for (int expert = 0; expert < (one_each ? targets[i].experts : 1); ++expert) {
        MovedTensor tensor = moved(sources[i], targets[i], expert);
        tensor.type = type_of(tensor);
        plan.tensors.push_back(std::move(tensor));
      }
    }
    check_nothing_left();
    return plan;
  }

 private:
  MovedTensor moved(const TensorSlot& source, const TensorSlot& target, int expert) {
    MovedTensor tensor{.name = target.name(expert), .type = DType::kF32, .shape = target.stored_shape(), .parts = {}};
    tensor.turned = source.transposed != target.transposed;
    if (target.experts == 0) {
      tensor.parts.push_back({find(source.name(), source.stored_shape())});
    } else if (to_.experts.stacked) {
      tensor.shape.insert(tensor.shape.begin(), target.experts);
      if (from_.experts.stacked)
        tensor.parts.push_back({find(source.name(), tensor.shape)});
      else
        for (int i = 0; i < target.experts; ++i) tensor.parts.push_back({find(source.name(i), source.shape)});
    } else if (from_.experts.stacked) {
      std::vector<int64_t> stack = source.shape;
      stack.insert(stack.begin(), source.experts);
      const int64_t rows = source.shape.front();
      tensor.parts.push_back({find(source.name(), stack), expert * rows, rows});
    } else {
      tensor.parts.push_back({find(source.name(expert), source.shape)});
    }
    if (target.rope_rows && from_.interleaved_rope != to_.interleaved_rope) {
      tensor.rows = to_.interleaved_rope ? MovedTensor::Rows::kInterleaved : MovedTensor::Rows::kHalfForm;
      tensor.head_dim = spec_.head_dim;
    }
    return tensor;
  }

  const TensorView* find(const std::string& name, const std::vector<int64_t>& shape) {
    used_.insert(name);
    const TensorView* tensor = files_.weights->find(name);
    if (tensor == nullptr)
      throw error(ErrorKind::kCorrupt, "{}: tensor '{}' is missing", files_.weights->describe(), name);
    if (tensor->shape != shape)
      throw error(ErrorKind::kCorrupt, "{}: tensor '{}' has shape {}, the config asks for {}",
                  files_.weights->describe(), name, shape_text(tensor->shape), shape_text(shape));
    if (!is_weight_type(tensor->dtype))
      throw error(ErrorKind::kUnsupported, "{}: tensor '{}' has type {}, which weights cannot have",
                  files_.weights->describe(), name, dtype_info(tensor->dtype).name);
    return tensor;
  }

  void check_nothing_left() const {
    for (const std::string& name : files_.weights->names()) {
      if (!used_.contains(name) && !is_redundant_tensor(name, spec_, from_))
        throw error(ErrorKind::kUnsupported, "{}: tensor '{}' has no place in family {}", files_.weights->describe(),
                    printable(name), spec_.family);
    }
  }

  const ModelFiles& files_;
  const ModelSpec& spec_;
  const TensorNames &from_, &to_;
  std::set<std::string> used_;
};

// The type that all parts have; float32 if they differ.
DType stored_type(const MovedTensor& tensor) {
  const DType first = tensor.parts.front().tensor->dtype;
  for (const MovedTensor::Part& part : tensor.parts) {
    if (part.tensor->dtype != first) return DType::kF32;
  }
  return first;
}

// In a directory: what was asked for, or the plain type that is stored.
DType plain_type(const MovedTensor& tensor, const GgufMixture* type, const std::string& where) {
  if (type != nullptr) return type->type;
  const DType stored = stored_type(tensor);
  if (dtype_info(stored).block_size > 1)
    throw error(ErrorKind::kUnsupported,
                "{}: tensor '{}' is {}, which a directory cannot hold; say --type f32, f16 or bf16", where, tensor.name,
                dtype_info(stored).name);
  return stored;
}

// Llama 3's rescaling as the tensor that GGUF has for it.
void add_rope_divisors(const ModelSpec& spec, ConvertPlan& plan) {
  ModelSpec plain = spec;
  plain.rope_scaling = {};
  const RopeTable base = rope_table(plain), scaled = rope_table(spec);
  MadeTensor& made = plan.made.emplace_back();
  for (size_t i = 0; i < base.frequencies.size(); ++i)
    made.values.push_back(base.frequencies[i] / scaled.frequencies[i]);
  const auto size = static_cast<int64_t>(made.values.size());
  made.view = {.name = "rope_freqs.weight",
               .dtype = DType::kF32,
               .shape = {size},
               .bytes = std::as_bytes(std::span(made.values))};
  plan.tensors.push_back({.name = "rope_freqs.weight", .type = DType::kF32, .shape = {size}, .parts = {{&made.view}}});
}

int layers_of(const GgufFile& file) {
  const std::string architecture = file.get_string("general.architecture").value_or("");
  return static_cast<int>(std::clamp<int64_t>(file.get_int(architecture + ".block_count").value_or(1), 1, 1 << 20));
}

// Every tensor by itself, of the same name.
template <typename TypeOf>
ConvertPlan plan_each(const WeightSource& weights, TypeOf type_of) {
  ConvertPlan plan;
  for (const std::string& name : weights.names()) {
    const TensorView* view = weights.find(name);
    MovedTensor tensor{.name = name, .type = view->dtype, .shape = view->shape, .parts = {{view}}};
    if (is_weight_type(view->dtype) && !view->shape.empty()) tensor.type = type_of(tensor);
    plan.tensors.push_back(std::move(tensor));
  }
  return plan;
}

}  // namespace

ConvertPlan plan_gguf(const ModelFiles& directory, const ModelSpec& spec, const GgufMixture* mixture) {
  SlotPlanner planner(directory, spec, tensor_names(directory, spec), gguf_names(spec));
  ConvertPlan plan = planner.take([&](const MovedTensor& tensor) {
    if (mixture != nullptr) return type_in_mixture(*mixture, tensor.name, tensor.shape, spec.n_layers, spec.tied_head);
    return is_quantized_in_gguf(tensor.name, tensor.shape) ? stored_type(tensor) : DType::kF32;
  });
  // GGUF has no key for a factor on the logits; the last norm's weights are as good a place.
  for (MovedTensor& tensor : plan.tensors) {
    if (tensor.name == gguf_names(spec).final_norm) tensor.scale = spec.logit_scale;
  }
  if (spec.rope_scaling.kind == RopeScaling::Kind::kLlama3) add_rope_divisors(spec, plan);
  return plan;
}

ConvertPlan plan_directory(const ModelFiles& gguf, const ModelSpec& spec, const GgufMixture* type) {
  SlotPlanner planner(gguf, spec, gguf_names(spec), hugging_face_names(spec));
  return planner.take([&](const MovedTensor& tensor) { return plain_type(tensor, type, gguf.where); });
}

ConvertPlan plan_requantised(const ModelFiles& gguf, const GgufMixture* mixture) {
  const int layers = layers_of(*gguf.gguf);
  const bool tied = gguf.weights->find("output.weight") == nullptr;
  return plan_each(*gguf.weights, [&](const MovedTensor& tensor) {
    return mixture == nullptr ? tensor.type : type_in_mixture(*mixture, tensor.name, tensor.shape, layers, tied);
  });
}

ConvertPlan plan_retyped(const ModelFiles& directory, const GgufMixture* type) {
  return plan_each(*directory.weights,
                   [&](const MovedTensor& tensor) { return plain_type(tensor, type, directory.where); });
}

void check_gguf_can_say(const ModelSpec& spec, const std::string& where) {
  const auto refuse = [&](const char* what) {
    throw error(ErrorKind::kUnsupported, "{}: {}, which GGUF files of family {} cannot say", where, what, spec.family);
  };
  for (size_t i = 0; i < spec.moe.dense_layers.size(); ++i) {
    if (spec.moe.dense_layers[i] != static_cast<int>(i)) refuse("layers without experts that are not the first ones");
  }
  if (spec.moe.block_pool > 0) refuse("a block's pool of experts");
  if (spec.rope_scaling.kind == RopeScaling::Kind::kYarn && !spec.rope_scaling.truncate)
    refuse("YaRN with 'truncate' false");
  if (spec.rotated_dim() != spec.head_dim && gguf_names(spec).interleaved_rope) refuse("RoPE on a part of each head");
}

std::vector<std::string> llama_cpp_limits(const ModelSpec& spec) {
  const std::string arch = family_of(spec).gguf;
  const MoeSpec& moe = spec.moe;
  std::vector<std::string> limits;
  const auto limit = [&](bool applies, const char* what) {
    if (applies) limits.push_back(fmt::format("llama.cpp {}", what));
  };
  limit(arch == "llada2", "has no architecture llada2");
  limit(moe.n_experts > 0 && arch != "llada2" && !moe.dense_layers.empty(),
        "wants experts in every layer of this architecture, and does not open the file");
  limit(moe.expert_bias && arch != "llada2",
        "knows no bias of experts in this architecture, and does not open the file");
  limit(arch == "llada-moe" && spec.tied_head, "wants a head of its own, and does not open the file");
  limit(arch == "qwen3moe" && !moe.normalize, "divides the experts' weights by their sum all the same");
  limit(arch != "llada2" && moe.scale != 1, "leaves out the factor on the experts' weights");
  limit(spec.attn_out_bias && arch != "llama" && arch != "llada" && arch != "gpt2",
        "knows no bias of the attention's output in this architecture, and does not open the file");
  limit(spec.rope_scaling.kind == RopeScaling::Kind::kLlama3 && arch != "llama",
        "knows no rescaling of RoPE like Llama 3's in this architecture");
  return limits;
}

}  // namespace pent
