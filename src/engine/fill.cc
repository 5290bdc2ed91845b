// Requests with a canvas: how long its holes are, which cells of drafts are opened, and what is written there (spec 44 §1, §13).
#include <algorithm>
#include <chrono>
#include <functional>

#include "base/error.h"
#include "engine/best_of.h"
#include "engine/fill_template.h"
#include "engine/generate.h"
#include "engine/hole_length.h"
#include "engine/request_canvas.h"
#include "engine/requests.h"
#include "sample/choices.h"
#include "sample/decode.h"
#include "sample/mode.h"
#include "sample/warm_start.h"
#include "text/utf8.h"

namespace pent {
namespace {

using Clock = std::chrono::steady_clock;

void refuse_model(const ModelSpec& spec, const GenerationOptions& options) {
  if (!spec.is_masked_diffusion())
    throw error(ErrorKind::kInvalidArgument, "this model ({}) {} text behind a hole; use a masked diffusion model",
                spec.family,
                spec.is_diffusion() ? "writes canvas after canvas and does not see the"
                                    : "is autoregressive: it does not see the");
  if (const Mode mode = resolve_mode(options.mode, spec); mode != Mode::kDiffusion)
    throw error(ErrorKind::kInvalidArgument,
                "--mode {} writes from left to right and does not see the text behind a hole; use --mode diffusion",
                to_string(mode));
  if (spec.attention == AttentionKind::kBlockCausal)
    throw error(ErrorKind::kInvalidArgument,
                "this model ({}) writes block after block and does not see the text behind a hole; use one with full "
                "attention",
                spec.family);
}

void refuse_options(const GenerationOptions& options) {
  const std::pair<const char*, bool> meaningless[] = {{"--max-tokens", options.max_tokens.has_value()},
                                                      {"--length", options.length.has_value()},
                                                      {"--trim-tail", options.trim_tail},
                                                      {"--stop", !options.stop.empty()}};
  for (const auto& [option, given] : meaningless)
    if (given)
      throw error(ErrorKind::kInvalidArgument, "{} has no meaning here: the holes say how many tokens are written",
                  option);
}

// Writes the canvas of one request.
class CanvasWriter {
 public:
  CanvasWriter(Model& model, const Request& request, const TraceSink& trace, const CancelToken* cancel)
      : model_(model), request_(request), trace_(trace), cancel_(cancel), maker_(model, request) {}

  Filling write() {
    made_ = maker_.make(find_lengths());
    params_ = resolved(made_.hole_tokens);  // refuses what does not fit before any draft is judged
    open_drafts();
    const int masks = made_.canvas.masked_count(0, made_.canvas.size());
    if (masks > 0) decode(masks);
    Filling filling = collect();
    if (request_.choice_logprobs) score_choices(filling);
    tell_cost(filling.generation);
    return filling;
  }

 private:
  double elapsed_ms() const { return std::chrono::duration<double, std::milli>(Clock::now() - start_).count(); }

  bool is_late() const {
    return (cancel_ != nullptr && cancel_->cancelled()) ||
           (request_.options.deadline_ms && elapsed_ms() >= *request_.options.deadline_ms);
  }

  bool has_drafts() const {
    return std::any_of(request_.canvas.begin(), request_.canvas.end(),
                       [](const Segment& each) { return each.hole && !each.hole->draft.empty(); });
  }

  std::vector<int> find_lengths() {
    const int reserved = has_drafts() ? 2 : 1;  // to judge drafts, and to write
    const int budget = request_.options.max_nfe.value_or(kMaxHoleTokens);
    FoundLengths found =
        pent::find_lengths(model_, maker_, std::max(budget - reserved, 0), [this] { return is_late(); });
    nfe_ += found.nfe;
    rows_ += found.rows;
    return std::move(found.lengths);
  }

  SamplingParams resolved(int tokens) const {
    GenerationOptions options = request_.options;
    options.length = fmt::format("{}", std::max(tokens, 1));  // fixed, whatever the preset does …
    if (!made_.elastic.empty())
      options.length = fmt::format("{0}..{1}", tokens, tokens + room_to_grow());  // … but this
    // Holes are written together; an answer that is one hole, as an answer is.
    const bool bare = request_.canvas.size() == 1 && tokens == made_.hole_tokens;
    if (!options.block_length && !bare && made_.elastic.empty()) options.block_length = std::max(tokens, 1);
    return resolved_params(model_, options, made_.canvas.size() - made_.hole_tokens);
  }

  // Cells that the holes may get, all together and within the context.
  int room_to_grow() const {
    int64_t room = 0;
    for (const ElasticCells& hole : made_.elastic) room += hole.most - hole.size();
    return static_cast<int>(std::clamp<int64_t>(model_.denoiser->spec().max_positions - made_.canvas.size(), 0, room));
  }

  // Strengths 0 and 1 need no judge.
  void open_drafts() {
    std::vector<int32_t> judged;
    size_t hole_index = 0;
    std::vector<std::pair<const Hole*, HoleCells>> drafts;
    for (const Segment& segment : request_.canvas) {
      if (!segment.hole) continue;
      const HoleCells cells = made_.holes[hole_index++];
      if (segment.hole->draft.empty()) continue;
      drafts.emplace_back(&*segment.hole, cells);
      const auto strength = segment.hole->strength;
      if (strength && (*strength == 0 || *strength == 1)) continue;
      for (int32_t cell = cells.begin; cell < cells.end; ++cell) judged.push_back(cell);
    }
    std::vector<double> probabilities;
    if (!judged.empty()) {
      if (request_.options.max_nfe && nfe_ + 1 >= *request_.options.max_nfe)
        throw error(ErrorKind::kInvalidArgument,
                    "--max-nfe {}: a draft takes one forward to be judged and another to be written anew; allow more",
                    *request_.options.max_nfe);
      probabilities = leave_out_probabilities(*model_.denoiser, made_.canvas, judged,
                                              unwritable_tokens(model_.denoiser->spec(), model_.tokenizer->size()));
      ++nfe_;
      rows_ += int64_t{kLeaveOutGroups} * made_.canvas.size();
    }
    for (const auto& [hole, cells] : drafts) {
      const auto count = static_cast<size_t>(cells.end - cells.begin);
      std::vector<double> own(count, 0.0);
      for (size_t i = 0; i < judged.size(); ++i)
        if (cells.begin <= judged[i] && judged[i] < cells.end)
          own[static_cast<size_t>(judged[i] - cells.begin)] = probabilities[i];
      for (const size_t index : cells_to_open(own, hole->strength))
        made_.canvas.open(cells.begin + static_cast<int32_t>(index)), ++opened_;
      drafted_ += static_cast<int>(count);
    }
  }

  void decode(int masks) {
    params_ = resolved(masks);
    params_.cell_rules = made_.rules;
    params_.elastic = made_.elastic;
    params_.cell_priority = priorities();
    if (params_.max_nfe) *params_.max_nfe -= nfe_;
    if (params_.deadline_ms) *params_.deadline_ms = std::max(*params_.deadline_ms - elapsed_ms(), 0.0);
    for (int candidate = 0; candidate < request_.options.best_of; ++candidate) {
      SamplingParams own = params_;
      own.n_index = candidate_index(request_.options, params_.n_index, candidate);
      samplers_.push_back(make_diffusion_sampler(made_.canvas, own, /*stop_ids=*/{}));
    }
    const auto [best, outcome] = choose_likeliest(
        samplers_, pent::decode(*model_.denoiser, samplers_, params_,
                                {.banned = unwritable_tokens(model_.denoiser->spec(), model_.tokenizer->size(),
                                                             params_.length.kind == LengthKind::kDreamOn),
                                 .cancel = cancel_,
                                 .trace = trace_}));
    move_holes(samplers_[best]->elastic());
    made_.canvas = samplers_[best]->canvas();
    outcome_ = outcome;
  }

  // To where they are after decoding.
  void move_holes(std::span<const ElasticCells> now) {
    int32_t by = 0;
    auto next = now.begin();
    for (HoleCells& hole : made_.holes) {
      hole.begin += by;
      const bool changed = next != now.end() && next->begin == hole.begin;
      if (changed) by += next->size() - (hole.end + by - hole.begin);
      if (changed) ++next;
      hole.end += by;
    }
    made_.hole_tokens += by;
  }

  // Empty where all holes have the same.
  std::vector<double> priorities() const {
    std::vector<double> of_cells(static_cast<size_t>(made_.canvas.size()));
    std::vector<double> all;
    for (const Segment& segment : request_.canvas) {
      if (!segment.hole) continue;
      const HoleCells cells = made_.holes[all.size()];
      all.push_back(segment.hole->priority);
      std::fill(of_cells.begin() + cells.begin, of_cells.begin() + cells.end, segment.hole->priority);
    }
    if (std::adjacent_find(all.begin(), all.end(), std::not_equal_to<>()) == all.end()) return {};
    if (params_.remask.is_remdm() || params_.remask.kind == RemaskKind::kPathPlanning ||
        params_.remask.kind == RemaskKind::kWino || params_.select.kind == SelectKind::kAncestral ||
        params_.length.kind != LengthKind::kFixed)
      throw error(ErrorKind::kInvalidArgument,
                  "priorities of holes need a decoder that finishes one block after the other; preset '{}' does not",
                  params_.preset);
    return of_cells;
  }

  // A hole with a pattern may end before its cells do: end tokens fill the rest.
  Filling collect() const {
    Filling filling;
    auto cells = made_.holes.begin();
    std::string bytes;
    for (const Segment& segment : request_.canvas) {
      bytes += segment.text;
      if (!segment.hole) continue;
      std::vector<TokenId> written;
      std::vector<WrittenToken> told;
      std::string hole_bytes;
      bool complete = true, kept = true;
      for (int32_t cell = cells->begin; cell < cells->end; ++cell) {
        const Cell& each = made_.canvas[cell];
        const bool soft = each.state == CellState::kSoft;
        complete = complete && each.state != CellState::kMasked;
        kept = kept && soft;
        if (!soft && (each.state == CellState::kMasked ||
                      !is_text_token(each.token, *model_.tokenizer, model_.denoiser->spec())))
          continue;
        written.push_back(each.token);
        told.push_back({each.token, each.step, each.confidence});
        if (cells->opens && hole_bytes.empty())
          hole_bytes += model_.tokenizer->opening_bytes(each.token);
        else
          hole_bytes += model_.tokenizer->token_bytes(each.token);
      }
      if (!complete && segment.hole->constraint) written.clear(), told.clear(), hole_bytes.clear();
      if (cells->writes_blank && hole_bytes.starts_with(' ')) hole_bytes.erase(0, 1);  // the literal's
      if (kept) hole_bytes = segment.hole->draft;  // to the last byte, whatever the tokenizer normalises
      bytes += hole_bytes;
      auto& tokens = filling.generation.token_ids;
      tokens.insert(tokens.end(), written.begin(), written.end());
      filling.generation.written.insert(filling.generation.written.end(), told.begin(), told.end());
      filling.holes.push_back({.name = segment.hole->name,
                               .text = replace_invalid_utf8(hole_bytes),
                               .tokens = static_cast<int>(written.size()),
                               .finish = complete ? "filled" : outcome_.finish_reason});
      ++cells;
    }
    const bool whole = made_.canvas.masked_count(0, made_.canvas.size()) == 0;
    if (whole || !constraint_of(request_.options)) filling.generation.text = replace_invalid_utf8(bytes);
    if (drafted_ > 0) filling.kept_fraction = 1 - static_cast<double>(opened_) / drafted_;
    return filling;
  }

  // With all other holes as they are written; an empty text is left out of the question.
  void score_choices(Filling& filling) {
    size_t index = 0;
    for (const Segment& segment : request_.canvas) {
      if (!segment.hole) continue;
      const HoleCells cells = made_.holes[index];
      FilledHole& filled = filling.holes[index++];
      if (!segment.hole->constraint || segment.hole->constraint->kind != Constraint::Kind::kChoice) continue;
      const auto choices = maker_.choice_tokens(*segment.hole, cells);
      if (std::any_of(choices.begin(), choices.end(), [](const auto& tokens) { return tokens.empty(); })) continue;
      const ChoiceScores scores =
          chain_log_probabilities(*model_.denoiser, made_.canvas, cells.begin, cells.end, choices, maker_.text_set());
      filled.choice_logprobs = scores.log_probabilities;
      rows_ += scores.rows;
      ++nfe_;
    }
  }

  void tell_cost(Generation& generation) const {
    generation.finish_reason = outcome_.finish_reason;
    generation.prompt_tokens = made_.canvas.size() - made_.hole_tokens;
    generation.completion_tokens = static_cast<int>(generation.token_ids.size());
    generation.nfe = nfe_ + outcome_.nfe;
    generation.rows = rows_ + outcome_.rows;
    generation.hurried = outcome_.hurried;
    generation.canvas_cells = std::max(made_.hole_tokens, outcome_.cells - generation.prompt_tokens);
    generation.seconds = elapsed_ms() / 1000;
    generation.seconds_to_first_committed = outcome_.seconds_to_first_committed + generation.seconds - outcome_.seconds;
    generation.mode = Mode::kDiffusion;
    generation.mode_reason = "holes are filled with both sides in view";
    generation.preset = params_.preset;
    generation.cache = params_.cache;
    generation.seed = params_.seed;
    generation.n_index = params_.n_index;
  }

  Model& model_;
  const Request& request_;
  const TraceSink& trace_;
  const CancelToken* cancel_;
  Clock::time_point start_ = Clock::now();
  CanvasMaker maker_;
  RequestCanvas made_{.canvas = Canvas(-1), .holes = {}, .rules = {}};
  SamplingParams params_;
  std::vector<std::unique_ptr<Sampler>> samplers_;
  DecodeOutcome outcome_{.finish_reason = "length"};
  int nfe_ = 0;  // before decoding
  int64_t rows_ = 0;
  int opened_ = 0, drafted_ = 0;  // cells of drafts
};

}  // namespace

std::vector<TokenId> prompt_of(const Model& model, const Request& request) {
  if (!request.messages.empty()) return make_prompt(model, request.messages, /*raw=*/false, request.tools);
  return model.tokenizer->encode(request.prompt, /*add_special=*/true);
}

Filling answer(Model& model, const Request& request, const TraceSink& trace, const CancelToken* cancel) {
  if (request.canvas.empty()) {
    return {.generation = generate(model, prompt_of(model, request), request.options, trace, cancel), .holes = {}};
  }
  refuse_model(model.denoiser->spec(), request.options);
  refuse_options(request.options);
  return CanvasWriter(model, request, trace, cancel).write();
}

Filling fill(Model& model, const std::string& text_with_holes, const GenerationOptions& options,
             const std::string& system, const TraceSink& trace, const CancelToken* cancel) {
  Request request{.messages = {},
                  .prompt = {},
                  .canvas = parse_fill_template(text_with_holes),
                  .choice_logprobs = false,
                  .options = options};
  if (!system.empty()) request.messages = {{"system", system}};
  return answer(model, request, trace, cancel);
}

}  // namespace pent
