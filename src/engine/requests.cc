// Options completed from the model, text from tokens.
#include "engine/requests.h"

#include <algorithm>
#include <limits>
#include <tuple>

#include "base/error.h"
#include "sample/length.h"
#include "sample/mode.h"
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

}  // namespace

GenerationOptions with_model_defaults(const Model& model, GenerationOptions options, int prompt_tokens) {
  const Json& config = model.files.generation_config;
  if (!options.preset.empty() || !config.is_object()) return options;
  const std::string where = model.files.where + ": generation_config.json";
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
