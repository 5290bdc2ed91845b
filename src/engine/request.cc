// What makes a canvas.
#include "engine/request.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace pent {
namespace {

bool is_name(std::string_view text) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  return !text.empty() && is_letter(text[0]) && std::all_of(text.begin(), text.end(), [&](char c) {
    return is_letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

template <typename... Args>
[[noreturn]] void refuse(const Hole& hole, fmt::format_string<Args...> format, Args&&... args) {
  throw error(ErrorKind::kInvalidArgument, "the hole '{}' {}", hole.name,
              fmt::format(format, std::forward<Args>(args)...));
}

void check_hole(const Hole& hole) {
  const bool says_length = hole.min_tokens != 0 || hole.max_tokens != 0;
  if (says_length && !(1 <= hole.min_tokens && hole.min_tokens <= hole.max_tokens && hole.max_tokens <= kMaxHoleTokens))
    refuse(hole, "has {} to {} tokens; expected 1 <= MIN <= MAX <= {}", hole.min_tokens, hole.max_tokens,
           kMaxHoleTokens);
  if (!says_length && !hole.constraint && hole.draft.empty()) refuse(hole, "says no length");
  if (!hole.draft.empty() && (says_length || hole.constraint))
    refuse(hole, "has a draft, which says how long it is; leave out its {}", says_length ? "length" : "constraint");
  if (hole.constraint && hole.min_tokens > 1)
    refuse(hole, "has a constraint, which says where it ends: only a greatest length goes with it");
  if (hole.draft.empty() && hole.strength) refuse(hole, "has a strength, but no draft to start from");
  if (hole.strength && !(*hole.strength >= 0 && *hole.strength <= 1))
    refuse(hole, "has strength {}; expected 0 to 1", *hole.strength);
  if (std::isnan(hole.priority)) refuse(hole, "has a priority that is no number");
}

}  // namespace

void check_canvas(std::vector<Segment>& canvas) {
  std::vector<std::string_view> names;
  for (Segment& segment : canvas) {
    if (!segment.hole) continue;
    Hole& hole = *segment.hole;
    const std::string place = std::to_string(names.size() + 1);
    if (hole.name.empty()) hole.name = place;
    if (hole.name != place && !is_name(hole.name))
      throw error(ErrorKind::kInvalidArgument,
                  "'{}' is no name for a hole; expected letters, digits, _ and -, a letter first",
                  printable(hole.name));
    if (std::find(names.begin(), names.end(), hole.name) != names.end())
      throw error(ErrorKind::kInvalidArgument, "two holes are named '{}'; give each its own name", hole.name);
    names.push_back(hole.name);
    check_hole(hole);
  }
  if (names.empty())
    throw error(ErrorKind::kInvalidArgument,
                "the text has no hole; mark one with [[N]], N being its length in tokens, or [[*]]");
}

}  // namespace pent
