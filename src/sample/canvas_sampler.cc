// The common part of canvas samplers.
#include "sample/canvas_sampler.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numeric>

#include "base/error.h"
#include "model/head.h"
#include "sample/constraint/best_text.h"
#include "sample/penalty.h"
#include "sample/score.h"

namespace pent {

CanvasSampler::CanvasSampler(Canvas canvas, const SamplingParams& params, std::vector<int32_t> stop_ids)
    : canvas_(std::move(canvas)),
      params_(params),
      stop_ids_(std::move(stop_ids)),
      filter_(params_.cell_rules, canvas_) {
  while (frontier_ < canvas_.size() && canvas_[frontier_].state != CellState::kMasked) ++frontier_;
  first_generated_ = frontier_;
  if (params_.shift && canvas_.size() > 0 && canvas_[0].state == CellState::kMasked)
    throw error(ErrorKind::kInvalidArgument,
                "this model decides a token by what stands before it and cannot write the first; begin with some text");
}

std::vector<int32_t> CanvasSampler::completion() const {
  std::vector<int32_t> tokens;
  for (int32_t cell = first_generated_; cell < std::min(frontier_, answer_end()); ++cell)
    tokens.push_back(canvas_[cell].token);
  return tokens;
}

DrawKey CanvasSampler::key(int32_t step, int32_t cell) const {
  return {.seed = params_.seed,
          .n_index = params_.n_index,
          .step = static_cast<uint32_t>(step),
          .cell = static_cast<uint32_t>(cell)};
}

void CanvasSampler::plan_cells(int32_t sequence, int32_t step, std::span<const int32_t> cells,
                               std::span<const int32_t> asked, PassPlan& plan, HeadRequest& request) const {
  std::vector<int32_t> computed(cells.begin(), cells.end());
  if (params_.shift) {  // the cells whose logits decide the asked ones, where the cache left them out
    std::vector<int32_t> deciding(asked.begin(), asked.end());
    for (int32_t& cell : deciding) --cell;
    computed.clear();
    std::set_union(cells.begin(), cells.end(), deciding.begin(), deciding.end(), std::back_inserter(computed));
  }
  const auto first_row = static_cast<uint32_t>(plan.rows.size());
  plan.add_cells(sequence, canvas_.tokens(), computed);
  ask(step, first_row, computed, asked, plan, request);
}

void CanvasSampler::ask(int32_t step, uint32_t first_row, std::span<const int32_t> cells,
                        std::span<const int32_t> asked, PassPlan& plan, HeadRequest& request) const {
  auto row = cells.begin();
  for (const int32_t cell : asked) {
    row = std::lower_bound(row, cells.end(), cell - (params_.shift ? 1 : 0));
    plan.head_rows.push_back(first_row + static_cast<uint32_t>(row - cells.begin()));
    request.keys.push_back(key(step, cell));
    request_penalty(params_, canvas_, cell, stop_ids_, request);
    if (!filter_.empty()) request.allowed.push_back(filter_.allowed(cell));
  }
  if (filter_.has_language()) request.full_logits = true;
}

std::vector<int32_t> CanvasSampler::masked_cells(int32_t end) const {
  std::vector<int32_t> cells;
  for (int32_t cell = 0; cell < end; ++cell)
    if (canvas_[cell].state == CellState::kMasked) cells.push_back(cell);
  return cells;
}

void CanvasSampler::plan_last(int32_t sequence, int32_t step, PassPlan& plan, HeadRequest& request) const {
  std::vector<int32_t> all(static_cast<size_t>(canvas_.size()));
  std::iota(all.begin(), all.end(), 0);
  plan_cells(sequence, step, all, last_asked_cells(), plan, request);
  request_score(params_.score, params_.score_of, request);
}

std::vector<CellChange> CanvasSampler::apply_last(std::span<const RowStats> rows, int32_t step) {
  const std::vector<int32_t> cells = last_asked_cells();
  PENT_CHECK(cells.size() == rows.size(), "{} rows for {} cells", rows.size(), cells.size());
  splices_.clear();
  std::vector<Proposal> proposals;
  for (size_t i = 0; i < cells.size(); ++i)
    proposals.push_back({cells[i], &rows[i], score(params_.score, params_.score_of, rows[i], key(step, cells[i]))});
  std::vector<CellChange> changes;
  commit_jointly(proposals, step, changes);
  commit(std::move(proposals), step, changes);
  advance_frontier(canvas_.size());
  return changes;
}

void CanvasSampler::ask_standing(int32_t step, uint32_t row, int32_t cell, PassPlan& plan, HeadRequest& request) const {
  plan.head_rows.push_back(row);
  request.keys.push_back(key(step, cell));
  request.targets.push_back(canvas_[cell].token);
  request_penalty(params_, canvas_, cell, stop_ids_, request);
  if (!filter_.empty()) request.allowed.push_back(nullptr);
}

void CanvasSampler::commit(int32_t cell, int32_t token, float confidence, int32_t step,
                           std::vector<CellChange>& changes) {
  filter_.decide(cell, token);
  canvas_.commit(cell, token, confidence, step);
  changes.push_back({cell, token, confidence, CellState::kCommitted});
}

void CanvasSampler::commit(std::vector<Proposal> proposals, int32_t step, std::vector<CellChange>& changes) {
  if (filter_.has_language())
    std::stable_sort(proposals.begin(), proposals.end(),
                     [](const Proposal& a, const Proposal& b) { return a.score > b.score; });
  for (const Proposal& proposal : proposals) {
    if (filter_.fits(proposal.cell, proposal.row->drawn)) {
      commit(proposal.cell, proposal.row->drawn, confidence(*proposal.row), step, changes);
    } else {
      const RowStats row = next_best(proposal, step);
      commit(proposal.cell, row.drawn, confidence(row), step, changes);
    }
  }
}

void CanvasSampler::commit_jointly(std::vector<Proposal>& proposals, int32_t step, std::vector<CellChange>& changes) {
  for (const CellRule& rule : filter_.rules()) {
    if (!rule.language) continue;
    std::vector<CellChoices> choices(static_cast<size_t>(rule.end - rule.begin));
    for (int32_t cell = rule.begin; cell < std::min(rule.end, canvas_.size()); ++cell)
      if (canvas_[cell].state != CellState::kMasked)
        choices[static_cast<size_t>(cell - rule.begin)].token = canvas_[cell].token;
    const auto is_ruled = [&](const Proposal& each) { return rule.begin <= each.cell && each.cell < rule.end; };
    for (const Proposal& each : proposals)
      if (is_ruled(each)) choices[static_cast<size_t>(each.cell - rule.begin)].log_probabilities = each.row->logits;
    const std::vector<int32_t> tokens = most_probable_text(*rule.language, choices);
    if (tokens.empty()) continue;  // logits that ban all that fits: one after the other, as ever
    for (const Proposal& each : proposals) {
      if (!is_ruled(each)) continue;
      const int32_t token = tokens[static_cast<size_t>(each.cell - rule.begin)];
      const auto probability = std::exp(each.row->logits[static_cast<size_t>(token)] - each.row->log_sum_exp);
      commit(each.cell, token, probability, step, changes);
    }
    std::erase_if(proposals, is_ruled);
  }
}

RowStats CanvasSampler::next_best(const Proposal& proposal, int32_t step) {
  constexpr float kVeryUnlikely = -1e4f;  // instead of banned: a cell opened since may make a banned token fit again
  std::vector<float> logits(proposal.row->logits.begin(), proposal.row->logits.end());
  for (float& z : logits) z = std::max(z, kVeryUnlikely);
  return reduce_logits(logits,
                       {.allowed = {filter_.allowed(proposal.cell)},
                        .temperature = params_.temperature,
                        .min_p = params_.min_p,
                        .top_k = params_.top_k,
                        .top_p = params_.top_p,
                        .keys = {key(step, proposal.cell)}},
                       0);
}

void CanvasSampler::reopen(int32_t cell, std::vector<CellChange>& changes) {
  filter_.reopen(cell);
  canvas_.reopen(cell);
  changes.push_back({cell, canvas_.mask_id(), 0, CellState::kMasked});
}

void CanvasSampler::rewrite(int32_t cell, int32_t token, float confidence, int32_t step,
                            std::vector<CellChange>& changes) {
  if (!filter_.fits(cell, token)) return;
  filter_.reopen(cell);
  canvas_.reopen(cell);
  commit(cell, token, confidence, step, changes);
}

void CanvasSampler::insert(int32_t at, int32_t count, std::vector<CellChange>& changes) {
  canvas_.insert_masked(at, count);
  filter_.move(at, count);
  splices_.push_back({.cell = at, .inserted = count});
  for (CellChange& change : changes)
    if (change.cell >= at) change.cell += count;
  for (int32_t cell = at; cell < at + count; ++cell)
    changes.push_back({cell, canvas_.mask_id(), 0, CellState::kMasked});
}

void CanvasSampler::erase(int32_t at, int32_t count, std::vector<CellChange>& changes) {
  canvas_.erase(at, at + count);
  filter_.move(at + count, -count);
  splices_.push_back({.cell = at, .removed = count});
  std::erase_if(changes, [&](const CellChange& change) { return at <= change.cell && change.cell < at + count; });
  for (CellChange& change : changes)
    if (change.cell >= at) change.cell -= count;
}

void CanvasSampler::append_decided(int32_t count, int32_t token, int32_t step, std::vector<CellChange>& changes) {
  if (count == 0) return;
  const int32_t begin = canvas_.size();
  canvas_.append_masked(count);
  splices_.push_back({.cell = begin, .inserted = count});
  for (int32_t cell = begin; cell < canvas_.size(); ++cell) commit(cell, token, 1, step, changes);
}

bool CanvasSampler::trim_tail(std::vector<CellChange>& changes) {
  if (!params_.trim_tail) return false;
  int32_t behind = first_generated_;
  while (behind < canvas_.size() && !(canvas_[behind].state == CellState::kCommitted && is_stop(canvas_[behind].token)))
    ++behind;
  ++behind;
  if (behind >= canvas_.size()) return false;
  for (int32_t cell = behind; cell < canvas_.size(); ++cell)
    if (canvas_[cell].state == CellState::kFixed) return false;
  erase(behind, canvas_.size() - behind, changes);
  return true;
}

bool CanvasSampler::is_stop(int32_t token) const {
  return std::find(stop_ids_.begin(), stop_ids_.end(), token) != stop_ids_.end();
}

void CanvasSampler::advance_frontier(int32_t limit) {
  for (; !stopped_ && frontier_ < limit && canvas_[frontier_].state != CellState::kMasked; ++frontier_) {
    const Cell& cell = canvas_[frontier_];
    stopped_ = cell.state == CellState::kCommitted && is_stop(cell.token);
    if (stopped_) break;  // the frontier stays on the stop token, which is not part of the completion
  }
}

std::vector<int32_t> CanvasSampler::free_cells() const {
  std::vector<int32_t> cells;
  for (int32_t cell = 0; cell < canvas_.size(); ++cell)
    if (canvas_[cell].state == CellState::kMasked || canvas_[cell].state == CellState::kCommitted)
      cells.push_back(cell);
  return cells;
}

}  // namespace pent
