// The table of presets, and how options, preset and model become one set of parameters.
#include "sample/preset.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/error.h"

namespace pent {
namespace {

// llama.cpp looks back over 64 tokens, transformers over all; paragraphs repeat each other farther apart than 64.
constexpr int kRepetitionWindow = 128;

constexpr std::array kPresets = {
    Preset{.name = "llada",
           .summary = "masked diffusion: the most confident cells are committed on a fixed schedule, block by block",
           .source = "LLaDA (arXiv:2502.09992), low-confidence remasking; --score random for random remasking",
           .diffusion = true,
           .max_tokens = 128,
           .block_length = 128,
           .steps = 128},
    Preset{.name = "fast-dllm",
           .summary = "masked diffusion: every cell above a confidence threshold is committed at once, block by block",
           .source = "Fast-dLLM (arXiv:2505.22618), confidence-aware parallel decoding with the prefix cache; --cache "
                     "dual, none",
           .diffusion = true,
           .max_tokens = 256,
           .block_length = 32,
           .threshold = 0.9,
           .cache = CacheKind::kPrefix},
    Preset{.name = "sdar",
           .summary = "masked diffusion in the model's own blocks, left to right: every cell above a threshold at once",
           .source = "SDAR (arXiv:2510.06303), low_confidence_dynamic; finished blocks are cached, which is exact",
           .diffusion = true,
           .max_tokens = 256,
           .threshold = 0.9,
           .cache = CacheKind::kBlock,
           .temperature = 1},
    Preset{.name = "fast-dllm-v2",
           .summary = "the same in sub-blocks of 8; a block's first token comes from the block before it",
           .source = "Fast-dLLM v2 (arXiv:2509.26328); --cache sub-block for its approximate second cache",
           .diffusion = true,
           .max_tokens = 256,
           .block_length = 8,
           .threshold = 0.9,
           .cache = CacheKind::kBlock,
           .top_p = 0.95},
    Preset{.name = "ar",
           .summary = "autoregressive: one token after the other; greedy, or temperature, top-k and top-p",
           .source = "next-token sampling; nucleus: arXiv:1904.09751",
           .diffusion = false,
           .max_tokens = 512},
};

template <typename T>
void check_range(const char* option, const std::optional<T>& value, T low, T high) {
  if (value && !(*value >= low && *value <= high))  // written so that NaN fails
    throw error(ErrorKind::kInvalidArgument, "{} is {}; expected {} to {}", option, *value, low, high);
}

void check_ranges(const GenerationOptions& options) {
  constexpr int kMany = 1 << 24;
  check_range("--max-tokens", options.max_tokens, 1, kMany);
  check_range("--block-length", options.block_length, 1, kMany);
  check_range("--steps", options.steps, 1, kMany);
  check_range("--steps-per-block", options.steps_per_block, 1, kMany);
  check_range("--threshold", options.threshold, 0.0, 1.0);
  check_range("--temperature", options.temperature, 0.0, 100.0);
  check_range("--top-k", options.top_k, 0, kMany);
  check_range("--min-p", options.min_p, 0.0, 1.0);
  check_range("--repetition-penalty", options.repetition_penalty, 0.1, 10.0);
  check_range("--repetition-window", options.repetition_window, 1, kMany);
  check_range("--max-nfe", options.max_nfe, 1, kMany);
  check_range("--deadline-ms", options.deadline_ms, 0.0, 1e12);
  check_range("--best-of", std::optional(options.best_of), 1, 1024);
  if (options.top_p && !(*options.top_p > 0 && *options.top_p <= 1))
    throw error(ErrorKind::kInvalidArgument, "--top-p is {}; expected more than 0 and at most 1", *options.top_p);
  if (options.seed > uint64_t{1} << 53)
    throw error(ErrorKind::kInvalidArgument, "--seed is {}; expected at most 2^53", options.seed);
  for (const std::string& stop : options.stop)
    if (stop.empty()) throw error(ErrorKind::kInvalidArgument, "--stop is empty; expected a text to stop at");
}

const Preset& choose_preset(const GenerationOptions& options, const ModelSpec& spec) {
  std::string name = options.preset.empty() ? spec.default_preset : options.preset;
  if (options.preset.empty() && find_preset(name) == nullptr) name.clear();  // a method that this build does not have
  if (name.empty()) name = spec.is_diffusion() ? "llada" : "ar";
  const Preset* preset = find_preset(name);
  if (preset == nullptr) {
    std::string known;
    for (const Preset& each : kPresets) known += (known.empty() ? "" : ", ") + std::string(each.name);
    throw error(ErrorKind::kNotFound, "no preset '{}'; there are {}", name, known);
  }
  if (preset->diffusion && !spec.is_diffusion())
    throw error(ErrorKind::kInvalidArgument,
                "preset '{}' is for masked diffusion models, but this one ({}) is autoregressive; use --preset ar",
                name, spec.family);
  if (!preset->diffusion && spec.is_diffusion())
    throw error(
        ErrorKind::kInvalidArgument,
        "preset '{}' is for autoregressive models, but this one ({}) is a masked diffusion model; use --preset {}",
        name, spec.family, "llada");
  return *preset;
}

void refuse_for_ar(const GenerationOptions& options) {
  const std::pair<const char*, bool> diffusion_only[] = {{"--block-length", options.block_length.has_value()},
                                                         {"--steps", options.steps.has_value()},
                                                         {"--steps-per-block", options.steps_per_block.has_value()},
                                                         {"--threshold", options.threshold.has_value()},
                                                         {"--score", options.score.has_value()},
                                                         {"--cache", options.cache.has_value()}};
  for (const auto& [option, given] : diffusion_only)
    if (given)
      throw error(ErrorKind::kInvalidArgument,
                  "{} is for diffusion presets; an autoregressive model writes one token per forward, in order",
                  option);
}

// What attention makes of blocks and caches.
void resolve_blocks(const GenerationOptions& options, const Preset& preset, const ModelSpec& spec,
                    SamplingParams& params) {
  const bool in_blocks = spec.attention == AttentionKind::kBlockCausal;
  if (params.cache != CacheKind::kNone && is_for_block_causal(params.cache) != in_blocks) {
    if (options.cache)
      throw error(ErrorKind::kInvalidArgument,
                  "--cache {} is for {} attention, and this model's ({}) is {}; use --cache {}",
                  to_string(params.cache), in_blocks ? "full" : "block-causal", spec.family,
                  in_blocks ? "block-causal" : "full", in_blocks ? "block" : "prefix");
    params.cache = in_blocks ? CacheKind::kBlock : CacheKind::kNone;
  }
  params.shift = spec.shift;
  if (!in_blocks) {
    const int whole = preset.block_length > 0 ? preset.block_length : params.max_tokens;
    params.block_length = std::min(options.block_length.value_or(whole), params.max_tokens);
    return;
  }
  params.attention_block = spec.block_size;
  const bool fits = preset.block_length > 0 && spec.block_size % preset.block_length == 0;
  params.block_length = options.block_length.value_or(fits ? preset.block_length : spec.block_size);
  if (spec.block_size % params.block_length != 0)
    throw error(ErrorKind::kInvalidArgument, "--block-length {} does not divide this model's blocks of {}",
                params.block_length, spec.block_size);
}

void resolve_parts(const GenerationOptions& options, const Preset& preset, const ModelSpec& spec,
                   SamplingParams& params) {
  if (options.steps && options.steps_per_block)
    throw error(ErrorKind::kInvalidArgument, "--steps (a total) and --steps-per-block were both given; keep one");
  const bool steps_given = options.steps || options.steps_per_block;
  const double threshold = options.threshold.value_or(preset.threshold);
  const bool by_threshold = options.threshold || preset.threshold > 0;
  if (by_threshold && steps_given)
    throw error(
        ErrorKind::kInvalidArgument,
        "{} cannot be combined with {}: a threshold decides by itself how many forwards are needed",
        options.steps ? "--steps" : "--steps-per-block",
        options.threshold ? "--threshold" : fmt::format("preset '{}', which commits by threshold", preset.name));
  if (options.score) {
    const auto score = parse_score(*options.score);
    if (!score)
      throw error(ErrorKind::kInvalidArgument, "--score is '{}'; expected prob, entropy, margin or random",
                  *options.score);
    params.score = *score;
  }
  if (by_threshold && (params.score == ScoreKind::kEntropy || params.score == ScoreKind::kRandom))
    throw error(
        ErrorKind::kInvalidArgument,
        "--score {} cannot be combined with a threshold, which is compared with probabilities; use prob or margin",
        to_string(params.score));
  if (options.cache) {
    const auto cache = parse_cache(*options.cache);
    if (!cache)
      throw error(ErrorKind::kInvalidArgument,
                  "--cache is '{}'; expected none, prefix, dual, delayed, block or sub-block", *options.cache);
    params.cache = *cache;
  }
  resolve_blocks(options, preset, spec, params);
  if (by_threshold) {
    params.threshold = threshold;
  } else if (options.steps_per_block) {
    params.steps_per_block = *options.steps_per_block;
  } else {
    params.steps = options.steps.value_or(preset.steps);
  }
}

}  // namespace

std::span<const Preset> presets() { return kPresets; }

const Preset* find_preset(std::string_view name) {
  const auto found =
      std::find_if(kPresets.begin(), kPresets.end(), [&](const Preset& each) { return each.name == name; });
  return found == kPresets.end() ? nullptr : &*found;
}

SamplingParams resolve(const GenerationOptions& options, const ModelSpec& spec, int prompt_tokens) {
  check_ranges(options);
  const Preset& preset = choose_preset(options, spec);
  const int room = spec.max_positions - prompt_tokens;
  const int max_tokens = options.max_tokens.value_or(std::min(preset.max_tokens, room));
  if (room < 1 || max_tokens > room)
    throw error(
        ErrorKind::kInvalidArgument,
        "the prompt has {} tokens and {} are to be written, but the model's context is {}; shorten the prompt{}",
        prompt_tokens, std::max(max_tokens, 1), spec.max_positions,
        room < 1 ? "" : fmt::format(" or use --max-tokens {}", room));
  SamplingParams params{.preset = std::string(preset.name),
                        .diffusion = preset.diffusion,
                        .max_tokens = max_tokens,
                        .score = preset.score,
                        .cache = preset.cache,
                        .temperature = static_cast<float>(options.temperature.value_or(preset.temperature)),
                        .top_p = static_cast<float>(options.top_p.value_or(preset.top_p)),
                        .min_p = static_cast<float>(options.min_p.value_or(0)),
                        .top_k = options.top_k.value_or(preset.top_k),
                        .repetition_penalty = static_cast<float>(options.repetition_penalty.value_or(1)),
                        .repetition_window = options.repetition_window.value_or(kRepetitionWindow),
                        .max_nfe = options.max_nfe,
                        .deadline_ms = options.deadline_ms,
                        .seed = options.seed,
                        .n_index = options.n_index};
  if (options.best_of > 1 && params.temperature == 0)
    throw error(ErrorKind::kInvalidArgument,
                "--best-of {} with --temperature 0 would write the same text {} times; give a temperature above 0",
                options.best_of, options.best_of);
  if (preset.diffusion)
    resolve_parts(options, preset, spec, params);
  else
    refuse_for_ar(options);
  return params;
}

}  // namespace pent
