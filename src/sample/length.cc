// The words of --length, and canvases cut into blocks (spec 20 §1).
#include "sample/length.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <map>
#include <optional>

#include "base/error.h"

namespace pent {
namespace {

constexpr int kMost = 1 << 24;

std::optional<int> parse_cells(std::string_view digits) {
  int cells = 0;
  const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), cells);
  const bool whole = problem == std::errc() && end == digits.data() + digits.size();
  return whole && cells >= 1 && cells <= kMost ? std::optional(cells) : std::nullopt;
}

}  // namespace

LengthRule parse_length(std::string_view text) {
  if (text == "auto") return {.kind = LengthKind::kDaedal, .initial = kDaedalInitial};
  const size_t dots = text.find("..");
  const auto least = parse_cells(text.substr(0, dots));
  const auto most = dots == std::string_view::npos ? least : parse_cells(text.substr(dots + 2));
  if (!least || !most || *least > *most)
    throw error(ErrorKind::kInvalidArgument,
                "--length is '{}'; expected auto, N or MIN..MAX with 1 <= MIN <= MAX <= {}", printable(text), kMost);
  if (dots == std::string_view::npos) return {.most = *most};
  return {.kind = LengthKind::kDaedal, .initial = *least, .most = *most};
}

std::string to_string(const LengthRule& rule) {
  if (rule.kind == LengthKind::kFixed) return rule.most > 0 ? fmt::format("{}", rule.most) : "fixed";
  return rule.most > 0 ? fmt::format("{}..{}", rule.initial, rule.most) : "auto";
}

std::vector<Block> cut_blocks(const Canvas& canvas, int block_length, std::span<const double> priorities) {
  PENT_CHECK(block_length >= 1, "block length {}", block_length);
  std::map<double, std::vector<int32_t>, std::greater<>> cells;  // masked ones, the highest priority first
  for (int32_t cell = 0; cell < canvas.size(); ++cell)
    if (canvas[cell].state == CellState::kMasked)
      cells[priorities.empty() ? 0.0 : priorities[static_cast<size_t>(cell)]].push_back(cell);
  std::vector<Block> blocks;
  for (const auto& [priority, of_it] : cells)
    for (size_t begin = 0; begin < of_it.size(); begin += static_cast<size_t>(block_length)) {
      const size_t last = std::min(begin + static_cast<size_t>(block_length), of_it.size()) - 1;
      blocks.push_back({of_it[begin], of_it[last] + 1, priority});
    }
  return blocks;
}

std::vector<Block> cut_aligned_blocks(const Canvas& canvas, int block_length) {
  PENT_CHECK(block_length >= 1, "block length {}", block_length);
  std::vector<Block> blocks;
  for (int32_t cell = 0; cell < canvas.size(); ++cell) {
    if (canvas[cell].state != CellState::kMasked || (!blocks.empty() && cell < blocks.back().end)) continue;
    const int64_t end = (int64_t{cell} / block_length + 1) * block_length;
    blocks.push_back({cell, static_cast<int32_t>(std::min<int64_t>(end, canvas.size()))});
  }
  return blocks;
}

std::vector<int> share_steps(int total, int blocks) {
  PENT_CHECK(total >= 1 && blocks >= 0, "{} steps, {} blocks", total, blocks);
  std::vector<int> steps;
  for (int block = 0; block < blocks; ++block)
    steps.push_back(std::max(1, total / blocks + (block < total % blocks ? 1 : 0)));
  return steps;
}

}  // namespace pent
