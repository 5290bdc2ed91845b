// The canvas: the cells being denoised.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace pent {

enum class CellState : uint8_t {
  kFixed,      // prompt or template literal: never written
  kMasked,     // to be decided
  kNoisy,      // holds a token that the model may replace (uniform-state models)
  kSoft,       // a suggestion given by the user, that stands unless it is opened
  kCommitted,  // decided by the sampler; only a revise part may re-open it
};
std::string_view to_string(CellState state);
inline bool is_open(CellState state) { return state == CellState::kMasked || state == CellState::kNoisy; }

struct Cell {
  int32_t token = 0;  // what the model is shown: the mask id while masked
  CellState state = CellState::kMasked;
  float confidence = 0;  // probability of the token when it was committed or last shown; 0 while masked
  int32_t step = -1;     // denoising step that set it; -1 for fixed and open cells
};

// Whether a cell is decided is its state, never `token == mask_id`: a prompt may contain the mask token (spec 20 §0.2).
class Canvas {
 public:
  explicit Canvas(int32_t mask_id) : mask_id_(mask_id) {}

  void append_fixed(std::span<const int32_t> tokens);
  void append_masked(int32_t count);
  void append_noisy(int32_t token);
  void append_soft(std::span<const int32_t> tokens);
  // Masked cells before cell `at`, which moves right with all behind it; at == size(): behind the last.
  void insert_masked(int32_t at, int32_t count);
  // Takes out the cells [begin, end); those behind move left. PENT_CHECK: none of them is fixed.
  void erase(int32_t begin, int32_t end);

  int32_t size() const { return static_cast<int32_t>(cells_.size()); }
  const Cell& operator[](int32_t cell) const { return cells_[cell]; }
  int32_t mask_id() const { return mask_id_; }
  int32_t masked_count(int32_t begin, int32_t end) const;
  std::vector<int32_t> tokens() const;

  // PENT_CHECK: cell is noisy. It stays so, and the next forward sees this token.
  void show(int32_t cell, int32_t token, float confidence);
  // PENT_CHECK: cell is masked or noisy. Afterwards committed.
  void commit(int32_t cell, int32_t token, float confidence, int32_t step);
  // PENT_CHECK: cell is soft. Afterwards masked.
  void open(int32_t cell);
  // PENT_CHECK: cell is committed. Afterwards masked again (a revise part's right).
  void reopen(int32_t cell);

 private:
  int32_t mask_id_;
  std::vector<Cell> cells_;
};

}  // namespace pent
