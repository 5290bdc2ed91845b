// Infilling with holes of fixed length (spec 20 §19.1): literals are fixed cells, holes masked ones, denoised together.
// Literals are tokenised piece by piece; a word that runs across the border of a hole is therefore two tokens at least.
// Vocabularies keep a word and the blank before it in one token, and a blank of its own promises a digit. So the blank with which
// a literal ends at a hole is left to the hole, whose first token must then begin with one.
#include <algorithm>

#include "base/error.h"
#include "engine/best_of.h"
#include "engine/fill_template.h"
#include "engine/generate.h"
#include "engine/requests.h"
#include "sample/decode.h"
#include "text/utf8.h"

namespace pent {
namespace {

struct FillCanvas {
  Canvas canvas;
  std::vector<int32_t> hole_begins;  // first cell of each hole, in order
  std::vector<int32_t> blank_cells;  // those of them that must bring the blank the literal before them lent
  std::vector<int32_t> banned_there;
  int hole_tokens = 0;
};

std::vector<TokenId> opening(const Model& model, const std::string& system) {
  const ModelSpec& spec = model.denoiser->spec();
  if (!system.empty()) {
    if (model.chat_template == nullptr)
      throw error(ErrorKind::kInvalidArgument, "--system needs a chat template, which this model does not have");
    return model.tokenizer->encode(model.chat_template->apply({{"system", system}}, /*add_generation_prompt=*/true));
  }
  return spec.bos_id >= 0 ? std::vector<TokenId>{spec.bos_id} : std::vector<TokenId>{};
}

// " word": one blank and more.
bool is_word_behind_blank(std::string_view bytes) { return bytes.size() > 1 && bytes[0] == ' ' && bytes[1] != ' '; }

// Whether literal `i` ends with one blank that its neighbour, a hole, is to write.
bool lends_blank(const std::vector<FillSegment>& segments, size_t i) {
  const std::string& text = segments[i].text;
  return i + 1 < segments.size() && segments[i + 1].tokens > 0 && text.ends_with(' ') && !text.ends_with("  ");
}

// Leaves the vocabulary's words behind a blank; empty when it has none.
std::vector<int32_t> banned_behind_lent_blank(const Tokenizer& tokenizer) {
  std::vector<int32_t> banned;
  for (TokenId token = 0; token < tokenizer.size(); ++token)
    if (!is_word_behind_blank(tokenizer.token_bytes(token))) banned.push_back(token);
  return static_cast<int>(banned.size()) < tokenizer.size() ? banned : std::vector<int32_t>{};
}

FillCanvas make_canvas(const Model& model, const std::vector<FillSegment>& segments, const std::string& system) {
  FillCanvas made{.canvas = Canvas(model.denoiser->spec().mask_id)};
  int64_t holes = 0;
  for (const FillSegment& segment : segments) holes += segment.tokens;
  if (const int context = model.denoiser->spec().max_positions; holes > context)
    throw error(ErrorKind::kInvalidArgument, "the holes have {} tokens together, but the model's context is {}", holes,
                context);
  made.hole_tokens = static_cast<int>(holes);
  made.canvas.append_fixed(opening(model, system));
  made.banned_there = banned_behind_lent_blank(*model.tokenizer);
  for (size_t i = 0; i < segments.size(); ++i) {
    const FillSegment& segment = segments[i];
    if (segment.tokens == 0) {
      const bool lent = !made.banned_there.empty() && lends_blank(segments, i);
      const size_t written = segment.text.size() - (lent ? 1 : 0);
      made.canvas.append_fixed(model.tokenizer->encode(segment.text.substr(0, written)));
      if (lent) made.blank_cells.push_back(made.canvas.size());
    } else {
      made.hole_begins.push_back(made.canvas.size());
      made.canvas.append_masked(segment.tokens);
    }
  }
  return made;
}

SamplingParams fill_params(const Model& model, const FillCanvas& made, GenerationOptions options) {
  if (options.max_tokens)
    throw error(ErrorKind::kInvalidArgument,
                "--max-tokens has no meaning here: the holes say how many tokens are written");
  if (!options.stop.empty())
    throw error(ErrorKind::kInvalidArgument, "--stop has no meaning here: the holes say how many tokens are written");
  options.max_tokens = made.hole_tokens;
  if (!options.block_length) options.block_length = made.hole_tokens;
  return resolved_params(model, options, made.canvas.size() - made.hole_tokens);
}

// A hole is filled with text only: no end, no padding, no template marks.
std::vector<int32_t> banned_in_holes(const Model& model) {
  const ModelSpec& spec = model.denoiser->spec();
  std::vector<int32_t> banned = unwritable_tokens(spec, model.tokenizer->size());
  std::vector<bool> is_banned(static_cast<size_t>(spec.vocab_size));
  for (const int32_t token : banned) is_banned[static_cast<size_t>(token)] = true;
  const auto ban = [&](int32_t token) {
    if (token < 0 || token >= spec.vocab_size || is_banned[static_cast<size_t>(token)]) return;
    is_banned[static_cast<size_t>(token)] = true;
    banned.push_back(token);
  };
  for (const int32_t token : spec.stop_ids) ban(token);
  for (int32_t token = 0; token < model.tokenizer->size(); ++token)
    if (model.tokenizer->is_special(token)) ban(token);
  return banned;
}

Filling collect(const Model& model, const Canvas& canvas, const std::vector<FillSegment>& segments,
                const FillCanvas& made, const std::string& finish_reason) {
  Filling filling;
  size_t hole = 0;
  std::string bytes;
  for (size_t i = 0; i < segments.size(); ++i) {
    const FillSegment& segment = segments[i];
    bytes += segment.text;
    if (segment.tokens == 0) continue;
    std::string hole_bytes;
    int written = 0;
    for (int32_t cell = made.hole_begins[hole]; cell < made.hole_begins[hole] + segment.tokens; ++cell) {
      if (canvas[cell].state != CellState::kCommitted) continue;
      hole_bytes += model.tokenizer->token_bytes(canvas[cell].token);
      filling.generation.token_ids.push_back(canvas[cell].token);
      ++written;
    }
    const auto& lent = made.blank_cells;
    if (std::binary_search(lent.begin(), lent.end(), made.hole_begins[hole]) && hole_bytes.starts_with(' '))
      hole_bytes.erase(0, 1);  // the literal's
    bytes += hole_bytes;
    filling.holes.push_back({.name = segment.name,
                             .text = replace_invalid_utf8(hole_bytes),
                             .tokens = written,
                             .finish = written == segment.tokens ? "filled" : finish_reason});
    ++hole;
  }
  filling.generation.text = replace_invalid_utf8(bytes);
  return filling;
}

}  // namespace

Filling fill(Model& model, const std::string& text_with_holes, const GenerationOptions& options,
             const std::string& system, const TraceSink& trace, const CancelToken* cancel) {
  const ModelSpec& spec = model.denoiser->spec();
  if (!spec.is_diffusion())
    throw error(
        ErrorKind::kInvalidArgument,
        "this model ({}) is autoregressive: it does not see the text behind a hole; use a masked diffusion model",
        spec.family);
  if (spec.attention == AttentionKind::kBlockCausal)
    throw error(ErrorKind::kInvalidArgument,
                "this model ({}) writes block after block and does not see the text behind a hole; use one with full "
                "attention",
                spec.family);
  const std::vector<FillSegment> segments = parse_fill_template(text_with_holes);
  const FillCanvas made = make_canvas(model, segments, system);
  const SamplingParams params = fill_params(model, made, options);
  std::vector<std::unique_ptr<Sampler>> samplers;
  for (int candidate = 0; candidate < options.best_of; ++candidate) {
    SamplingParams own = params;
    own.n_index = candidate_index(options, params.n_index, candidate);
    samplers.push_back(make_diffusion_sampler(made.canvas, own, /*stop_ids=*/{}));
  }
  const auto [best, outcome] = choose_likeliest(samplers, decode(*model.denoiser, samplers, params,
                                                                 {.banned = banned_in_holes(model),
                                                                  .narrow_cells = made.blank_cells,
                                                                  .banned_in_narrow = made.banned_there,
                                                                  .cancel = cancel,
                                                                  .trace = trace}));
  Filling filling = collect(model, samplers[best]->canvas(), segments, made, outcome.finish_reason);
  Generation& generation = filling.generation;
  generation.finish_reason = outcome.finish_reason;
  generation.prompt_tokens = made.canvas.size() - made.hole_tokens;
  generation.completion_tokens = static_cast<int>(generation.token_ids.size());
  generation.nfe = outcome.nfe;
  generation.seconds = outcome.seconds;
  generation.seconds_to_first_committed = outcome.seconds_to_first_committed;
  generation.mode = "diffusion";
  generation.preset = params.preset;
  generation.cache = params.cache;
  generation.seed = params.seed;
  generation.n_index = params.n_index;
  return filling;
}

}  // namespace pent
