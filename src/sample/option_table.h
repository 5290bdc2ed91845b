// The options of one generation as a table: the key of each, where a request keeps it, and which numbers it takes. Requests as JSON,
// presets as TOML, what is refused and the tests all walk it, so an option that is missing here is missing everywhere.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>

#include "sample/options.h"

namespace pent {

enum class OptionGroup {
  kGeneral,    // of every generation
  kBudget,     // when it must end
  kDiffusion,  // of canvases: autoregressive models have none of them
};

// From `low` to `high`, both of them allowed, or with `above` all but `low`.
struct NumberRange {
  double low = 0, high = 0;
  bool above = false;
};
struct NoNumber {};  // words, texts and flags: who reads them says what they may be

template <typename T>
struct IsNumber : std::bool_constant<std::is_arithmetic_v<T> && !std::is_same_v<T, bool>> {};
template <typename T>
struct IsNumber<std::optional<T>> : IsNumber<T> {};

// visit(key, group, member of GenerationOptions, NumberRange or NoNumber) of each: "top_p" here and in files is --top-p in the words of
// the command line.
template <typename Visitor>
void for_each_option(const Visitor& visitor) {
  using G = GenerationOptions;
  const auto visit = [&]<typename T>(const char* key, OptionGroup group, T G::* member, auto range) {
    static_assert(IsNumber<T>::value == std::is_same_v<decltype(range), NumberRange>, "a number has a range");
    visitor(key, group, member, range);
  };
  constexpr NoNumber kText;
  constexpr NumberRange kCount{1, 1 << 24}, kShare{0, 1}, kUpTo100{0, 100};
  constexpr OptionGroup kGeneral = OptionGroup::kGeneral, kBudget = OptionGroup::kBudget,
                        kDiffusion = OptionGroup::kDiffusion;
  visit("preset", kGeneral, &G::preset, kText);
  visit("mode", kGeneral, &G::mode, kText);
  visit("max_tokens", kGeneral, &G::max_tokens, kCount);
  visit("temperature", kGeneral, &G::temperature, kUpTo100);
  visit("top_p", kGeneral, &G::top_p, NumberRange{.low = 0, .high = 1, .above = true});
  visit("top_k", kGeneral, &G::top_k, NumberRange{0, kCount.high});
  visit("min_p", kGeneral, &G::min_p, kShare);
  visit("repetition_penalty", kGeneral, &G::repetition_penalty, NumberRange{0.1, 10});
  visit("repetition_window", kGeneral, &G::repetition_window, kCount);
  visit("logit_bias", kGeneral, &G::logit_bias, kText);
  visit("seed", kGeneral, &G::seed, NumberRange{0, 0x1p53});
  visit("best_of", kGeneral, &G::best_of, NumberRange{1, 1024});
  visit("stop", kGeneral, &G::stop, kText);
  visit("regex", kGeneral, &G::regex, kText);
  visit("json_schema", kGeneral, &G::json_schema, kText);
  visit("grammar", kGeneral, &G::grammar, kText);
  visit("include", kGeneral, &G::include, kText);
  visit("max_nfe", kBudget, &G::max_nfe, kCount);
  visit("deadline_ms", kBudget, &G::deadline_ms, NumberRange{0, 1e12});
  visit("length", kDiffusion, &G::length, kText);
  visit("tau_eos", kDiffusion, &G::tau_eos, kShare);
  visit("tau_expand", kDiffusion, &G::tau_expand, kShare);
  visit("tau_low", kDiffusion, &G::tau_low, kShare);
  visit("trim_tail", kDiffusion, &G::trim_tail, kText);
  visit("block_length", kDiffusion, &G::block_length, kCount);
  visit("steps", kDiffusion, &G::steps, kCount);
  visit("steps_per_block", kDiffusion, &G::steps_per_block, kCount);
  visit("threshold", kDiffusion, &G::threshold, kShare);
  visit("select", kDiffusion, &G::select, kText);
  visit("remask", kDiffusion, &G::remask, kText);
  visit("order_temperature", kDiffusion, &G::order_temperature, kUpTo100);
  visit("cfg_scale", kDiffusion, &G::cfg_scale, kUpTo100);
  visit("final_temperature", kDiffusion, &G::final_temperature, NumberRange{0.001, 100});
  visit("settle", kDiffusion, &G::settle, kText);
  visit("score", kDiffusion, &G::score, kText);
  visit("score_of", kDiffusion, &G::score_of, kText);
  visit("cache", kDiffusion, &G::cache, kText);
}

// "top_p" -> "--top-p".
std::string option_name(const char* key);

// Throws kInvalidArgument naming the first option whose number is out of its range, or an empty stop string.
void check_ranges(const GenerationOptions& options);

// The first option of that group which is given, as "--steps"; empty: none is.
std::string first_given(const GenerationOptions& options, OptionGroup group);

}  // namespace pent
