// Every preset's decisions, forward by forward, against tests/parity/decoders_reference.py on the tiny checkpoints.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "sample/decode.h"
#include "sample/preset.h"
#include "sample/sampler.h"
#include "unit/parity/golden.h"

namespace pent {
namespace {

SamplingParams params_of(const Json& item, const ModelSpec& spec) {
  GenerationOptions options;
  const auto set = [&](const char* key, auto& option) {
    if (item.contains(key)) option = item[key].get<typename std::decay_t<decltype(option)>::value_type>();
  };
  options.preset = item["preset"];
  options.seed = item["seed"];
  set("max_tokens", options.max_tokens);
  set("block_length", options.block_length);
  set("steps", options.steps);
  set("steps_per_block", options.steps_per_block);
  set("threshold", options.threshold);
  set("temperature", options.temperature);
  set("top_k", options.top_k);
  set("top_p", options.top_p);
  set("select", options.select);
  set("remask", options.remask);
  set("length", options.length);
  set("cfg_scale", options.cfg_scale);
  set("score_of", options.score_of);
  set("order_temperature", options.order_temperature);
  if (item.contains("logit_bias")) options.logit_bias = item["logit_bias"].get<std::vector<std::string>>();
  return resolve(options, spec, static_cast<int>(item["prompt"].size()));
}

using Steps = std::vector<std::map<int32_t, int32_t>>;           // of each forward: cell -> token, or the mask
using Splices = std::vector<std::vector<std::vector<int32_t>>>;  // of each forward: [cell, removed, inserted]

std::filesystem::path model_dir(const std::string& name) {
  return name == "stories" ? std::filesystem::path(PENT_SOURCE_DIR) / "models" / name : golden_dir() / name;
}

class Decoders : public ::testing::TestWithParam<const char*> {};

TEST_P(Decoders, EveryForwardDecidesWhatTheReferenceDecides) {
  ThreadPool pool(1);
  const auto denoiser = load_native(open_model_files(model_dir(GetParam())), pool, {.precise = true});
  int cases = 0;
  for (const Json& item : golden_json(std::string(GetParam()) + "-decoders.json")) {
    SCOPED_TRACE(item.dump());
    ModelSpec spec = denoiser->spec();
    if (item["preset"] == "llada2.2") spec.delete_id = item["control"][0], spec.insert_id = item["control"][1];
    if (item["preset"] == "dreamon") spec.expand_id = item["control"][0], spec.delete_id = item["control"][1];
    SamplingParams params = params_of(item, spec);
    Canvas canvas(denoiser->spec().mask_id);
    canvas.append_fixed(item["prompt"].get<std::vector<int32_t>>());
    const int32_t begin = canvas.size();
    canvas.append_masked(params.length.kind == LengthKind::kFixed ? params.max_tokens : params.length.initial);
    if (item.contains("suffix")) {
      params.elastic = {{begin, canvas.size(), item["least"], params.max_tokens, nullptr, nullptr}};
      canvas.append_fixed(item["suffix"].get<std::vector<int32_t>>());
    }
    std::vector<std::unique_ptr<Sampler>> samplers;
    samplers.push_back(make_diffusion_sampler(std::move(canvas), params, item["stop_ids"]));
    Steps decided, expected;
    Splices moved;
    DecodeOptions options{.banned = unwritable_tokens(denoiser->spec(), denoiser->spec().vocab_size)};
    options.trace = [&](const TraceEvent& event) {
      if (event.kind != TraceEvent::Kind::kStep) return;
      decided.emplace_back();
      for (const CellChange& change : event.changes) decided.back()[change.cell] = change.token;
      moved.emplace_back();
      for (const Splice& splice : event.splices) moved.back().push_back({splice.cell, splice.removed, splice.inserted});
    };
    const std::vector<DecodeOutcome> outcome = decode(*denoiser, samplers, params, options);
    for (const Json& step : item["steps_log"]) {
      expected.emplace_back();
      for (const Json& change : step) expected.back()[change[0]] = change[1];
    }
    EXPECT_EQ(decided, expected);
    EXPECT_EQ(moved, item["splices"].get<Splices>());
    EXPECT_EQ(outcome[0].nfe, item["nfe"]);
    ++cases;
  }
  EXPECT_GE(cases, std::string(GetParam()) == "stories" ? 20 : 30);
}

INSTANTIATE_TEST_SUITE_P(, Decoders, ::testing::Values("tiny-llada", "tiny-llada-tied", "stories"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace pent
