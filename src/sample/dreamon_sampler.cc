// Infilling with the model's own expand and end tokens (sample/dreamon.h). A forward decides the best masks of all holes, one where
// nothing else is asked. A hole never has more cells than it may, nor fewer: what would lead there is banned before the draw; and so is
// expansion when a hole has used it as often as it may have cells, which bounds the forwards.
#include <algorithm>
#include <functional>
#include <map>
#include <numeric>
#include <tuple>

#include "base/error.h"
#include "sample/canvas_sampler.h"
#include "sample/dreamon.h"
#include "sample/score.h"

namespace pent {
namespace {

TokenSet with(TokenSet set, int32_t token, bool in_it) {
  uint64_t& word = set[static_cast<size_t>(token) / 64];
  const uint64_t bit = uint64_t{1} << (token % 64);
  word = in_it ? word | bit : word & ~bit;
  return set;
}

class DreamOnSampler : public CanvasSampler {
 public:
  DreamOnSampler(Canvas canvas, const SamplingParams& params, std::vector<int32_t> stop_ids)
      : CanvasSampler(std::move(canvas), params, std::move(stop_ids)), holes_(params_.elastic) {
    for (const ElasticCells& hole : holes_) {
      PENT_CHECK(hole.least <= hole.size() && hole.size() <= hole.most, "{} cells of {} to {}", hole.size(), hole.least,
                 hole.most);
      expansions_.push_back(hole.most);
    }
    limit_ = canvas_.size() - canvas_.masked_count(0, canvas_.size()) + params_.max_tokens;
    per_step_ = params_.steps > 0 ? std::max(1, (params_.max_tokens + params_.steps - 1) / params_.steps) : 1;
  }

  int32_t capacity() const override { return limit_; }
  std::span<const ElasticCells> elastic() const override { return holes_; }
  bool done() const override { return stopped_ || canvas_.masked_count(0, canvas_.size()) == 0; }
  Block active_block() const override { return {first_generated(), canvas_.size()}; }
  // Any mask may become two.
  bool leaves_undecided() const override { return canvas_.masked_count(0, canvas_.size()) > 0; }
  // "length" where a hole took all the cells it may have.
  std::string finish_reason() const override {
    if (stopped_ || holes_.empty()) return CanvasSampler::finish_reason();
    return std::any_of(holes_.begin(), holes_.end(), [](const ElasticCells& hole) { return hole.size() == hole.most; })
               ? "length"
               : "stop";
  }

  void plan(int32_t sequence, int32_t step, PassPlan& plan, HeadRequest& request) const override {
    const size_t first = plan.head_rows.size();
    const std::vector<int32_t> asked = masked_cells(canvas_.size());
    plan_whole(sequence, step, asked, plan, request);
    allow(asked, first, /*moves=*/true, request);
  }

  // Nothing moves any more.
  void plan_last(int32_t sequence, int32_t step, PassPlan& plan, HeadRequest& request) const override {
    const size_t first = plan.head_rows.size();
    const std::vector<int32_t> asked = last_asked_cells();
    plan_whole(sequence, step, asked, plan, request);
    allow(asked, first, /*moves=*/false, request);
  }

  std::vector<CellChange> apply(std::span<const RowStats> rows, int32_t step) override {
    const std::vector<int32_t> cells = masked_cells(canvas_.size());
    PENT_CHECK(cells.size() == rows.size(), "{} rows for {} cells", rows.size(), cells.size());
    std::vector<Candidate> candidates;
    for (size_t i = 0; i < rows.size(); ++i)
      candidates.push_back({.cell = cells[i],
                            .token = rows[i].drawn,
                            .confidence = confidence(rows[i]),
                            .score = score(params_.score, params_.score_of, rows[i], key(step, cells[i]))});
    std::vector<Proposal> written;
    std::map<int32_t, int32_t, std::greater<>>
        moving;  // cell -> what moves it; from the right, so that cells before it stay
    for (const size_t index : choose(candidates, step)) {
      const Candidate& each = candidates[index];
      if (moves(each.token) && hole_of(each.cell) != nullptr)
        moving.emplace(each.cell, each.token);
      else
        written.push_back({each.cell, &rows[index], each.score});
    }
    splices_.clear();
    std::vector<CellChange> changes;
    commit(std::move(written), step, changes);
    for (const auto& [cell, token] : moving) {
      if (token == params_.editing.expand_id)
        expand(cell, changes);
      else
        end_hole(cell, changes);
    }
    advance_frontier(canvas_.size());
    return changes;
  }

 private:
  bool moves(int32_t token) const { return token == params_.editing.expand_id || token == params_.editing.delete_id; }

  const ElasticCells* hole_of(int32_t cell) const {
    const auto found = std::find_if(holes_.begin(), holes_.end(),
                                    [&](const ElasticCells& hole) { return hole.begin <= cell && cell < hole.end; });
    return found == holes_.end() ? nullptr : &*found;
  }
  size_t index_of(const ElasticCells* hole) const { return static_cast<size_t>(hole - holes_.data()); }

  bool can_expand(const ElasticCells& hole) const {
    return hole.size() < hole.most && expansions_[index_of(&hole)] > 0 && canvas_.size() < limit_;
  }

  // What is decided already must be able to become the first of its hole.
  bool can_end(const ElasticCells& hole, int32_t cell) const {
    if (hole.size() == hole.least) return false;
    if (cell > hole.begin || !hole.first) return true;
    for (int32_t next = cell + 1; next < hole.end; ++next)
      if (canvas_[next].state != CellState::kMasked) return contains(*hole.first, canvas_[next].token);
    return true;
  }

  std::vector<size_t> choose(std::span<const Candidate> candidates, int32_t step) const {
    if (!params_.select.by_steps() || params_.select.kind == SelectKind::kDynamic)
      return select_by(params_.select, candidates, per_step_);
    return select_drawn(candidates, per_step_, params_.order_temperature, key(step, 0));
  }

  void plan_whole(int32_t sequence, int32_t step, std::span<const int32_t> asked, PassPlan& plan,
                  HeadRequest& request) const {
    std::vector<int32_t> all(static_cast<size_t>(canvas_.size()));
    std::iota(all.begin(), all.end(), 0);
    plan_cells(sequence, step, all, asked, plan, request);
    request_score(params_.score, params_.score_of, request);
  }

  // Of the head rows from `first` on, those of holes.
  void allow(std::span<const int32_t> asked, size_t first, bool moves, HeadRequest& request) const {
    request.allowed.resize(first + asked.size());
    for (size_t i = 0; i < asked.size(); ++i) {
      const ElasticCells* hole = hole_of(asked[i]);
      if (hole == nullptr) continue;
      const auto& own = hole->first && asked[i] == hole->begin ? hole->first : hole->tokens;
      const auto& base = own ? own : params_.editing.others;
      const bool expands = moves && can_expand(*hole), ends = moves && can_end(*hole, asked[i]);
      auto& made = allowed_[{base.get(), expands, ends}];
      if (!made)
        made = std::make_shared<const TokenSet>(
            with(with(*base, params_.editing.expand_id, expands), params_.editing.delete_id, ends));
      request.allowed[first + i] = made;
    }
  }

  // As the model was before it could: a mask of two, unless another of this step took the last place.
  void expand(int32_t cell, std::vector<CellChange>& changes) {
    const ElasticCells* hole = hole_of(cell);
    if (!can_expand(*hole)) return;
    --expansions_[index_of(hole)];
    insert(cell, 1, changes);
    resize(index_of(hole), 1);
  }

  // The cell goes, and as many masks behind it as its hole can spare.
  void end_hole(int32_t cell, std::vector<CellChange>& changes) {
    const ElasticCells* hole = hole_of(cell);
    if (!can_end(*hole, cell)) return;
    const size_t index = index_of(hole);
    for (int32_t last = hole->end - 1; last >= cell; --last) {
      if (canvas_[last].state != CellState::kMasked || (last > cell && hole->size() == hole->least + 1)) continue;
      erase(last, 1, changes);
      resize(index, -1);
    }
  }

  void resize(size_t hole, int32_t by) {
    holes_[hole].end += by;
    for (ElasticCells& behind : holes_)
      if (behind.begin > holes_[hole].begin) behind.begin += by, behind.end += by;
  }

  std::vector<ElasticCells> holes_;  // ascending, as they are now
  std::vector<int32_t> expansions_;  // of each hole: how many are left
  int32_t limit_ = 0;                // cells of the longest canvas
  int per_step_ = 1;                 // cells that a step decides where steps have a meaning
  mutable std::map<std::tuple<const TokenSet*, bool, bool>, std::shared_ptr<const TokenSet>>
      allowed_;  // by the set they are made of, with expansion, with an end
};

}  // namespace

void resolve_dreamon(const GenerationOptions& options, const ModelSpec& spec, SamplingParams& params) {
  if (params.length.kind != LengthKind::kDreamOn) return;
  const auto refuse = [](const std::string& what) {
    throw error(
        ErrorKind::kInvalidArgument,
        "holes that the model makes longer and shorter (DreamOn) cannot be combined with {}; leave it out or use "
        "--preset dream",
        what);
  };
  if (options.cache && params.cache != CacheKind::kNone) refuse("--cache, which keeps cells where they are");
  if (options.block_length && *options.block_length < params.max_tokens)
    refuse("--block-length: all masks are looked at in every step");
  if (options.trim_tail) refuse("--trim-tail: an end token takes cells away itself");
  params.cache = CacheKind::kNone;
  params.block_length = params.max_tokens;
  TokenSet others(static_cast<size_t>(spec.vocab_size + 63) / 64, ~uint64_t{0});
  others = with(with(std::move(others), spec.expand_id, false), spec.delete_id, false);
  params.editing = {.delete_id = spec.delete_id,
                    .expand_id = spec.expand_id,
                    .others = std::make_shared<const TokenSet>(std::move(others))};
}

std::unique_ptr<Sampler> make_dreamon_sampler(Canvas canvas, const SamplingParams& params,
                                              std::vector<int32_t> stop_ids) {
  return std::make_unique<DreamOnSampler>(std::move(canvas), params, std::move(stop_ids));
}

}  // namespace pent
