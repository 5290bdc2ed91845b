// How options, preset and model become one set of parameters.
#include "sample/preset.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/error.h"
#include "sample/levenshtein.h"
#include "sample/option_table.h"

namespace pent {
namespace {

// llama.cpp looks back over 64 tokens, transformers over all; paragraphs repeat each other farther apart than 64.
constexpr int kRepetitionWindow = 128;
// Rows that cost little beside the first on most machines (spec 31 §5.2).
constexpr int kDraftLength = 4;

const Preset& choose_preset(const GenerationOptions& options, const ModelSpec& spec, Mode mode) {
  const bool own = mode == own_mode(spec) && !spec.default_preset.empty();
  std::string name = !options.preset.empty() ? options.preset : own ? spec.default_preset : "";
  if (name.empty()) name = mode == Mode::kDiffusion ? "llada" : "ar";
  const Preset* preset = find_preset(name);
  if (preset == nullptr) {
    std::string known;
    for (const Preset& each : presets()) known += (known.empty() ? "" : ", ") + std::string(each.name);
    throw error(ErrorKind::kInvalidArgument, "no preset '{}'; there are {}", printable(name), known);
  }
  if (preset->diffusion && fits(*preset, spec) && mode != Mode::kDiffusion)
    throw error(ErrorKind::kInvalidArgument, "preset '{}' is for --mode diffusion, not {}; leave one of the two out",
                name, to_string(mode));
  if (preset->diffusion ? fits(*preset, spec) : mode != Mode::kDiffusion) return *preset;
  const std::string_view wanted = !preset->diffusion                                ? "autoregressive models"
                                  : preset->remask.kind == RemaskKind::kRenoise     ? "models of random tokens"
                                  : preset->remask.kind == RemaskKind::kLevenshtein ? "models that delete and insert"
                                  : preset->length.kind == LengthKind::kDreamOn     ? "models that expand their holes"
                                                                                    : "masked diffusion models";
  const auto [what, usual] = spec.is_masked_diffusion() ? std::pair("a masked diffusion model", "llada")
                             : spec.is_diffusion()      ? std::pair("one of random tokens", "diffusion-gemma")
                                                        : std::pair("autoregressive", "ar");
  const std::string instead = spec.default_preset.empty() ? usual : spec.default_preset;
  throw error(ErrorKind::kInvalidArgument, "preset '{}' is for {}, but this one ({}) is {}; use --preset {}", name,
              wanted, spec.family, what, instead);
}

// The canvas: --length over --max-tokens over the preset, whose length is lowered to what the context leaves.
void resolve_length(const GenerationOptions& options, const Preset& preset, const ModelSpec& spec, int prompt_tokens,
                    SamplingParams& params) {
  const bool own_length = !options.length || (*options.length == "auto" && preset.length.kind != LengthKind::kFixed);
  params.length = own_length ? preset.length : parse_length(*options.length);
  if (params.length.kind == LengthKind::kDaedal && preset.length.kind == LengthKind::kDreamOn)
    params.length.kind = LengthKind::kDreamOn;
  if (params.length.most > 0 && options.max_tokens)
    throw error(ErrorKind::kInvalidArgument, "--length {} and --max-tokens were both given; keep one", *options.length);
  const int room = spec.max_positions - prompt_tokens;
  params.max_tokens =
      params.length.most > 0 ? params.length.most : options.max_tokens.value_or(std::min(preset.max_tokens, room));
  if (room < 1 || params.max_tokens > room)
    throw error(
        ErrorKind::kInvalidArgument,
        "the prompt has {} tokens and {} are to be written, but the model's context is {}; shorten the prompt{}",
        prompt_tokens, std::max(params.max_tokens, 1), spec.max_positions,
        room < 1 ? "" : fmt::format(" or use --max-tokens {}", room));
  const std::pair<std::optional<double>, double LengthRule::*> thresholds[] = {
      {options.tau_eos, &LengthRule::tau_eos},
      {options.tau_expand, &LengthRule::tau_expand},
      {options.tau_low, &LengthRule::tau_low}};
  for (const auto& [given, threshold] : thresholds) {
    if (given && params.length.kind != LengthKind::kDaedal)
      throw error(ErrorKind::kInvalidArgument,
                  "--tau-eos, --tau-expand and --tau-low are for a canvas that grows; use --length auto or MIN..MAX");
    params.length.*threshold = given.value_or(params.length.*threshold);
  }
  params.length.initial = std::min(params.length.initial, params.max_tokens);
  params.length.most = params.max_tokens;
  params.trim_tail = options.trim_tail;
}

void refuse_for_ar(GenerationOptions options, Mode mode) {
  const bool drafts = mode == Mode::kSpeculative;
  if (drafts) options.block_length.reset();  // of drafts
  const std::string given = first_given(options, OptionGroup::kDiffusion);
  if (given.empty()) return;
  throw error(ErrorKind::kInvalidArgument, "{} is for diffusion presets; {}", given,
              drafts ? "--mode speculative drafts --block-length tokens in one forward"
                     : "an autoregressive model writes one token per forward, in order");
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

ScoreOf choose_score_of(const GenerationOptions& options, const Preset& preset, float temperature) {
  const auto of = options.score_of ? parse_score_of(*options.score_of) : std::optional(preset.score_of);
  if (!of)
    throw error(ErrorKind::kInvalidArgument, "--score-of is '{}'; expected model or draws",
                printable(*options.score_of));
  return temperature > 0 ? *of : ScoreOf::kModel;
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

// WINO decides by a threshold and computes the canvas and the block's shadow in every forward.
void resolve_wino(const GenerationOptions& options, const Preset& preset, const ModelSpec& spec,
                  SamplingParams& params) {
  if (params.remask.kind != RemaskKind::kWino) return;
  const auto refuse = [](const std::string& what) {
    throw error(ErrorKind::kInvalidArgument, "--remask wino cannot be combined with {}", what);
  };
  if (spec.attention == AttentionKind::kBlockCausal || spec.shift)
    refuse(fmt::format("this model ({}): it needs full attention and logits that are not shifted", spec.family));
  if (params.select.kind != SelectKind::kThreshold) {
    if (options.select) refuse(fmt::format("--select {}; use threshold:P", to_string(params.select)));
    params.select = find_preset("wino")->select;
  }
  if (options.cache && params.cache != CacheKind::kNone) refuse("--cache: it computes the whole canvas every time");
  params.cache = CacheKind::kNone;
  if (!options.block_length && preset.remask.kind != RemaskKind::kWino)
    params.block_length = std::min(find_preset("wino")->block_length, params.max_tokens);
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
    params.cache = CacheKind::kNone;
  }
  if (in_blocks && params.cache == CacheKind::kNone && !options.cache) params.cache = CacheKind::kBlock;  // it is exact
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

// A canvas whose cells come and go needs a decoder that decides one window of it after the other, for good.
void refuse_what_cannot_change_length(const ModelSpec& spec, const SamplingParams& params) {
  const bool grows = params.length.kind != LengthKind::kFixed;
  if (!grows && !params.trim_tail) return;
  const std::string what = grows ? fmt::format("a canvas that grows ({})", to_string(params.length)) : "--trim-tail";
  const auto refuse = [&](const std::string& why) {
    throw error(ErrorKind::kInvalidArgument, "{} cannot be combined with {}; {}", what, why,
                params.length.kind == LengthKind::kDreamOn ? "use --preset dream"
                : grows                                    ? "use --length N"
                                                           : "leave it out");
  };
  if (spec.attention == AttentionKind::kBlockCausal || spec.canvas_length > 0)
    refuse(fmt::format("this model ({}), which writes {} until its end token", spec.family,
                       spec.canvas_length > 0 ? "canvas after canvas" : "block after block"));
  if (params.select.kind == SelectKind::kAncestral)
    refuse("ancestral selection, which goes over a canvas of fixed length");
  if (params.remask.kind != RemaskKind::kNone)
    refuse(fmt::format("--remask {}, which changes cells again", to_string(params.remask)));
  if (grows && (params.select.kind == SelectKind::kCosine || params.select.kind == SelectKind::kTimeStep))
    refuse(fmt::format("--select {}, whose schedule needs to know the length", to_string(params.select)));
  if (grows && spec.stop_ids.empty()) refuse(fmt::format("this model ({}), which has no end token", spec.family));
}

// Guidance compares with the canvas whose given text is masked, and mixes logits as a linear head gives them.
void refuse_guidance(const ModelSpec& spec, const SamplingParams& params) {
  if (params.cfg_scale == 0 || (spec.is_masked_diffusion() && spec.logit_cap == 0)) return;
  throw error(ErrorKind::kInvalidArgument, "--cfg-scale is not defined for this model ({}): {}; leave it out",
              spec.family,
              spec.is_masked_diffusion() ? "its logits are capped" : "it has no masks to hide the given text behind");
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
  refuse_guidance(spec, params);
  const bool of_random_tokens = spec.canvas_length > 0;
  if (of_random_tokens) {
    resolve_renoise(options, preset, spec, params);
  } else {
    refuse_renoise(options, spec, params);
    resolve_blocks(options, preset, spec, params);
    resolve_whole_canvas(options, spec, params);
    resolve_wino(options, preset, spec, params);
    resolve_levenshtein(options, spec, params);
    resolve_dreamon(options, spec, params);
    refuse_steps_without_meaning(options, preset, params.select);
  }
  refuse_what_cannot_change_length(spec, params);
  params.score = choose_score(options, preset, params.select.kind);
  params.score_of = choose_score_of(options, preset, params.temperature);
  params.order_temperature = options.order_temperature.value_or(0);
  const bool drawn = params.select.kind == SelectKind::kLinear || params.select.kind == SelectKind::kCosine ||
                     params.select.kind == SelectKind::kTimeStep;
  if (options.order_temperature && !drawn)
    throw error(ErrorKind::kInvalidArgument, "--order-temperature needs --select linear, cosine or timestep, not {}",
                to_string(params.select.kind));
  if (params.select.kind == SelectKind::kThreshold) params.threshold = params.select.value;
  if (!params.select.by_steps()) return;  // and where every step decides anew, resolve_renoise() has counted them
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

SamplingParams resolve(const GenerationOptions& options, const ModelSpec& spec, int prompt_tokens) {
  check_ranges(options);
  const Mode mode = resolve_mode(options.mode, spec);
  const Preset& preset = choose_preset(options, spec, mode);
  SamplingParams params{.preset = std::string(preset.name),
                        .diffusion = preset.diffusion,
                        .cfg_scale = static_cast<float>(options.cfg_scale.value_or(0)),
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
  if (!preset.diffusion) refuse_for_ar(options, mode);
  resolve_length(options, preset, spec, prompt_tokens, params);
  if (preset.diffusion) resolve_parts(options, preset, spec, params);
  const bool all_alike = params.temperature == 0 && params.remask.kind != RemaskKind::kRenoise;  // whose noise differs
  if (options.best_of > 1 && all_alike)
    throw error(ErrorKind::kInvalidArgument,
                "--best-of {} with --temperature 0 would write the same text {} times; give a temperature above 0",
                options.best_of, options.best_of);
  if (mode == Mode::kSpeculative)
    params.draft_length = std::min(options.block_length.value_or(kDraftLength), params.max_tokens);
  return params;
}

}  // namespace pent
