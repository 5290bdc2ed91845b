// Terminal facts: size by TIOCGWINSZ, colours by the NO_COLOR and COLORTERM conventions, widths by Unicode's
// East Asian Width (utf8proc).
#include "cli/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>
#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>

#include "text/utf8.h"

namespace pent::cli {
namespace {

std::string_view environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

int positive(std::string_view text, int fallback) {
  const int value = std::atoi(std::string(text).c_str());
  return value > 0 && value < 10000 ? value : fallback;
}

}  // namespace

bool is_terminal(int fd) { return ::isatty(fd) == 1; }

bool can_redraw(int fd) {
  const std::string_view term = environment("TERM");
  return is_terminal(fd) && !term.empty() && term != "dumb";
}

ScreenSize screen_size(int fd) {
  winsize size = {};
  if (::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0) return {size.ws_col, size.ws_row};
  return {positive(environment("COLUMNS"), 80), positive(environment("LINES"), 24)};
}

ColorDepth color_depth() {
  const std::string_view term = environment("TERM");
  if (!environment("NO_COLOR").empty() || term.empty() || term == "dumb") return ColorDepth::kNone;
  const std::string_view depth = environment("COLORTERM");
  if (depth == "truecolor" || depth == "24bit") return ColorDepth::kTrueColor;
  return term.find("256color") != std::string_view::npos ? ColorDepth::k256 : ColorDepth::k16;
}

bool is_harmless(char32_t c) {
  const bool control = c < 0x20 || (c >= 0x7f && c < 0xa0);
  const bool reorders =
      (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);  // bidirectional overrides, isolates
  return c == '\n' || c == '\t' || !(control || reorders);
}

int display_width(char32_t code_point) {
  return std::clamp(utf8proc_charwidth(static_cast<utf8proc_int32_t>(code_point)), 0, 2);
}

int display_width(std::string_view text) {
  int columns = 0;
  for (size_t at = 0; at < text.size();) {
    const DecodedChar c = decode_utf8(text, at);
    columns += display_width(c.code);
    at += c.length;
  }
  return columns;
}

std::string clipped(std::string_view text, int columns) {
  size_t at = 0;
  while (at < text.size()) {
    const DecodedChar c = decode_utf8(text, at);
    columns -= display_width(c.code);
    if (columns < 0) break;
    at += c.length;
  }
  return std::string(text.substr(0, at));
}

std::string without_controls(std::string_view text) {
  std::string clean;
  clean.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const DecodedChar c = decode_utf8(text, at);
    clean += is_harmless(c.code) ? text.substr(at, c.length) : "\ufffd";
    at += c.length;
  }
  return clean;
}

}  // namespace pent::cli
