// The table of presets, and how options, preset and model become one set of parameters.
#include "sample/preset.h"

#include <algorithm>
#include <array>
#include <charconv>
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
           .select = {SelectKind::kThreshold, 0.9},
           .cache = CacheKind::kPrefix},
    Preset{
        .name = "dream",
        .summary = "masked diffusion: the most certain cells of the whole canvas, as many as a time from 1 to 0 says",
        .source = "Dream (arXiv:2508.15487), alg entropy as its authors call it; --order-temperature is alg_temp",
        .diffusion = true,
        .max_tokens = 512,
        .select = {SelectKind::kTimeStep},
        .score = ScoreKind::kEntropy,
        .temperature = 0.2,
        .top_p = 0.95},
    Preset{.name = "rnd1",
           .summary = "masked diffusion: the most certain cells of the whole canvas, as many in every step",
           .source = "RND1's released generate(), which ranks by entropy",
           .diffusion = true,
           .max_tokens = 256,
           .steps = 256,
           .score = ScoreKind::kEntropy,
           .temperature = 0.1},
    Preset{.name = "eb",
           .summary = "masked diffusion: as many cells at once as their entropies allow, the most certain first",
           .source = "EB sampler (arXiv:2505.24857); the bound of 0.15 nats is SGLang's, the paper's are 0.001 to 1",
           .diffusion = true,
           .max_tokens = 128,
           .block_length = 128,
           .select = {SelectKind::kEntropyBound, 0.15},
           .score = ScoreKind::kEntropy},
    Preset{
        .name = "llada2",
        .summary = "masked diffusion: all cells above a threshold, or the step's share, in blocks of 32",
        .source = "LLaDA2.0 (arXiv:2512.15745), defaults of its released generate(); finished blocks are cached: exact",
        .diffusion = true,
        .max_tokens = 2048,
        .block_length = 32,
        .steps_per_block = 32,
        .select = {SelectKind::kDynamic, 0.95},
        .cache = CacheKind::kBlock},
    Preset{.name = "llada2.1",
           .summary =
               "masked diffusion: cells above a threshold, and decided ones of the block are edited until they settle",
           .source =
               "LLaDA2.1's quality mode: threshold 0.7, editing 0.5, at most 16 passes more; --remask none: no edits",
           .diffusion = true,
           .max_tokens = 2048,
           .block_length = 32,
           .select = {SelectKind::kThreshold, 0.7},
           .remask = {RemaskKind::kEdit, 0.5},
           .cache = CacheKind::kBlock},
    Preset{.name = "mdlm",
           .summary = "masked diffusion: each cell is decided at a time of its own, drawn before the model is asked",
           .source = "MDLM (arXiv:2406.07524), ancestral sampler with its cache of unchanged steps",
           .diffusion = true,
           .max_tokens = 1024,
           .steps = 128,
           .select = {SelectKind::kAncestral},
           .temperature = 1},
    Preset{.name = "diffugpt",
           .summary = "masked diffusion: MDLM's sampler in 64 steps, a little cooler",
           .source = "DiffuGPT (arXiv:2410.17891), the values of its released inference script",
           .diffusion = true,
           .max_tokens = 256,
           .steps = 64,
           .select = {SelectKind::kAncestral},
           .temperature = 0.95,
           .top_p = 0.9},
    Preset{.name = "diffullama",
           .summary = "masked diffusion: the same, cooler still",
           .source = "DiffuLLaMA (arXiv:2410.17891), the values of its released inference script",
           .diffusion = true,
           .max_tokens = 256,
           .steps = 64,
           .select = {SelectKind::kAncestral},
           .temperature = 0.9,
           .top_p = 0.9},
    Preset{.name = "remdm",
           .summary = "masked diffusion: MDLM's sampler, and decided cells are opened again with a small probability",
           .source = "ReMDM (arXiv:2503.00307), cap schedule, eta 0.008, nucleus 0.9; --remask for its other schedules",
           .diffusion = true,
           .max_tokens = 1024,
           .select = {SelectKind::kAncestral},
           .remask = {RemaskKind::kCap, 0.008},
           .temperature = 1,
           .top_p = 0.9},
    Preset{.name = "p2",
           .summary = "masked diffusion: every step scores all cells anew, decided or not, and keeps the best",
           .source = "P2 (arXiv:2502.03540), with Open-dCoder's settings",
           .diffusion = true,
           .max_tokens = 128,
           .steps = 128,
           .remask = {RemaskKind::kPathPlanning},
           .temperature = 0.5,
           .top_k = 200},
    Preset{.name = "sdar",
           .summary = "masked diffusion in the model's own blocks, left to right: every cell above a threshold at once",
           .source = "SDAR (arXiv:2510.06303), low_confidence_dynamic; finished blocks are cached, which is exact",
           .diffusion = true,
           .max_tokens = 256,
           .select = {SelectKind::kThreshold, 0.9},
           .cache = CacheKind::kBlock,
           .temperature = 1},
    Preset{.name = "fast-dllm-v2",
           .summary = "the same in sub-blocks of 8; a block's first token comes from the block before it",
           .source = "Fast-dLLM v2 (arXiv:2509.26328); --cache sub-block for its approximate second cache",
           .diffusion = true,
           .max_tokens = 256,
           .block_length = 8,
           .select = {SelectKind::kThreshold, 0.9},
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
  check_range("--order-temperature", options.order_temperature, 0.0, 100.0);
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
                                                         {"--select", options.select.has_value()},
                                                         {"--remask", options.remask.has_value()},
                                                         {"--order-temperature", options.order_temperature.has_value()},
                                                         {"--score", options.score.has_value()},
                                                         {"--cache", options.cache.has_value()}};
  for (const auto& [option, given] : diffusion_only)
    if (given)
      throw error(ErrorKind::kInvalidArgument,
                  "{} is for diffusion presets; an autoregressive model writes one token per forward, in order",
                  option);
}

// Which cells a step decides: the option's rule, or the preset's with the option's threshold where it has one.
SelectRule choose_select(const GenerationOptions& options, const Preset& preset) {
  if (options.select && options.threshold)
    throw error(ErrorKind::kInvalidArgument, "--select and --threshold were both given; use --select threshold:VALUE");
  if (options.select) return parse_select(*options.select);
  if (!options.threshold) return preset.select;
  return {preset.select.kind == SelectKind::kDynamic ? SelectKind::kDynamic : SelectKind::kThreshold,
          *options.threshold};
}

void refuse_steps_without_meaning(const GenerationOptions& options, const Preset& preset, const SelectRule& select) {
  if (select.by_steps() || (!options.steps && !options.steps_per_block)) return;
  const bool by_threshold = select.kind == SelectKind::kThreshold;
  const std::string what = options.threshold ? "--threshold"
                           : options.select
                               ? fmt::format("--select {}", *options.select)
                               : fmt::format("preset '{}', which commits by {}", preset.name, to_string(select.kind));
  throw error(ErrorKind::kInvalidArgument,
              "{} cannot be combined with {}: {} decides by itself how many forwards are needed",
              options.steps ? "--steps" : "--steps-per-block", what, by_threshold ? "a threshold" : "it");
}

ScoreKind choose_score(const GenerationOptions& options, const Preset& preset, SelectKind select) {
  ScoreKind score = preset.score;
  if (options.score) {
    const auto given = parse_score(*options.score);
    if (!given)
      throw error(ErrorKind::kInvalidArgument, "--score is '{}'; expected prob, entropy, margin or random",
                  *options.score);
    score = *given;
  }
  if (select == SelectKind::kEntropyBound) {
    if (options.score && score != ScoreKind::kEntropy)
      throw error(ErrorKind::kInvalidArgument,
                  "--score {} cannot be combined with a bound on entropies; leave it out or use entropy",
                  to_string(score));
    return ScoreKind::kEntropy;
  }
  const bool is_probability = score == ScoreKind::kProbability || score == ScoreKind::kMargin;
  const bool compares =
      select == SelectKind::kThreshold || select == SelectKind::kFactor || select == SelectKind::kDynamic;
  if (!compares || is_probability) return score;
  if (!options.score) return ScoreKind::kProbability;
  throw error(
      ErrorKind::kInvalidArgument,
      "--score {} cannot be combined with a threshold, which is compared with probabilities; use prob or margin",
      to_string(score));
}

// ReMDM, P2 and MDLM look at the whole canvas in every step.
void resolve_whole_canvas(const GenerationOptions& options, const ModelSpec& spec, SamplingParams& params) {
  if (params.remask.is_remdm() && params.select.kind != SelectKind::kAncestral) {
    if (options.select || options.threshold)
      throw error(ErrorKind::kInvalidArgument, "--remask {} decides when cells are written; leave out {}",
                  to_string(params.remask), options.select ? "--select" : "--threshold");
    params.select = {SelectKind::kAncestral};
  }
  if (params.remask.kind == RemaskKind::kPathPlanning) {
    if (options.select || options.threshold)
      throw error(ErrorKind::kInvalidArgument, "--remask p2 decides how many cells are written; leave out {}",
                  options.select ? "--select" : "--threshold");
    params.select = {SelectKind::kLinear};
  }
  const bool whole = params.select.kind == SelectKind::kAncestral || params.remask.kind == RemaskKind::kPathPlanning;
  if (params.select.kind == SelectKind::kAncestral && params.remask.kind == RemaskKind::kEdit)
    throw error(ErrorKind::kInvalidArgument,
                "--remask edit works block by block; it cannot be combined with ancestral");
  const bool block_given = options.block_length && *options.block_length < params.max_tokens;
  const bool cache_given = options.cache && params.cache != CacheKind::kNone;
  if (whole && (block_given || cache_given))
    throw error(ErrorKind::kInvalidArgument,
                "{} cannot be combined with {}, which looks at the whole canvas in every step",
                block_given ? "--block-length" : "--cache",
                params.remask.kind == RemaskKind::kNone ? "ancestral selection"
                                                        : fmt::format("--remask {}", to_string(params.remask)));
  if (params.remask.kind == RemaskKind::kEdit && params.cache == CacheKind::kDelayed)
    throw error(ErrorKind::kInvalidArgument,
                "--cache delayed keeps decided cells; it cannot be combined with --remask edit");
  if (whole && spec.attention == AttentionKind::kBlockCausal)
    throw error(ErrorKind::kInvalidArgument,
                "{} looks at the whole canvas in every step, and this model's ({}) attention is block-causal; use "
                "--preset llada2",
                params.remask.kind == RemaskKind::kNone ? "ancestral selection"
                                                        : fmt::format("--remask {}", to_string(params.remask)),
                spec.family);
  if (params.remask.kind == RemaskKind::kEdit &&
      (params.cache == CacheKind::kSubBlock || (params.shift && params.attention_block > 0)))
    throw error(ErrorKind::kInvalidArgument,
                "--remask edit needs every cell of the block computed with the one that decides it; {}",
                params.shift ? "shifted logits in blocks do not give that" : "use --cache block");
  if (!whole) return;
  params.cache = CacheKind::kNone;
  params.block_length = params.max_tokens;
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
  params.select = choose_select(options, preset);
  params.remask = options.remask ? parse_remask(*options.remask) : preset.remask;
  if (options.cache) {
    const auto cache = parse_cache(*options.cache);
    if (!cache)
      throw error(ErrorKind::kInvalidArgument,
                  "--cache is '{}'; expected none, prefix, dual, delayed, block or sub-block", *options.cache);
    params.cache = *cache;
  }
  resolve_blocks(options, preset, spec, params);
  resolve_whole_canvas(options, spec, params);
  refuse_steps_without_meaning(options, preset, params.select);
  params.score = choose_score(options, preset, params.select.kind);
  params.order_temperature = options.order_temperature.value_or(0);
  const bool drawn = params.select.kind == SelectKind::kLinear || params.select.kind == SelectKind::kCosine ||
                     params.select.kind == SelectKind::kTimeStep;
  if (options.order_temperature && !drawn)
    throw error(ErrorKind::kInvalidArgument, "--order-temperature needs --select linear, cosine or timestep, not {}",
                to_string(params.select.kind));
  if (params.select.kind == SelectKind::kThreshold) params.threshold = params.select.value;
  if (!params.select.by_steps()) return;
  params.steps_per_block = options.steps ? 0 : options.steps_per_block.value_or(preset.steps_per_block);
  if (params.steps_per_block == 0)
    params.steps = options.steps.value_or(preset.steps > 0 ? preset.steps : params.max_tokens);
  if (params.block_length == params.max_tokens && params.steps_per_block > 0)  // one block
    params.steps = params.steps_per_block;
}

std::vector<TokenBias> parse_biases(const GenerationOptions& options, const ModelSpec& spec) {
  std::vector<TokenBias> biases;
  for (const std::string& text : options.logit_bias) {
    TokenBias bias;
    const char* end = text.data() + text.size();
    const auto [colon, no_token] = std::from_chars(text.data(), end, bias.token);
    const bool has_colon = no_token == std::errc() && colon != end && *colon == ':';
    const auto [last, no_bias] = std::from_chars(has_colon ? colon + 1 : end, end, bias.bias);
    if (!has_colon || no_bias != std::errc() || last != end || !(bias.bias >= -1000 && bias.bias <= 1000))
      throw error(ErrorKind::kInvalidArgument,
                  "--logit-bias is '{}'; expected TOKEN:BIAS with a bias from -1000 to 1000", text);
    if (bias.token < 0 || bias.token >= spec.vocab_size)
      throw error(ErrorKind::kInvalidArgument, "--logit-bias {}: token {} is not in the vocabulary of {}", text,
                  bias.token, spec.vocab_size);
    biases.push_back(bias);
  }
  return biases;
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
                        .logit_bias = parse_biases(options, spec),
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
