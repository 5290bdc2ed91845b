// The canvas being painted, in a terminal: redrawn in place from the events of a Trace.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/terminal.h"
#include "sample/trace.h"

namespace pent::cli {

// What a token looks like.
struct TokenPiece {
  std::string bytes;     // may be a part of a UTF-8 character
  bool special = false;  // an end mark or the like: shown as one sign
};
using PieceLookup = std::function<TokenPiece(int32_t token)>;

struct LiveViewOptions {
  ColorDepth colors = ColorDepth::kNone;
  std::function<ScreenSize()> screen;           // asked before every frame, so a resize is seen
  std::function<void(std::string_view)> write;  // the terminal
  bool answer_only = true;                      // leave out the fixed cells before the first masked one
  double frames_per_second = 25;
};

// Decided cells in the colour of their confidence, newly set ones in reverse; masked cells as ░ in the active block and
// · beyond it. Below the text one line: steps, forwards, cells, tokens/s. Not thread-safe.
class LiveView {
 public:
  LiveView(LiveViewOptions options, PieceLookup piece) : options_(std::move(options)), piece_(std::move(piece)) {}

  void show(const TraceEvent& event);  // draws, unless the last frame is too fresh
  void erase();                        // takes the picture away; the cursor is where the picture began

 private:
  struct ViewCell {
    TokenPiece piece;
    CellState state = CellState::kMasked;
    float confidence = 0;
    bool fresh = false;  // set since the last frame
  };
  struct Line {
    std::string text;
    int width = 0;
  };
  struct Glyph;

  void apply(const TraceEvent& event);
  std::vector<Glyph> glyphs() const;
  std::vector<Line> wrap(const std::vector<Glyph>& glyphs, int width) const;
  std::string status() const;
  std::string cursor_to_start(const ScreenSize& screen) const;
  void draw(const ScreenSize& screen);

  LiveViewOptions options_;
  PieceLookup piece_;
  std::vector<ViewCell> cells_;
  size_t first_cell_ = 0;
  TraceEvent last_;                // its counters; changes are left out
  double drawn_at_ = -1;           // event time of the last frame
  std::vector<int> drawn_widths_;  // of the lines on the screen
};

}  // namespace pent::cli
