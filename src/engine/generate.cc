// From a request to text, one or many at a time.
#include "engine/generate.h"

#include <algorithm>

#include "base/error.h"
#include "engine/auto_mode.h"
#include "engine/best_of.h"
#include "engine/requests.h"
#include "sample/decode.h"

namespace pent {
namespace {

// The prompt, behind the token that the model cannot do without.
std::vector<TokenId> with_start_token(std::vector<TokenId> prompt, const ModelSpec& spec) {
  const bool without = spec.starts_with_bos && !prompt.empty() && prompt.front() != spec.bos_id;
  if (without) prompt.insert(prompt.begin(), spec.bos_id);
  if (!prompt.empty()) return prompt;
  if (spec.bos_id >= 0) return {spec.bos_id};
  if (spec.is_masked_diffusion() && !spec.shift) return {};
  if (spec.eos_id >= 0) return {spec.eos_id};
  throw error(ErrorKind::kInvalidArgument,
              "the prompt is empty, and this model ({}) has no token to start from; give it a prompt", spec.family);
}

std::unique_ptr<Sampler> make_sampler(std::vector<TokenId> prompt, const SamplingParams& params, const ModelSpec& spec,
                                      const std::shared_ptr<ModePlanner>& planner) {
  if (!params.diffusion) {
    Drafting drafting;
    if (planner) drafting = {make_mask_drafter(spec), planner};
    if (params.draft_length > 0) drafting = {make_mask_drafter(spec), make_fixed_planner(params.draft_length)};
    return make_ar_sampler(std::move(prompt), params, spec.stop_ids, std::move(drafting));
  }
  SamplingParams own = params;
  if (params.remask.kind == RemaskKind::kRenoise) {  // canvases are denoised whole, as far as the context goes
    const int behind = (params.block_length - params.max_tokens % params.block_length) % params.block_length;
    own.padding = std::min(behind, spec.max_positions - static_cast<int>(prompt.size()) - params.max_tokens);
    return make_renoise_sampler(std::move(prompt), own, spec.vocab_size, spec.stop_ids);
  }
  Canvas canvas(spec.mask_id);
  canvas.append_fixed(prompt);
  canvas.append_masked(params.length.kind == LengthKind::kFixed ? params.max_tokens : params.length.initial);
  if (params.length.kind == LengthKind::kDreamOn) {  // a hole that the end of the text stands behind, as in training
    own.elastic = {{static_cast<int32_t>(prompt.size()), canvas.size(), 0, params.max_tokens, nullptr, nullptr}};
    own.padding = std::min(1, spec.max_positions - static_cast<int>(prompt.size()) - params.max_tokens);
    if (own.padding > 0) canvas.append_fixed(std::span(&spec.eos_id, 1));
  }
  if (params.attention_block > 0) {  // the last block is denoised whole, as in training
    const int behind = (params.attention_block - canvas.size() % params.attention_block) % params.attention_block;
    own.padding = std::min(behind, spec.max_positions - canvas.size());
    canvas.append_masked(own.padding);
  }
  return make_diffusion_sampler(std::move(canvas), own, spec.stop_ids);
}

Mode mode_of(const SamplingParams& params) {
  if (params.diffusion) return Mode::kDiffusion;
  return params.draft_length > 0 ? Mode::kSpeculative : Mode::kAr;
}

// Of all candidates together, as their forwards are counted.
DraftCount count_drafts(std::span<const std::unique_ptr<Sampler>> candidates) {
  DraftCount sum;
  for (const auto& each : candidates) {
    sum.drafted += each->draft_count().drafted;
    sum.accepted += each->draft_count().accepted;
  }
  return sum;
}

// The modes of a request's answers, and why.
class ModeNotes {
 public:
  ModeNotes(Model& model, const GenerationOptions& options, const SamplingParams& params, size_t answers)
      : mode_(mode_of(params)), reason_(options.mode ? "as asked" : "the model's own") {
    if (options.mode != "auto") return;
    auto [planner, reason] = plan_auto(model, params, answers);
    planner_ = std::move(planner);
    reason_ = std::move(reason);
  }

  const std::shared_ptr<ModePlanner>& planner() const { return planner_; }
  Mode mode() const { return planner_ && planner_->speculates() ? Mode::kSpeculative : mode_; }
  std::string reason() const { return planner_ ? planner_->reason() : reason_; }

 private:
  Mode mode_;
  std::string reason_;
  std::shared_ptr<ModePlanner> planner_;
};

// A text that must be of a language is whole or not there.
CutText whole_text(const Tokenizer& tokenizer, const std::vector<TokenId>& tokens, bool is_whole) {
  if (!is_whole) return {};
  return {.text = bytes_of(tokenizer, tokens), .kept = tokens.size()};
}

Generation make_generation(const Tokenizer& tokenizer, const Sampler& sampler, const SamplingParams& params,
                           const DecodeOutcome& outcome, const ModeNotes& modes, const DraftCount& draft,
                           const std::vector<std::string>& stops, int prompt_tokens) {
  std::vector<int32_t> tokens = sampler.completion();
  const bool late = outcome.finish_reason == "deadline" && outcome.hurried == 0;  // in order, it has no end yet
  const bool is_whole = !late && outcome.finish_reason != "cancelled";
  CutText cut =
      params.cell_rules.empty() ? completion_text(tokenizer, tokens, stops) : whole_text(tokenizer, tokens, is_whole);
  tokens.resize(cut.kept);
  std::vector<WrittenToken> written;
  const Canvas& canvas = sampler.canvas();
  for (int32_t cell = prompt_tokens; cell < canvas.size() && written.size() < tokens.size(); ++cell)
    written.push_back({canvas[cell].token, canvas[cell].step, canvas[cell].confidence});
  // Cells that fill the model's last block are no part of the answer; an autoregressive canvas has none.
  const int canvas_cells = std::min(outcome.cells - prompt_tokens, params.max_tokens);
  return {.text = std::move(cut.text),
          .token_ids = tokens,
          .finish_reason = cut.stopped ? "stop" : outcome.finish_reason,
          .prompt_tokens = prompt_tokens,
          .completion_tokens = static_cast<int>(tokens.size()),
          .nfe = outcome.nfe,
          .rows = outcome.rows,
          .hurried = outcome.hurried,
          .canvas_cells = canvas_cells,
          .written = std::move(written),
          .seconds = outcome.seconds,
          .seconds_to_first_committed = outcome.seconds_to_first_committed,
          .mode = modes.mode(),
          .mode_reason = modes.reason(),
          .draft = draft,
          .preset = params.preset,
          .cache = params.cache,
          .seed = params.seed,
          .n_index = params.n_index};
}

}  // namespace

Generation generate(Model& model, const std::vector<TokenId>& prompt, const GenerationOptions& options,
                    const TraceSink& trace, const CancelToken* cancel) {
  return generate_batch(model, {{prompt, options.seed, options.n_index}}, options, 1, trace, cancel)[0];
}

std::vector<Generation> generate_batch(Model& model, const std::vector<BatchItem>& items,
                                       const GenerationOptions& options, int width, const TraceSink& trace,
                                       const CancelToken* cancel,
                                       const std::function<void(const Generation&)>& finished) {
  const ModelSpec& spec = model.denoiser->spec();
  const Tokenizer& tokenizer = *model.tokenizer;
  const std::optional<Constraint> constraint = constraint_of(options);
  if (constraint && spec.canvas_length > 0)
    throw error(ErrorKind::kInvalidArgument,
                "a constraint is not for this model ({}), which draws all cells of a canvas anew in every step",
                spec.family);
  std::shared_ptr<const TokenAutomaton> language;
  if (constraint) language = model.constraints.compile(*constraint, tokenizer, spec, /*may_end=*/true, /*opens=*/true);
  std::optional<ModeNotes> modes;  // as the first answer has them
  std::vector<std::unique_ptr<Sampler>> samplers;
  std::vector<SamplingParams> params;
  std::vector<int> prompt_tokens;
  for (const BatchItem& item : items) {
    const std::vector<TokenId> prompt = with_start_token(item.prompt, spec);
    prompt_tokens.push_back(static_cast<int>(prompt.size()));
    params.push_back(resolved_params(model, options, prompt_tokens.back()));
    params.back().seed = item.seed;
    if (language && params.back().remask.kind == RemaskKind::kLevenshtein)
      throw error(ErrorKind::kInvalidArgument,
                  "a constraint is for cells that stay where they are; use --remask edit:P or none");
    if (language && (params.back().length.kind != LengthKind::kFixed || options.trim_tail))
      throw error(ErrorKind::kInvalidArgument, "a constraint is for a canvas of fixed length; use --length N{}",
                  options.trim_tail ? " and leave out --trim-tail" : "");
    if (language)
      params.back().cell_rules = {{prompt_tokens.back(), prompt_tokens.back() + params.back().max_tokens, language}};
    if (!modes) modes.emplace(model, options, params[0], items.size() * static_cast<size_t>(options.best_of));
    for (int candidate = 0; candidate < options.best_of; ++candidate) {
      params.back().n_index = candidate_index(options, item.n_index, candidate);
      samplers.push_back(make_sampler(prompt, params.back(), spec, modes->planner()));
    }
    params.back().n_index = item.n_index;
  }
  std::vector<Generation> generations(items.size());
  if (items.empty()) return generations;

  std::vector<DecodeOutcome> outcomes(samplers.size());
  const auto candidates = static_cast<size_t>(options.best_of);
  std::vector<size_t> running(items.size(), candidates);
  const auto ended = [&](size_t sampler, const DecodeOutcome& outcome) {
    outcomes[sampler] = outcome;
    const size_t i = sampler / candidates;
    if (--running[i] > 0) return;
    const auto own = std::span(samplers).subspan(i * candidates, candidates);
    const Choice best = choose_likeliest(own, std::span(outcomes).subspan(i * candidates, candidates));
    generations[i] = make_generation(tokenizer, *own[best.index], params[i], best.outcome, *modes, count_drafts(own),
                                     options.stop, prompt_tokens[i]);
    if (finished) finished(generations[i]);
  };
  DecodeOptions decoding{.banned = unwritable_tokens(spec, tokenizer.size(), params[0].moves_cells()),
                         .width = width,
                         .cancel = cancel,
                         .trace = trace,
                         .ended = ended};
  if (!options.stop.empty())
    decoding.is_stopped = [&](std::span<const int32_t> tokens) {
      return completion_text(tokenizer, tokens, options.stop).stopped;
    };
  decode(*model.denoiser, samplers, params[0], decoding);
  return generations;
}

SamplingParams resolved_params(const Model& model, const GenerationOptions& options, int prompt_tokens) {
  return resolve(with_model_defaults(model, options, prompt_tokens), model.denoiser->spec(), prompt_tokens);
}

std::string apply_chat_template(const Model& model, const std::vector<ChatMessage>& messages, const Json& tools) {
  const Json& config = model.files.tokenizer_config;
  Json variables = special_token_variables(config, model.files.where + "/tokenizer_config.json");
  const ModelSpec& spec = model.denoiser->spec();
  for (const auto& [key, id] : {std::pair{"bos_token", spec.bos_id}, std::pair{"eos_token", spec.eos_id}}) {
    const bool named = config.is_object() && config.contains(key);
    if (!named && id >= 0 && id < model.tokenizer->size())
      variables[key] = std::string(model.tokenizer->token_text(id));
  }
  std::string text = model.chat_template->apply(messages, /*add_generation_prompt=*/true, variables, tools);
  if (!tools.is_null() && text == model.chat_template->apply(messages, /*add_generation_prompt=*/true, variables))
    throw error(ErrorKind::kInvalidArgument, "the chat template of {} does not show tools to the model; leave them out",
                model.name);
  return text;
}

std::vector<TokenId> make_prompt(const Model& model, const std::string& user, const std::string& system, bool raw) {
  std::vector<ChatMessage> messages;
  if (!system.empty()) messages.push_back({"system", system});
  messages.push_back({"user", user});
  return make_prompt(model, messages, raw);
}

std::vector<TokenId> make_prompt(const Model& model, const std::vector<ChatMessage>& messages, bool raw,
                                 const Json& tools) {
  PENT_CHECK(!messages.empty());
  if (raw || usable_chat_template(model) == nullptr) {
    if (!tools.is_null() || messages.front().role == "system")
      throw error(ErrorKind::kInvalidArgument, "{} needs a chat template{}", tools.is_null() ? "--system" : "--tools",
                  raw ? ", which --raw leaves out; drop one of the two" : ", which this model does not have");
    return model.tokenizer->encode(messages.back().content, /*add_special=*/true);
  }
  return model.tokenizer->encode(apply_chat_template(model, messages, tools));
}

}  // namespace pent
