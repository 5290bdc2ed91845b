// Longest common subsequence of lines; texts that fit a model's context are short enough for the plain table.
#include "cli/line_diff.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace pent::cli {
namespace {

constexpr size_t kContext = 3;

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return lines;
}

struct Line {
  char sign = ' ';
  std::string_view text;
  size_t before = 0, after = 0;  // lines of either text before it
};

std::vector<Line> edit_script(const std::vector<std::string_view>& a, const std::vector<std::string_view>& b) {
  std::vector<std::vector<uint32_t>> common(a.size() + 1, std::vector<uint32_t>(b.size() + 1));  // of what follows
  for (size_t i = a.size(); i-- > 0;)
    for (size_t j = b.size(); j-- > 0;)
      common[i][j] = a[i] == b[j] ? common[i + 1][j + 1] + 1 : std::max(common[i + 1][j], common[i][j + 1]);
  std::vector<Line> script;
  for (size_t i = 0, j = 0; i < a.size() || j < b.size();) {
    if (i < a.size() && j < b.size() && a[i] == b[j]) {
      script.push_back({' ', a[i], i, j});
      ++i, ++j;
    } else if (i < a.size() && (j == b.size() || common[i + 1][j] >= common[i][j + 1])) {
      script.push_back({'-', a[i], i, j});
      ++i;
    } else {
      script.push_back({'+', b[j], i, j});
      ++j;
    }
  }
  return script;
}

// "12,5"; of no lines the one before them.
std::string range(size_t first, size_t count) {
  return count == 1 ? fmt::format("{}", first + 1) : fmt::format("{},{}", first + (count > 0 ? 1 : 0), count);
}

}  // namespace

std::string unified_diff(std::string_view before, std::string_view after, const std::string& name_before,
                         const std::string& name_after) {
  const std::vector<Line> script = edit_script(lines_of(before), lines_of(after));
  std::vector<size_t> changed;
  for (size_t i = 0; i < script.size(); ++i)
    if (script[i].sign != ' ') changed.push_back(i);
  std::string diff;
  for (size_t i = 0; i < changed.size();) {
    size_t last = i;
    while (last + 1 < changed.size() && changed[last + 1] - changed[last] <= 2 * kContext + 1) ++last;
    const size_t begin = changed[i] > kContext ? changed[i] - kContext : 0;
    const size_t end = std::min(changed[last] + kContext + 1, script.size());
    size_t removed = 0, added = 0;
    std::string body;
    for (size_t line = begin; line < end; ++line) {
      removed += script[line].sign != '+';
      added += script[line].sign != '-';
      body += script[line].sign;
      body += script[line].text;
      if (!script[line].text.ends_with('\n')) body += "\n\\ No newline at end of file\n";
    }
    if (diff.empty()) diff = fmt::format("--- {}\n+++ {}\n", name_before, name_after);
    diff +=
        fmt::format("@@ -{} +{} @@\n", range(script[begin].before, removed), range(script[begin].after, added)) + body;
    i = last + 1;
  }
  return diff;
}

}  // namespace pent::cli
