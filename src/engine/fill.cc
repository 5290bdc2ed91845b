// Infilling with holes of fixed length (spec 20 §19.1): literals are fixed cells, holes masked ones, denoised together.
// Literals are tokenised piece by piece; a word that runs across the border of a hole is therefore two tokens at least.
// Vocabularies keep a word and the blank before it in one token, and a blank of its own promises a digit. So the blank with which
// a literal ends at a hole is left to the hole, whose first token must then begin with one.
#include <algorithm>

#include "base/error.h"
#include "engine/best_of.h"
#include "engine/constraint.h"
#include "engine/fill_template.h"
#include "engine/generate.h"
#include "engine/requests.h"
#include "sample/decode.h"
#include "text/utf8.h"

namespace pent {
namespace {

struct HoleCells {
  int32_t begin = 0, end = 0;
  bool writes_blank = false;  // its first token must bring the blank that the literal before it lent
};

struct FillCanvas {
  Canvas canvas;
  std::vector<HoleCells> holes;  // in order
  std::vector<CellRule> rules;
  int hole_tokens = 0;
};

constexpr int kPatternCells = 16;     // for a pattern without a longest text
constexpr int kMaxPatternCells = 64;  // a token is a byte at least

std::vector<TokenId> opening(const Model& model, const std::string& system) {
  const ModelSpec& spec = model.denoiser->spec();
  if (!system.empty()) {
    if (usable_chat_template(model) == nullptr)
      throw error(ErrorKind::kInvalidArgument, "--system needs a chat template, which this model does not have");
    return model.tokenizer->encode(apply_chat_template(model, {{"system", system}}));
  }
  return spec.bos_id >= 0 ? std::vector<TokenId>{spec.bos_id} : std::vector<TokenId>{};
}

// " word": one blank and more.
bool is_word_behind_blank(std::string_view bytes) { return bytes.size() > 1 && bytes[0] == ' ' && bytes[1] != ' '; }

// Whether literal `i` ends with one blank that its neighbour, a hole, is to write.
bool lends_blank(const std::vector<FillSegment>& segments, size_t i) {
  const std::string& text = segments[i].text;
  return i + 1 < segments.size() && segments[i + 1].is_hole() && text.ends_with(' ') && !text.ends_with("  ");
}

// A hole is filled with text only: no end, no padding, no template marks.
std::shared_ptr<const TokenSet> text_tokens(const Model& model, bool behind_blank) {
  const ModelSpec& spec = model.denoiser->spec();
  TokenSet set(static_cast<size_t>(spec.vocab_size + 63) / 64);
  bool any = false;
  for (TokenId token = 0; token < model.tokenizer->size(); ++token) {
    if (!is_text_token(token, *model.tokenizer, spec)) continue;
    if (behind_blank && !is_word_behind_blank(model.tokenizer->token_bytes(token))) continue;
    set[static_cast<size_t>(token) / 64] |= uint64_t{1} << (token % 64);
    any = true;
  }
  return any ? std::make_shared<const TokenSet>(std::move(set)) : nullptr;
}

// As many cells as the pattern's longest text has bytes, within reason, and as its shortest has tokens.
int cells_for(const TokenAutomaton& language) {
  const auto longest =
      static_cast<int>(std::min<int64_t>(language.bytes().longest().value_or(kPatternCells), kMaxPatternCells));
  return std::max({longest, language.shortest(), 1});
}

class CanvasMaker {
 public:
  CanvasMaker(Model& model, const std::vector<FillSegment>& segments, const std::optional<Constraint>& whole)
      : model_(model), segments_(segments), whole_(whole) {
    text_ = text_tokens(model, /*behind_blank=*/false);
    // Where the whole is of a language, so are its literals, to the last blank.
    if (!whole) behind_blank_ = text_tokens(model, /*behind_blank=*/true);
  }

  FillCanvas make(const std::string& system) {
    made_.canvas.append_fixed(opening(model_, system));
    const int32_t begin = made_.canvas.size();
    for (size_t i = 0; i < segments_.size(); ++i) {
      if (segments_[i].is_hole())
        add_hole(segments_[i]);
      else
        add_literal(i);
    }
    if (whole_) {
      const ModelSpec& spec = model_.denoiser->spec();
      made_.rules = {{begin, made_.canvas.size(),
                      model_.constraints.compile(*whole_, *model_.tokenizer, spec, /*may_end=*/false)}};
    }
    return std::move(made_);
  }

 private:
  void add_literal(size_t i) {
    const std::string& text = segments_[i].text;
    lent_ = behind_blank_ && lends_blank(segments_, i);
    made_.canvas.append_fixed(model_.tokenizer->encode(text.substr(0, text.size() - (lent_ ? 1 : 0))));
  }

  void add_hole(const FillSegment& hole) {
    const int32_t begin = made_.canvas.size();
    std::shared_ptr<const TokenAutomaton> language;
    int tokens = hole.tokens;
    if (!hole.pattern.empty()) {
      if (whole_)
        throw error(ErrorKind::kInvalidArgument,
                    "the hole '{}' has a pattern, and {} says what the whole is; keep one of them", hole.name,
                    whole_->what);
      const std::string what = fmt::format("the pattern of the hole '{}'", hole.name);
      language = model_.constraints.compile({Constraint::Kind::kRegex, hole.pattern, what}, *model_.tokenizer,
                                            model_.denoiser->spec(), /*may_end=*/true);
      tokens = cells_for(*language);
    }
    const int context = model_.denoiser->spec().max_positions;
    if ((made_.hole_tokens += tokens) > context)
      throw error(ErrorKind::kInvalidArgument, "the holes have {} tokens together, but the model's context is {}",
                  made_.hole_tokens, context);
    made_.canvas.append_masked(tokens);
    const int32_t end = made_.canvas.size();
    made_.holes.push_back({begin, end, lent_});
    if (language) made_.rules.push_back({begin, end, language});
    if (!language && lent_) made_.rules.push_back({begin, begin + 1, nullptr, behind_blank_});
    if (!language) made_.rules.push_back({begin + (lent_ ? 1 : 0), end, nullptr, text_});
    lent_ = false;
  }

  Model& model_;
  const std::vector<FillSegment>& segments_;
  const std::optional<Constraint>& whole_;
  std::shared_ptr<const TokenSet> text_, behind_blank_;  // behind_blank_: null where the vocabulary has no such words
  bool lent_ = false;                                    // the literal before lent its last blank
  FillCanvas made_{.canvas = Canvas(model_.denoiser->spec().mask_id)};
};

SamplingParams fill_params(const Model& model, const FillCanvas& made, GenerationOptions options) {
  if (options.max_tokens)
    throw error(ErrorKind::kInvalidArgument,
                "--max-tokens has no meaning here: the holes say how many tokens are written");
  if (options.length || options.trim_tail)
    throw error(ErrorKind::kInvalidArgument, "{} has no meaning here: the holes say how many tokens are written",
                options.length ? "--length" : "--trim-tail");
  if (!options.stop.empty())
    throw error(ErrorKind::kInvalidArgument, "--stop has no meaning here: the holes say how many tokens are written");
  options.length = fmt::format("{}", made.hole_tokens);  // fixed, whatever the preset does
  if (!options.block_length) options.block_length = made.hole_tokens;
  return resolved_params(model, options, made.canvas.size() - made.hole_tokens);
}

// A hole with a pattern may end before its cells do: end tokens fill the rest.
Filling collect(const Model& model, const Canvas& canvas, const std::vector<FillSegment>& segments,
                const FillCanvas& made, const std::string& finish_reason) {
  Filling filling;
  auto cells = made.holes.begin();
  std::string bytes;
  for (const FillSegment& segment : segments) {
    bytes += segment.text;
    if (!segment.is_hole()) continue;
    std::vector<TokenId> written;
    std::vector<WrittenToken> told;
    bool complete = true;
    for (int32_t cell = cells->begin; cell < cells->end; ++cell) {
      const Cell& each = canvas[cell];
      complete = complete && each.state == CellState::kCommitted;
      if (each.state == CellState::kCommitted && is_text_token(each.token, *model.tokenizer, model.denoiser->spec())) {
        written.push_back(each.token);
        told.push_back({each.token, each.step, each.confidence});
      }
    }
    if (!complete && !segment.pattern.empty()) written.clear(), told.clear();
    std::string hole_bytes = bytes_of(*model.tokenizer, written);
    if (cells->writes_blank && hole_bytes.starts_with(' ')) hole_bytes.erase(0, 1);  // the literal's
    bytes += hole_bytes;
    auto& tokens = filling.generation.token_ids;
    tokens.insert(tokens.end(), written.begin(), written.end());
    filling.generation.written.insert(filling.generation.written.end(), told.begin(), told.end());
    filling.holes.push_back({.name = segment.name,
                             .text = replace_invalid_utf8(hole_bytes),
                             .tokens = static_cast<int>(written.size()),
                             .finish = complete ? "filled" : finish_reason});
    ++cells;
  }
  filling.generation.text = replace_invalid_utf8(bytes);
  return filling;
}

}  // namespace

Filling fill(Model& model, const std::string& text_with_holes, const GenerationOptions& options,
             const std::string& system, const TraceSink& trace, const CancelToken* cancel) {
  const ModelSpec& spec = model.denoiser->spec();
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
  const std::vector<FillSegment> segments = parse_fill_template(text_with_holes);
  const std::optional<Constraint> whole = constraint_of(options);
  const FillCanvas made = CanvasMaker(model, segments, whole).make(system);
  SamplingParams params = fill_params(model, made, options);
  params.cell_rules = made.rules;
  std::vector<std::unique_ptr<Sampler>> samplers;
  for (int candidate = 0; candidate < options.best_of; ++candidate) {
    SamplingParams own = params;
    own.n_index = candidate_index(options, params.n_index, candidate);
    samplers.push_back(make_diffusion_sampler(made.canvas, own, /*stop_ids=*/{}));
  }
  const auto [best, outcome] = choose_likeliest(
      samplers, decode(*model.denoiser, samplers, params,
                       {.banned = unwritable_tokens(spec, model.tokenizer->size()), .cancel = cancel, .trace = trace}));
  Filling filling = collect(model, samplers[best]->canvas(), segments, made, outcome.finish_reason);
  Generation& generation = filling.generation;
  if (whole && outcome.finish_reason != "length") generation.text.clear();
  generation.finish_reason = outcome.finish_reason;
  generation.prompt_tokens = made.canvas.size() - made.hole_tokens;
  generation.completion_tokens = static_cast<int>(generation.token_ids.size());
  generation.nfe = outcome.nfe;
  generation.rows = outcome.rows;
  generation.canvas_cells = made.hole_tokens;
  generation.seconds = outcome.seconds;
  generation.seconds_to_first_committed = outcome.seconds_to_first_committed;
  generation.mode = Mode::kDiffusion;
  generation.mode_reason = "holes are filled with both sides in view";
  generation.preset = params.preset;
  generation.cache = params.cache;
  generation.seed = params.seed;
  generation.n_index = params.n_index;
  return filling;
}

}  // namespace pent
