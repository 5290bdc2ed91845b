// Options completed from the model, text from tokens.
#include "engine/requests.h"

#include <algorithm>
#include <limits>
#include <tuple>

#include "base/error.h"
#include "sample/length.h"
#include "sample/mode.h"
#include "sample/preset.h"
#include "sample/select.h"

namespace pent {
namespace {

std::optional<int> get_small_int(const Json& object, const char* key, const std::string& where) {
  const auto value = get_int(object, key, where);
  if (!value) return std::nullopt;
  return static_cast<int>(
      std::clamp<int64_t>(*value, std::numeric_limits<int>::min(), std::numeric_limits<int>::max()));
}

// Which cell goes first, as LLaDA's files say it ("remasking") or Dream's ("alg").
std::optional<std::string> stored_score(const Json& config, const std::string& where) {
  constexpr std::tuple<const char*, const char*, const char*> kNames[] = {
      {"remasking", "low_confidence", "prob"}, {"remasking", "random", "random"}, {"alg", "maskgit_plus", "prob"},
      {"alg", "entropy", "entropy"},           {"alg", "topk_margin", "margin"},  {"alg", "origin", "random"}};
  for (const char* key : {"remasking", "alg"}) {
    const auto value = get_string(config, key, where);
    if (!value) continue;
    std::string known;
    for (const auto& [of, name, score] : kNames) {
      if (of != std::string_view(key)) continue;
      if (*value == name) return score;
      known += fmt::format("{}'{}'", known.empty() ? "" : ", ", name);
    }
    throw error(ErrorKind::kUnsupported, "{}: {} is '{}'; known are {}", where, key, printable(*value), known);
  }
  return std::nullopt;
}

// DiffusionGemma's keys (spec 11 §5). transformers' class has no others for drawing, so temperature and the like are not read; and
// max_new_tokens, one canvas, is no limit: an answer ends by itself.
GenerationOptions with_canvas_defaults(const Json& config, const std::string& where, GenerationOptions options) {
  const auto keep = [](auto& option, const auto& from_file) {
    if (!option) option = from_file;
  };
  keep(options.temperature, get_number(config, "t_max", where));
  keep(options.final_temperature, get_number(config, "t_min", where));
  if (!options.steps) keep(options.steps_per_block, get_small_int(config, "max_denoising_steps", where));
  if (const auto sampler = config.find("sampler_config"); sampler != config.end() && !sampler->is_null()) {
    if (!sampler->is_object()) throw error(ErrorKind::kCorrupt, "{}: sampler_config is no object", where);
    constexpr const char* kClass = "EntropyBoundSamplerConfig";
    const std::string name = get_string(*sampler, "_cls_name", where).value_or(kClass);
    if (name != kClass)
      throw error(ErrorKind::kUnsupported, "{}: sampler_config is '{}'; known is '{}'", where, printable(name), kClass);
    const auto bound = get_number(*sampler, "entropy_bound", where);
    if (bound && !options.select && !options.threshold) options.select = fmt::format("entropy:{}", *bound);
  }
  // Either of them null: a canvas always takes all its steps.
  if (!options.settle && (config.contains("stability_threshold") || config.contains("confidence_threshold"))) {
    const SettleRule usual = find_preset("diffusion-gemma")->settle;
    const auto said = [&](const char* key, auto value, auto otherwise) {
      return config.contains(key) ? value : std::optional(otherwise);
    };
    const auto steps = said("stability_threshold", get_int(config, "stability_threshold", where), int64_t{usual.steps});
    const auto nats = said("confidence_threshold", get_number(config, "confidence_threshold", where), usual.nats);
    options.settle = steps && nats && *nats > 0 ? fmt::format("{}:{}", *steps, *nats) : "none";
  }
  return options;
}

}  // namespace

GenerationOptions with_model_defaults(const Model& model, GenerationOptions options, int prompt_tokens) {
  const Json& config = model.files.generation_config;
  if (!options.preset.empty() || !config.is_object()) return options;
  const std::string where = model.files.where + ": generation_config.json";
  if (model.denoiser->spec().canvas_length > 0) return with_canvas_defaults(config, where, std::move(options));
  const auto keep = [](auto& option, const auto& from_file) {
    if (!option) option = from_file;
  };
  const bool says_length = options.max_tokens || (options.length && parse_length(*options.length).most > 0);
  if (const auto tokens = get_small_int(config, "max_new_tokens", where); tokens && !says_length)
    if (const int room = model.denoiser->spec().max_positions - prompt_tokens; room > 0)
      options.max_tokens = std::min(*tokens, room);
  if (get_bool(config, "do_sample", where).value_or(true)) {
    keep(options.temperature, get_number(config, "temperature", where));
    keep(options.top_p, get_number(config, "top_p", where));
    keep(options.top_k, get_small_int(config, "top_k", where));
    keep(options.min_p, get_number(config, "min_p", where));
    keep(options.repetition_penalty, get_number(config, "repetition_penalty", where));
  }
  if (resolve_mode(options.mode, model.denoiser->spec()) != Mode::kDiffusion) return options;
  keep(options.block_length, get_small_int(config, "block_length", where));
  keep(options.cache, get_string(config, "cache", where));
  // A threshold the caller chose is compared with probabilities: the file's order does not go with it.
  if (!options.score && !options.threshold && !options.select) options.score = stored_score(config, where);
  if (!options.steps && !options.steps_per_block && !options.threshold) {
    if (!options.select) options.threshold = get_number(config, "threshold", where);
    const bool by_steps = !options.select || parse_select(*options.select).by_steps();
    if (!options.threshold && by_steps) options.steps = get_small_int(config, "steps", where);
  }
  return options;
}

CutText completion_text(const Tokenizer& tokenizer, std::span<const TokenId> tokens,
                        const std::vector<std::string>& stops) {
  const auto decode = [&](size_t count) {
    return tokenizer.decode(std::vector<TokenId>(tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(count)),
                            /*skip_special=*/true);
  };
  CutText cut{.text = decode(tokens.size()), .kept = tokens.size()};
  size_t first = std::string::npos;
  for (const std::string& stop : stops) first = std::min(first, cut.text.find(stop));
  if (first == std::string::npos) return cut;
  cut.stopped = true;
  cut.text.resize(first);
  while (cut.kept > 0 && decode(cut.kept - 1).size() >= first) --cut.kept;
  return cut;
}

}  // namespace pent
