// Reading what tests/parity wrote under tests/golden.
#pragma once

#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "base/mapped_file.h"
#include "io/weight_source.h"
#include "model/denoiser.h"

namespace pent {

inline std::filesystem::path golden_dir() { return std::filesystem::path(PENT_SOURCE_DIR) / "tests" / "golden"; }

inline Json golden_json(const std::string& name) {
  const std::filesystem::path path = golden_dir() / "parity" / name;
  return parse_json(read_file(path), path.string());
}

class GoldenTensors {
 public:
  explicit GoldenTensors(const std::string& name) : source_(open_safetensors(golden_dir() / "parity" / name)) {}

  const TensorView& view(const std::string& name) const {
    const TensorView* found = source_->find(name);
    PENT_CHECK(found != nullptr, "no tensor {}", name);
    return *found;
  }
  std::vector<float> floats(const std::string& name) const { return read<float>(name, DType::kF32); }
  std::vector<int32_t> ints(const std::string& name) const { return read<int32_t>(name, DType::kI32); }

  // "ids" cut by "lengths".
  std::vector<std::vector<int32_t>> texts() const {
    const std::vector<int32_t> ids = ints("ids");
    std::vector<std::vector<int32_t>> texts;
    auto at = ids.begin();
    for (const int32_t length : ints("lengths")) {
      texts.emplace_back(at, at + length);
      at += length;
    }
    PENT_CHECK(at == ids.end());
    return texts;
  }

 private:
  template <typename T>
  std::vector<T> read(const std::string& name, DType dtype) const {
    const TensorView& tensor = view(name);
    PENT_CHECK(tensor.dtype == dtype, "{} is {}", name, dtype_info(tensor.dtype).name);
    std::vector<T> values(static_cast<size_t>(tensor.elements()));
    std::memcpy(values.data(), tensor.bytes.data(), tensor.bytes.size());
    return values;
  }

  std::unique_ptr<WeightSource> source_;
};

// Every row of one sequence, computed alone: [n, vocab].
inline PassResult forward_all(Denoiser& denoiser, const std::vector<int32_t>& tokens) {
  const int32_t sequence = denoiser.open_sequence(static_cast<int32_t>(tokens.size()));
  PassPlan plan;
  if (denoiser.spec().attention == AttentionKind::kCausal)
    plan.add_causal(sequence, tokens);
  else if (denoiser.spec().attention == AttentionKind::kBlockCausal)
    plan.add_block_causal(sequence, tokens, denoiser.spec().block_size);
  else
    plan.add_full(sequence, tokens);
  for (uint32_t row = 0; row < plan.rows.size(); ++row) plan.head_rows.push_back(row);
  HeadRequest request;
  request.full_logits = true;
  PassResult result;
  denoiser.forward(plan, request, result);
  denoiser.close_sequence(sequence);
  return result;
}

}  // namespace pent
