// Cells from literals and holes (spec 20 §19.1).
#include "engine/request_canvas.h"

#include <algorithm>

#include "base/error.h"
#include "engine/generate.h"

namespace pent {
namespace {

constexpr int kPatternCells = 16;     // for a pattern without a longest text
constexpr int kMaxPatternCells = 64;  // a token is a byte at least

// " word": one blank and more.
bool is_word_behind_blank(std::string_view bytes) { return bytes.size() > 1 && bytes[0] == ' ' && bytes[1] != ' '; }

// Whether literal `i` ends with one blank that its neighbour, a hole, is to write.
bool lends_blank(const std::vector<Segment>& segments, size_t i) {
  const std::string& text = segments[i].text;
  return i + 1 < segments.size() && segments[i + 1].hole && !segments[i + 1].hole->draft.starts_with(' ') &&
         text.ends_with(' ') && !text.ends_with("  ");
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
int cells_for(const TokenAutomaton& language, int most) {
  if (most > 0) return most;
  const auto longest =
      static_cast<int>(std::min<int64_t>(language.bytes().longest().value_or(kPatternCells), kMaxPatternCells));
  return std::max({longest, language.shortest(), 1});
}

}  // namespace

CanvasMaker::CanvasMaker(Model& model, const Request& request) : model_(model), whole_(constraint_of(request.options)) {
  const ModelSpec& spec = model.denoiser->spec();
  text_ = text_tokens(model, /*behind_blank=*/false);
  const Preset* preset = find_preset(request.options.preset.empty() ? spec.default_preset : request.options.preset);
  elastic_ = !whole_ && preset != nullptr && preset->length.kind == LengthKind::kDreamOn && fits(*preset, spec);
  // Where the whole is of a language, so are its literals, to the last blank.
  if (!whole_) behind_blank_ = text_tokens(model, /*behind_blank=*/true);
  const std::vector<Segment>& canvas = request.canvas;
  if (!request.messages.empty() || !request.prompt.empty())
    opening_ = prompt_of(model, request);
  else if (spec.bos_id >= 0)
    opening_ = {spec.bos_id};
  const bool without = spec.starts_with_bos && !opening_.empty() && opening_.front() != spec.bos_id;
  if (without) opening_.insert(opening_.begin(), spec.bos_id);
  bool lent = false;
  bool opens = request.prompt.empty();
  for (size_t i = 0; i < canvas.size(); ++i) {
    if (canvas[i].hole) {
      add_hole(*canvas[i].hole, lent, opens);
      lent = false;
    } else {
      const std::string& text = canvas[i].text;
      lent = behind_blank_ && lends_blank(canvas, i);
      pieces_.push_back({.tokens = encoded(text.substr(0, text.size() - (lent ? 1 : 0)), opens)});
    }
    opens = false;
  }
  const auto open = std::count_if(ranges_.begin(), ranges_.end(), [](Range range) { return range.least < range.most; });
  if (whole_ && open > 1)
    throw error(ErrorKind::kInvalidArgument,
                "{} is about the whole text, so only one hole can have a free length; {} have", whole_->what, open);
  if (whole_)
    whole_language_ = model.constraints.compile(*whole_, *model.tokenizer, spec, /*may_end=*/false,
                                                /*opens=*/request.prompt.empty());
}

std::vector<TokenId> CanvasMaker::encoded(const std::string& text, bool opens) const {
  return opens ? model_.tokenizer->encode(text) : model_.tokenizer->encode_within(text);
}

void CanvasMaker::add_hole(const Hole& hole, bool writes_blank, bool opens) {
  Piece piece{.tokens = {}, .hole = &hole, .language = {}, .writes_blank = writes_blank, .opens = opens};
  Range range{hole.min_tokens, hole.max_tokens};
  if (hole.constraint) {
    if (whole_)
      throw error(ErrorKind::kInvalidArgument,
                  "the hole '{}' has a pattern, and {} says what the whole is; keep one of them", hole.name,
                  whole_->what);
    Constraint own = *hole.constraint;
    own.what = fmt::format("the pattern of the hole '{}'", hole.name);
    piece.language =
        model_.constraints.compile(own, *model_.tokenizer, model_.denoiser->spec(), /*may_end=*/true, opens);
    range.least = range.most = cells_for(*piece.language, hole.max_tokens);
  } else if (!hole.draft.empty()) {
    piece.tokens = encoded((writes_blank ? " " : "") + hole.draft, opens);
    range.least = range.most = static_cast<int>(piece.tokens.size());
  }
  ranges_.push_back(range);
  pieces_.push_back(std::move(piece));
}

std::vector<std::vector<TokenId>> CanvasMaker::choice_tokens(const Hole& hole, const HoleCells& cells) const {
  std::vector<std::vector<TokenId>> choices;
  for (const std::string& text : hole.constraint->choices) choices.push_back(encoded(text, cells.opens));
  return choices;
}

RequestCanvas CanvasMaker::make(std::span<const int> lengths) const {
  PENT_CHECK(lengths.size() == ranges_.size(), "{} lengths for {} holes", lengths.size(), ranges_.size());
  const ModelSpec& spec = model_.denoiser->spec();
  RequestCanvas made{.canvas = Canvas(spec.mask_id), .holes = {}, .rules = {}};
  for (const int length : lengths)
    if ((made.hole_tokens += length) > spec.max_positions)
      throw error(ErrorKind::kInvalidArgument, "the holes have {} tokens together, but the model's context is {}",
                  made.hole_tokens, spec.max_positions);
  made.canvas.append_fixed(opening_);
  const int32_t text_begin = made.canvas.size();
  for (const Piece& piece : pieces_) {
    if (piece.hole == nullptr) {
      made.canvas.append_fixed(piece.tokens);
      continue;
    }
    const int32_t begin = made.canvas.size();
    const int32_t end = begin + lengths[made.holes.size()];
    const Range range = ranges_[made.holes.size()];
    if (piece.hole->draft.empty())
      made.canvas.append_masked(end - begin);
    else
      made.canvas.append_soft(piece.tokens);
    made.holes.push_back({begin, end, piece.writes_blank, piece.opens});
    if (elastic_ && range.least < range.most) {
      made.elastic.push_back(
          {begin, end, range.least, range.most, text_, piece.writes_blank ? behind_blank_ : nullptr});
    } else if (piece.language) {
      made.rules.push_back({begin, end, piece.language, nullptr});
    } else if (!whole_language_) {
      if (piece.writes_blank) made.rules.push_back({begin, begin + 1, nullptr, behind_blank_});
      made.rules.push_back({begin + (piece.writes_blank ? 1 : 0), end, nullptr, text_});
    }
  }
  if (whole_language_) made.rules = {{text_begin, made.canvas.size(), whole_language_, nullptr}};
  if (spec.expands_holes()) made.canvas.append_fixed(std::span(&spec.eos_id, 1));  // as in training
  return made;
}

}  // namespace pent
