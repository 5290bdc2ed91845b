#include "sample/drafter.h"

#include "sample/mode.h"

namespace pent {
namespace {

class MaskDrafter : public Drafter {
 public:
  explicit MaskDrafter(int32_t mask) : mask_(mask) {}

  // A row predicts what is behind it: the mask on cell begin - 1 drafts cell begin.
  void plan(int32_t sequence, int32_t begin, int length, PassPlan& plan) const override {
    const auto first_row = static_cast<uint32_t>(plan.rows.size());
    const std::vector<int32_t> masks(static_cast<size_t>(length), mask_);
    plan.add_window(sequence, masks, begin - 1, begin - 1 + length);
    for (uint32_t row = first_row; row < plan.rows.size(); ++row) plan.head_rows.push_back(row);
  }

  std::vector<int32_t> draft(std::span<const int32_t>, std::span<const RowStats> rows, int) override {
    std::vector<int32_t> tokens;
    for (const RowStats& row : rows) tokens.push_back(row.drawn);
    return tokens;
  }

 private:
  int32_t mask_;
};

class FixedPlanner : public DraftPlanner {
 public:
  explicit FixedPlanner(int length) : length_(length) {}
  int draft_length() override { return length_; }
  void saw(DraftCount) override {}

 private:
  int length_;
};

}  // namespace

std::unique_ptr<Drafter> make_mask_drafter(const ModelSpec& spec) {
  return std::make_unique<MaskDrafter>(draft_token(spec));
}

std::unique_ptr<DraftPlanner> make_fixed_planner(int length) { return std::make_unique<FixedPlanner>(length); }

}  // namespace pent
