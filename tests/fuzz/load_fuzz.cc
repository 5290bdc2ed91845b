// Any bytes as a config.json, read by every family: pent::Error, or a spec that survives being written and read; of a small one a
// model with random weights, which then computes a pass.
#include "base/error.h"
#include "io/model_files.h"
#include "model/denoiser.h"
#include "model/families/family.h"
#include "model/synth.h"
#include "model/weights.h"

namespace {

using namespace pent;

bool is_small(const ModelSpec& spec) {
  return spec.parameters() < 300'000 && spec.n_layers < 16 && spec.moe.n_experts < 64;
}

void run(const ModelSpec& spec) {
  static ThreadPool pool(1);
  for (const bool precise : {true, false}) {
    const ModelFiles files = make_random_model(spec, 1);
    if (read_spec(files).parameters() != spec.parameters()) __builtin_trap();
    const auto denoiser = load_native(files, pool, {.precise = precise});
    PassPlan plan;
    plan.add_full(denoiser->open_sequence(1), std::vector<int32_t>{0});
    plan.head_rows = {0};
    PassResult result;
    denoiser->forward(plan, {}, result);
  }
}

void read(const ModelFiles& files, const Family& family) {
  try {
    const ModelSpec spec = family.read_spec(files);
    packed_bytes(files, spec, kernels::PackedMatrix::Format::kQ8);
    if (is_small(spec)) run(spec);
  } catch (const Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::string kWeights("\x02\0\0\0\0\0\0\0{}", 10);
  const auto weights = std::as_bytes(std::span(kWeights));
  try {
    const ModelFiles files = open_model_files({{"config.json", std::as_bytes(std::span(data, size))},
                                               {"tokenizer.json", weights.subspan(8)},
                                               {"model.safetensors", weights}},
                                              "fuzz");
    for (const Family& family : families()) read(files, family);
  } catch (const Error&) {
  }
  return 0;
}
