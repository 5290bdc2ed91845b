// What the terminal is and can show, and text made fit for it.
#pragma once

#include <string>
#include <string_view>

namespace pent::cli {

enum class ColorDepth { kNone, k16, k256, kTrueColor };

struct ScreenSize {
  int columns = 80;
  int rows = 24;
};

bool is_terminal(int fd);
// A terminal that understands cursor movement: not TERM=dumb, not TERM unset.
bool can_redraw(int fd);
ScreenSize screen_size(int fd);  // COLUMNS and LINES or 80x24 where fd is no terminal
// By NO_COLOR, TERM and COLORTERM.
ColorDepth color_depth();

int display_width(char32_t code_point);  // 0, 1 or 2 columns
int display_width(std::string_view text);
std::string clipped(std::string_view text, int columns);  // cut at that width

// False for characters that would drive the terminal or reorder what stands around them; newline and tab are harmless.
bool is_harmless(char32_t code_point);
// The harmless characters of `text`, U+FFFD for the others: what a model wrote must not drive the terminal.
std::string without_controls(std::string_view text);

}  // namespace pent::cli
