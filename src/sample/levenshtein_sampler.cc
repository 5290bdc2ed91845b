// Levenshtein editing (sample/levenshtein.h). A forward asks for every cell of the block. Of masks those above the threshold are decided,
// at least one and as many as editing has brought in, so that the block's first masks grow fewer; of decided cells those change whose
// best token is another, above the edit threshold. A block seen before changes its least sure cell to a token not tried there. It ends
// when nothing changes, or with a last pass that can neither delete nor insert.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "base/error.h"
#include "sample/canvas_sampler.h"
#include "sample/levenshtein.h"
#include "sample/score.h"

namespace pent {
namespace {

class LevenshteinSampler : public CanvasSampler {
 public:
  LevenshteinSampler(Canvas canvas, const SamplingParams& params, std::vector<int32_t> stop_ids)
      : CanvasSampler(std::move(canvas), params, std::move(stop_ids)) {
    for (int32_t cell = first_generated(); cell < canvas_.size(); ++cell)
      if (canvas_[cell].state == CellState::kFixed)
        throw error(ErrorKind::kInvalidArgument,
                    "--remask levenshtein moves cells, and fixed text stands behind them; use --remask edit or none");
    blocks_ = params_.attention_block > 0 ? cut_aligned_blocks(canvas_, params_.block_length)
                                          : cut_blocks(canvas_, params_.block_length);
    enter_block();
  }

  bool done() const override {
    return stopped_ || block_ == blocks_.size() || (params_.padding > 0 && frontier() >= answer_end());
  }
  Block active_block() const override {
    if (blocks_.empty()) return {canvas_.size(), canvas_.size()};
    return blocks_[std::min(block_, blocks_.size() - 1)];
  }

  void plan(int32_t sequence, int32_t step, PassPlan& plan, HeadRequest& request) const override {
    const std::vector<int32_t> asked = block_cells();
    plan_rows(sequence, step, passes_ == 0, asked, plan, request);
    for (size_t i = 0; i < asked.size(); ++i)
      request.allowed.push_back(is_last_pass() ? params_.editing.others : nullptr);
    size_t tried = 0;
    for (const auto& tokens : tried_) tried = std::max(tried, tokens.size());
    request.top = std::max(request.top, static_cast<int>(tried) + 1);
  }

  // Any forward but the very last may bring in masks.
  bool leaves_undecided() const override { return block_ + 1 < blocks_.size() || !is_last_pass(); }

  // Nothing moves any more.
  void plan_last(int32_t sequence, int32_t step, PassPlan& plan, HeadRequest& request) const override {
    const std::vector<int32_t> asked = last_asked_cells();
    plan_rows(sequence, step, /*refresh=*/true, asked, plan, request);
    request.allowed.insert(request.allowed.end(), asked.size(), params_.editing.others);
  }

  std::vector<CellChange> apply(std::span<const RowStats> rows, int32_t step) override {
    PENT_CHECK(rows.size() == block_cells().size(), "{} rows", rows.size());
    const bool last = is_last_pass();
    if (first_masks() == 0) ++edit_passes_;
    ++passes_;
    if (params_.attention_block > 0 && params_.cache != CacheKind::kNone) kept_ = attention_begin();
    std::vector<RowStats> answers(rows.begin(), rows.end());
    const std::vector<size_t> written = choose(answers, last);
    if (!last) leave_loop(written, answers);
    for (const size_t i : written) tried_[i].insert(answers[i].drawn);
    std::vector<CellChange> changes;
    write(written, answers, step, changes);
    splices_.clear();
    move(written, answers, changes);
    if (written.empty() || last) {
      ++block_;
      enter_block();
    }
    advance_frontier(block_ < blocks_.size() ? blocks_[block_].begin : canvas_.size());
    return changes;
  }

 private:
  // Block after block, the block begun is the last one; with full attention all masks are asked.
  std::vector<int32_t> last_asked_cells() const override {
    return masked_cells(params_.attention_block > 0 ? end() : canvas_.size());
  }

  // What answers `asked`; refresh: a cache of full attention computes every cell.
  void plan_rows(int32_t sequence, int32_t step, bool refresh, std::span<const int32_t> asked, PassPlan& plan,
                 HeadRequest& request) const {
    if (params_.attention_block > 0) {
      const std::vector<int32_t> tokens = canvas_.tokens();
      const int32_t last = std::min(attention_begin() + params_.attention_block, canvas_.size());
      std::vector<int32_t> cells(static_cast<size_t>(last - kept_));
      std::iota(cells.begin(), cells.end(), kept_);
      const auto first_row = static_cast<uint32_t>(plan.rows.size());
      plan.add_block_causal(sequence, std::span(tokens).subspan(static_cast<size_t>(kept_), cells.size()),
                            params_.attention_block, kept_);
      ask(step, first_row, cells, asked, plan, request);
    } else {
      plan_cells(sequence, step, cells_to_compute(params_.cache, canvas_, blocks_[block_], refresh, step), asked, plan,
                 request);
    }
    request_score(params_.score, params_.score_of, request);
  }

  int32_t begin() const { return blocks_[block_].begin; }
  int32_t end() const { return blocks_[block_].end; }
  int32_t cell_at(size_t i) const { return begin() + static_cast<int32_t>(i); }
  bool is_masked(size_t i) const { return canvas_[cell_at(i)].state == CellState::kMasked; }
  int32_t attention_begin() const { return begin() / params_.attention_block * params_.attention_block; }
  bool moves(int32_t token) const { return token == params_.editing.delete_id || token == params_.editing.insert_id; }

  std::vector<int32_t> block_cells() const {
    std::vector<int32_t> cells(static_cast<size_t>(end() - begin()));
    std::iota(cells.begin(), cells.end(), begin());
    return cells;
  }

  // Masks that no edit brought in.
  int first_masks() const {
    int count = 0;
    for (size_t i = 0; i < is_first_.size(); ++i) count += is_first_[i] && is_masked(i);
    return count;
  }

  // The bound on passes holds in any case: what is brought in could hold up the block's first masks.
  bool is_last_pass() const {
    return (first_masks() == 0 && edit_passes_ >= kLevenshteinPasses) ||
           passes_ + 1 >= end() - begin() + kLevenshteinPasses + 2;
  }

  void enter_block() {
    if (block_ == blocks_.size()) return;
    const auto size = static_cast<size_t>(end() - begin());
    is_first_.assign(size, true);
    tried_.assign(size, {});
    seen_.clear();
    passes_ = edit_passes_ = 0;
  }

  // Which of the block's cells get what was drawn for them, ascending.
  std::vector<size_t> choose(std::span<const RowStats> rows, bool last) const {
    std::vector<Candidate> masks;
    for (size_t i = 0; i < rows.size(); ++i)
      if (is_masked(i))
        masks.push_back({.cell = cell_at(i), .token = rows[i].drawn, .score = probability(params_.score_of, rows[i])});
    const int first = first_masks(), brought_in = static_cast<int>(masks.size()) - first;
    const std::vector<size_t> decided = first == 0 || last
                                            ? select_top(masks, static_cast<int>(masks.size()))
                                            : select_dynamic(masks, params_.select.value, 1 + brought_in);
    std::vector<bool> chosen(rows.size());
    for (const size_t index : decided) chosen[static_cast<size_t>(masks[index].cell - begin())] = true;
    std::vector<size_t> written;
    for (size_t i = 0; i < rows.size(); ++i) {
      const bool edited = !is_masked(i) && rows[i].drawn != canvas_[cell_at(i)].token &&
                          probability(params_.score_of, rows[i]) > params_.remask.value;
      if (chosen[i] || edited) written.push_back(i);
    }
    return written;
  }

  void leave_loop(const std::vector<size_t>& written, std::vector<RowStats>& rows) {
    const std::vector<int32_t> tokens = canvas_.tokens();
    const bool seen = !seen_.insert({tokens.begin() + begin(), tokens.begin() + end()}).second;
    if (!seen) return;
    std::vector<Candidate> changing;
    for (const size_t i : written)
      if (rows[i].drawn != canvas_[cell_at(i)].token)
        changing.push_back({.cell = cell_at(i), .score = -probability(params_.score_of, rows[i])});
    if (changing.empty()) return;
    const auto least = static_cast<size_t>(changing[select_top(changing, 1)[0]].cell - begin());
    for (const TokenLogit& each : rows[least].top) {
      if (tried_[least].contains(each.token) || !std::isfinite(each.logit)) continue;
      rows[least].drawn = each.token;
      rows[least].drawn_logit = each.logit;
      return;
    }
  }

  void write(const std::vector<size_t>& written, std::span<const RowStats> rows, int32_t step,
             std::vector<CellChange>& changes) {
    std::vector<Proposal> proposals;
    for (const size_t i : written) {
      if (moves(rows[i].drawn)) continue;
      if (is_masked(i))
        proposals.push_back({.cell = cell_at(i), .row = &rows[i]});
      else
        rewrite(cell_at(i), rows[i].drawn, confidence(rows[i]), step, changes);
    }
    commit(std::move(proposals), step, changes);
  }

  void move(const std::vector<size_t>& written, std::span<const RowStats> rows, std::vector<CellChange>& changes) {
    int32_t shift = 0;
    for (const size_t i : written) {
      const bool deletes = rows[i].drawn == params_.editing.delete_id;
      if (!moves(rows[i].drawn)) continue;
      splice(cell_at(i) + shift, deletes ? 1 : 0, deletes ? 0 : 1, changes);
      shift += deletes ? -1 : 1;
    }
    if (shift > 0) splice(end(), shift, 0, changes);
    if (shift < 0) splice(end() + shift, 0, -shift, changes);
  }

  void splice(int32_t at, int32_t removed, int32_t inserted, std::vector<CellChange>& changes) {
    if (removed > 0) erase(at, removed, changes);
    if (inserted > 0) insert(at, inserted, changes);
    const auto place =
        is_first_.erase(is_first_.begin() + (at - begin()), is_first_.begin() + (at - begin()) + removed);
    is_first_.insert(place, static_cast<size_t>(inserted), false);
  }

  std::vector<Block> blocks_;
  size_t block_ = 0;
  std::vector<bool> is_first_;            // of each cell of the block: no edit brought it in
  std::vector<std::set<int32_t>> tried_;  // what was written at each place of the block
  std::set<std::vector<int32_t>> seen_;   // the block before each forward
  int passes_ = 0, edit_passes_ = 0;      // of this block; those without first masks
  int32_t kept_ = 0;                      // block-causal: cells before it have their final keys and values stored
};

}  // namespace

void resolve_levenshtein(const GenerationOptions& options, const ModelSpec& spec, SamplingParams& params) {
  if (params.remask.kind != RemaskKind::kLevenshtein) return;
  const auto refuse = [](const std::string& what) {
    throw error(ErrorKind::kInvalidArgument, "--remask levenshtein cannot be combined with {}", what);
  };
  if (!spec.edits_length())
    refuse(
        fmt::format("this model ({}): it has no tokens that delete and insert (delete_token_id and split_token_id in "
                    "config.json); use edit:P",
                    spec.family));
  if (spec.shift) refuse(fmt::format("this model ({}): its logits are shifted", spec.family));
  if (params.select.kind != SelectKind::kThreshold) {
    if (options.select) refuse(fmt::format("--select {}; use threshold:P", to_string(params.select)));
    params.select = find_preset("llada2.2")->select;
  }
  if (params.cache == CacheKind::kDelayed || params.cache == CacheKind::kSubBlock)
    refuse(fmt::format("--cache {}: cells of the block move", to_string(params.cache)));
  auto others = std::make_shared<TokenSet>(static_cast<size_t>(spec.vocab_size + 63) / 64, ~uint64_t{0});
  for (const int32_t token : {spec.delete_id, spec.insert_id})
    (*others)[static_cast<size_t>(token) / 64] &= ~(uint64_t{1} << (token % 64));
  params.editing = {.delete_id = spec.delete_id, .insert_id = spec.insert_id, .others = std::move(others)};
}

std::unique_ptr<Sampler> make_levenshtein_sampler(Canvas canvas, const SamplingParams& params,
                                                  std::vector<int32_t> stop_ids) {
  return std::make_unique<LevenshteinSampler>(std::move(canvas), params, std::move(stop_ids));
}

}  // namespace pent
