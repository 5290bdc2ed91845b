// Canvas: cells and the only ways they change.
#include "sample/canvas.h"

#include <algorithm>

#include "base/error.h"

namespace pent {

std::string_view to_string(CellState state) {
  switch (state) {
    case CellState::kFixed: return "fixed";
    case CellState::kMasked: return "masked";
    case CellState::kNoisy: return "noisy";
    case CellState::kSoft: return "soft";
    case CellState::kCommitted: return "committed";
  }
  PENT_CHECK(false, "cell state {}", static_cast<int>(state));
}

void Canvas::append_fixed(std::span<const int32_t> tokens) {
  for (const int32_t token : tokens) cells_.push_back({.token = token, .state = CellState::kFixed});
}

void Canvas::append_masked(int32_t count) { insert_masked(size(), count); }

void Canvas::append_noisy(int32_t token) { cells_.push_back({.token = token, .state = CellState::kNoisy}); }
void Canvas::append_soft(std::span<const int32_t> tokens) {
  for (const int32_t token : tokens) cells_.push_back({.token = token, .state = CellState::kSoft});
}

void Canvas::insert_masked(int32_t at, int32_t count) {
  PENT_CHECK(0 <= at && at <= size() && count >= 0, "{} cells before {} of {}", count, at, size());
  cells_.insert(cells_.begin() + at, static_cast<size_t>(count), Cell{.token = mask_id_, .state = CellState::kMasked});
}

void Canvas::erase(int32_t begin, int32_t end) {
  PENT_CHECK(0 <= begin && begin <= end && end <= size(), "cells [{}, {}) of {}", begin, end, size());
  for (int32_t cell = begin; cell < end; ++cell)
    PENT_CHECK(cells_[cell].state != CellState::kFixed, "cell {} is fixed", cell);
  cells_.erase(cells_.begin() + begin, cells_.begin() + end);
}

int32_t Canvas::masked_count(int32_t begin, int32_t end) const {
  PENT_CHECK(0 <= begin && begin <= end && end <= size(), "cells [{}, {}) of {}", begin, end, size());
  return static_cast<int32_t>(std::count_if(cells_.begin() + begin, cells_.begin() + end,
                                            [](const Cell& cell) { return cell.state == CellState::kMasked; }));
}

std::vector<int32_t> Canvas::tokens() const {
  std::vector<int32_t> tokens;
  tokens.reserve(cells_.size());
  for (const Cell& cell : cells_) tokens.push_back(cell.token);
  return tokens;
}

void Canvas::show(int32_t cell, int32_t token, float confidence) {
  PENT_CHECK(0 <= cell && cell < size(), "cell {} of {}", cell, size());
  PENT_CHECK(cells_[cell].state == CellState::kNoisy, "cell {} is {}", cell, to_string(cells_[cell].state));
  cells_[cell] = {.token = token, .state = CellState::kNoisy, .confidence = confidence};
}

void Canvas::commit(int32_t cell, int32_t token, float confidence, int32_t step) {
  PENT_CHECK(0 <= cell && cell < size(), "cell {} of {}", cell, size());
  PENT_CHECK(is_open(cells_[cell].state), "cell {} is {}", cell, to_string(cells_[cell].state));
  cells_[cell] = {.token = token, .state = CellState::kCommitted, .confidence = confidence, .step = step};
}

void Canvas::open(int32_t cell) {
  PENT_CHECK(0 <= cell && cell < size(), "cell {} of {}", cell, size());
  PENT_CHECK(cells_[cell].state == CellState::kSoft, "cell {} is {}", cell, to_string(cells_[cell].state));
  cells_[cell] = {.token = mask_id_, .state = CellState::kMasked};
}

void Canvas::reopen(int32_t cell) {
  PENT_CHECK(0 <= cell && cell < size(), "cell {} of {}", cell, size());
  PENT_CHECK(cells_[cell].state == CellState::kCommitted, "cell {} is {}", cell, to_string(cells_[cell].state));
  cells_[cell] = {.token = mask_id_, .state = CellState::kMasked};
}

}  // namespace pent
