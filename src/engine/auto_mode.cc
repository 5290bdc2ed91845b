#include "engine/auto_mode.h"

#include "base/error.h"
#include "base/fingerprint.h"
#include "engine/model.h"
#include "kernels/kernels.h"
#include "model/packed_cache.h"
#include "sample/mode.h"

namespace pent {
namespace {

constexpr double kMeasureSeconds = 0.5;
constexpr int kShort = 64;  // tokens: in fewer not one draft may be tried, so they are not worth a measurement

// Which weights, on which kernels, threads and arithmetic; null for weights that come from no file.
Json cost_key(const Model& model) {
  if (model.files.weights == nullptr) return {};
  Json weights = packed_key(*model.files.weights);
  if (weights.is_null()) return {};
  return {{"weights", std::move(weights)},
          {"kernels", kernels::active_kernel_set().name},
          {"threads", model.threads},
          {"precise", model.precise}};
}

// One file for each model and way to compute: a changed model replaces its own.
std::filesystem::path cost_path(const Model& model, const Json& key) {
  const std::filesystem::path path(key["weights"]["files"][0]["path"].get<std::string>());
  const std::string whole =
      fmt::format("{} {} {} {}", path.string(), key["kernels"].get<std::string>(), model.threads, model.precise);
  return model.cost_folder / fmt::format("{}-{:016x}.json", path.filename().string(), Fingerprint().add(whole).value());
}

}  // namespace

AutoMode plan_auto(Model& model, const SamplingParams& params, size_t answers) {
  const ModelSpec& spec = model.denoiser->spec();
  if (modes_of(spec).size() == 1) return {nullptr, "the model has no other"};
  if (own_mode(spec) == Mode::kDiffusion) return {nullptr, "the model's own; its others write another text"};
  if (answers > 1) return {nullptr, "answers written together share their forwards already"};
  // As many tokens as forwards, whatever a planner finds: else clocks would reach the text.
  if (params.max_nfe) return {nullptr, "a budget of forwards buys a token with each"};
  if (model.planner) return {model.planner, {}};
  const std::vector<int> rows = planned_rows();
  if (spec.max_positions < rows.back()) return {nullptr, "the model's context is too short for drafts"};
  const Json key = model.cost_folder.empty() ? Json() : cost_key(model);
  std::optional<CostCurve> costs;
  if (!key.is_null()) costs = read_costs(cost_path(model, key), key);
  if (!costs) {
    if (params.max_tokens < kShort)
      return {nullptr, fmt::format("an answer of at most {} tokens is too short to try drafts in", params.max_tokens)};
    if (params.deadline_ms) return {nullptr, "a deadline leaves no time to measure this machine"};
    costs = measure_costs(*model.denoiser, rows, kMeasureSeconds);
    if (!key.is_null()) write_costs(cost_path(model, key), key, *costs);
  }
  model.planner = std::make_shared<ModePlanner>(*costs);
  return {model.planner, {}};
}

}  // namespace pent
