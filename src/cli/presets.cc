// pent presets: the named decoding methods.

#include "base/error.h"
#include "base/json.h"
#include "cli/command.h"
#include "sample/preset.h"

namespace pent::cli {
namespace {

std::string length_of(const Preset& preset) {
  LengthRule length = preset.length;
  length.most = preset.max_tokens;
  return to_string(length);
}

Json to_json(const Preset& preset) {
  Json out = {{"name", preset.name},
              {"summary", preset.summary},
              {"source", preset.source},
              {"mode", preset.diffusion ? "diffusion" : "ar"},
              {"max_tokens", preset.max_tokens}};
  if (preset.length.kind != LengthKind::kFixed) out["length"] = length_of(preset);
  if (preset.length.kind == LengthKind::kDaedal) {
    out["tau_eos"] = preset.length.tau_eos;
    out["tau_expand"] = preset.length.tau_expand;
    out["tau_low"] = preset.length.tau_low;
  }
  if (preset.block_length > 0) out["block_length"] = preset.block_length;
  if (preset.steps > 0) out["steps"] = preset.steps;
  if (preset.steps_per_block > 0) out["steps_per_block"] = preset.steps_per_block;
  if (preset.select.kind == SelectKind::kThreshold) out["threshold"] = preset.select.value;
  if (preset.diffusion) {
    out["select"] = to_string(preset.select);
    out["remask"] = to_string(preset.remask);
    out["score"] = to_string(preset.score);
    out["score_of"] = to_string(preset.score_of);
    out["cache"] = to_string(preset.cache);
    out["exact"] = is_exact(preset.cache);
  }
  out["temperature"] = preset.temperature;
  if (preset.remask.kind == RemaskKind::kRenoise) {
    out["final_temperature"] = preset.final_temperature;
    out["settle"] = to_string(preset.settle);
  }
  out["top_p"] = preset.top_p;
  out["top_k"] = preset.top_k;
  return out;
}

std::string settings(const Preset& preset) {
  std::string text = preset.length.kind == LengthKind::kFixed ? fmt::format("--max-tokens {}", preset.max_tokens)
                                                              : fmt::format("--length {}", length_of(preset));
  if (preset.length.kind == LengthKind::kDaedal)
    text += fmt::format(" --tau-eos {} --tau-expand {} --tau-low {}", preset.length.tau_eos, preset.length.tau_expand,
                        preset.length.tau_low);
  if (preset.block_length > 0) text += fmt::format(" --block-length {}", preset.block_length);
  if (preset.steps > 0) text += fmt::format(" --steps {}", preset.steps);
  if (preset.steps_per_block > 0) text += fmt::format(" --steps-per-block {}", preset.steps_per_block);
  if (preset.diffusion) text += fmt::format(" --select {}", to_string(preset.select));
  if (preset.remask.kind != RemaskKind::kNone) text += fmt::format(" --remask {}", to_string(preset.remask));
  if (preset.cache != CacheKind::kNone)
    text += fmt::format(" --cache {}{}", to_string(preset.cache), is_exact(preset.cache) ? "" : " (approximate)");
  text += fmt::format(" --temperature {}", preset.temperature);
  if (preset.remask.kind != RemaskKind::kRenoise) return text;
  return text + fmt::format(" --final-temperature {} --settle {}", preset.final_temperature, to_string(preset.settle));
}

}  // namespace

Action define_presets(CommandLine& line) {
  auto json = std::make_shared<bool>(false);
  line.flag("--json", *json, "one JSON document");
  return [json] {
    Json list = Json::array();
    for (const Preset& preset : presets()) {
      if (*json)
        list.push_back(to_json(preset));
      else
        fmt::print("{:<17}{}\n{:17}{}\n{:17}{}\n", preset.name, preset.summary, "", preset.source, "",
                   settings(preset));
    }
    if (*json) fmt::print("{}\n", to_json_line(Json{{"schema", 1}, {"presets", std::move(list)}}));
    return 0;
  };
}

}  // namespace pent::cli
