// Draws the canvas with ANSI sequences (ECMA-48: CUU, EL, ED, SGR) and nothing else: no alternate screen, so what was
// said before stays in sight. One frame is one write. Lines are broken here, one column short of the edge, so that the
// terminal never wraps by itself and the frame's height is known.
#include "cli/live_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "text/utf8.h"

namespace pent::cli {

// One character with the look of its cell.
struct LiveView::Glyph {
  std::string text;
  int width = 1;
  std::string style;  // SGR parameters; empty: the terminal's own
  bool newline = false;
  bool breakable = false;  // a line may end after it
  size_t cell = 0;
};

namespace {

constexpr std::string_view kActiveMask = "\u2591";   // light shade
constexpr std::string_view kWaitingMask = "\u00b7";  // middle dot
constexpr std::string_view kSpecialSign = "\u220e";  // end mark

// Low confidence is rust, middling amber, high green: all three readable on dark and on light ground.
constexpr int kShades[3][3] = {{205, 92, 62}, {190, 145, 50}, {70, 150, 110}};

std::string shade(float confidence, ColorDepth depth) {
  const float x = std::isnan(confidence) ? 0 : std::clamp(confidence, 0.0f, 1.0f) * 2;
  const int low = std::min(static_cast<int>(x), 1);
  switch (depth) {
    case ColorDepth::kNone: return "";
    case ColorDepth::k16: return x < 1 ? "31" : x < 1.8f ? "33" : "32";
    case ColorDepth::k256: {
      constexpr int kPalette[5] = {167, 173, 179, 143, 72};
      return fmt::format("38;5;{}", kPalette[static_cast<int>(x * 2 + 0.5f)]);
    }
    case ColorDepth::kTrueColor: {
      int rgb[3];
      for (int i = 0; i < 3; ++i) {
        rgb[i] = static_cast<int>(std::lround(kShades[low][i] + (x - low) * (kShades[low + 1][i] - kShades[low][i])));
      }
      return fmt::format("38;2;{};{};{}", rgb[0], rgb[1], rgb[2]);
    }
  }
  return "";
}

}  // namespace

void LiveView::apply(const TraceEvent& event) {
  if (event.kind == TraceEvent::Kind::kBegin) {
    cells_.clear();
    first_cell_ = 0;
  }
  move_cells(cells_, event);
  for (const CellChange& change : event.changes) {
    if (change.cell < 0) continue;
    const auto cell = static_cast<size_t>(change.cell);
    if (cell >= cells_.size()) cells_.resize(cell + 1);
    const bool decided = change.state != CellState::kMasked;
    cells_[cell] = {decided ? piece_(change.token) : TokenPiece{}, change.state, change.confidence,
                    change.state == CellState::kCommitted};
  }
  if (event.kind == TraceEvent::Kind::kBegin && options_.answer_only) {
    while (first_cell_ < cells_.size() && cells_[first_cell_].state == CellState::kFixed) ++first_cell_;
  }
  last_ = event;
  last_.changes.clear();
  last_.splices.clear();
}

void LiveView::show(const TraceEvent& event) {
  apply(event);
  const bool due = event.kind != TraceEvent::Kind::kStep || drawn_at_ < 0 ||
                   event.seconds - drawn_at_ >= 1 / options_.frames_per_second;
  if (!due) return;
  draw(options_.screen());
  drawn_at_ = event.seconds;
  for (ViewCell& cell : cells_) cell.fresh = false;
}

// Characters of all cells from first_cell_ on. A character's bytes may lie in several tokens: it belongs to the first.
std::vector<LiveView::Glyph> LiveView::glyphs() const {
  std::vector<Glyph> out;
  std::string held;  // bytes of a character that is not whole yet
  Glyph look;
  const auto emit = [&](std::string_view text, char32_t c) {
    Glyph glyph = look;
    glyph.newline = c == '\n';
    const bool blank = c == ' ' || c == '\t';
    glyph.text = blank ? " " : is_harmless(c) ? std::string(text) : "\ufffd";
    glyph.width = blank || !is_harmless(c) ? 1 : display_width(c);
    glyph.breakable = blank || glyph.width == 2;
    out.push_back(std::move(glyph));
  };
  const auto flush = [&] {
    if (!held.empty()) emit("\ufffd", 0xfffd);
    held.clear();
  };
  for (size_t i = first_cell_; i < cells_.size(); ++i) {
    const ViewCell& cell = cells_[i];
    Glyph style;
    style.cell = i;
    if (cell.state == CellState::kMasked || cell.piece.special) {
      flush();
      const bool active = static_cast<int32_t>(i) < last_.block_end;
      style.text = cell.piece.special ? kSpecialSign : active ? kActiveMask : kWaitingMask;
      style.style = options_.colors == ColorDepth::kNone ? "" : "2";
      style.breakable = true;
      out.push_back(std::move(style));
      continue;
    }
    if (cell.state != CellState::kFixed) style.style = shade(cell.confidence, options_.colors);
    if (cell.fresh && options_.colors != ColorDepth::kNone) style.style += ";7";
    if (held.empty()) look = style;
    held += cell.piece.bytes;
    while (!held.empty()) {
      const DecodedChar c = decode_utf8(held, 0);
      if (c.cut_short) break;
      emit(c.valid ? std::string_view(held).substr(0, c.length) : "\ufffd", c.code);
      held.erase(0, c.length);
      look = style;
    }
  }
  flush();
  return out;
}

// Greedy lines of at most `width` columns, broken after blanks, masks and wide characters where there is one.
std::vector<LiveView::Line> LiveView::wrap(const std::vector<Glyph>& glyphs, int width) const {
  std::vector<Line> lines;
  const auto finish = [&](size_t begin, size_t end) {
    Line line;
    std::string style;
    for (size_t i = begin; i < end; ++i) {
      if (glyphs[i].newline) continue;
      if (glyphs[i].style != style) {
        if (!style.empty()) line.text += "\033[0m";
        if (!glyphs[i].style.empty()) line.text += fmt::format("\033[{}m", glyphs[i].style);
        style = glyphs[i].style;
      }
      line.text += glyphs[i].text;
      line.width += glyphs[i].width;
    }
    if (!style.empty()) line.text += "\033[0m";
    lines.push_back(std::move(line));
  };
  size_t begin = 0;
  size_t break_after = 0;  // a line may end before this glyph; == begin: nowhere yet
  int used = 0;
  for (size_t i = 0; i < glyphs.size(); ++i) {
    if (used + glyphs[i].width > width && i > begin) {
      if (glyphs[i].text == " ") {  // the blank at which the line ends needs no room
        finish(begin, i);
        begin = break_after = i + 1;
        used = 0;
        continue;
      }
      const size_t end = break_after > begin ? break_after : i;
      finish(begin, end);
      begin = end;
      used = 0;
      for (size_t j = begin; j < i; ++j) used += glyphs[j].width;
    }
    used += glyphs[i].width;
    if (glyphs[i].breakable) break_after = i + 1;
    if (glyphs[i].newline) {
      finish(begin, i + 1);
      begin = break_after = i + 1;
      used = 0;
    }
  }
  if (begin < glyphs.size()) finish(begin, glyphs.size());
  return lines;
}

std::string LiveView::status() const {
  int64_t committed = 0;
  int64_t open = 0;
  for (const ViewCell& cell : cells_) {
    committed += cell.state == CellState::kCommitted;
    open += is_open(cell.state);
  }
  const double rate = last_.seconds > 0 ? static_cast<double>(committed) / last_.seconds : 0;
  return fmt::format("step {}  forwards {}  cells {}/{}  {:.1f} tokens/s", last_.step, last_.nfe, committed,
                     committed + open, rate);
}

// A terminal that re-wraps on resize has turned each old line into ceil(width / columns) rows.
std::string LiveView::cursor_to_start(const ScreenSize& screen) const {
  int rows = -1;
  for (const int width : drawn_widths_) rows += std::max(1, (width + screen.columns - 1) / screen.columns);
  rows = std::min(rows, screen.rows - 1);
  return rows > 0 ? fmt::format("\r\033[{}A", rows) : "\r";
}

void LiveView::draw(const ScreenSize& screen) {
  const int width = std::max(screen.columns - 1, 2);
  const std::vector<Glyph> all = glyphs();
  std::vector<Line> lines = wrap(all, width);
  const auto height = static_cast<size_t>(std::max(screen.rows - 2, 1));  // the status line, and one row to spare
  if (lines.size() > height) {
    // Keep in sight where the brush is: the first open cell, some lines above the lower edge.
    std::vector<Glyph> before;
    for (const Glyph& glyph : all) {
      before.push_back(glyph);
      if (cells_[glyph.cell].state == CellState::kMasked) break;
    }
    const size_t focus = wrap(before, width).size();
    const size_t first = std::min(lines.size() - height, focus > height * 2 / 3 ? focus - height * 2 / 3 : 0);
    lines = {lines.begin() + static_cast<std::ptrdiff_t>(first),
             lines.begin() + static_cast<std::ptrdiff_t>(first + height)};
  }
  const std::string told = clipped(status(), width);
  const bool plain = options_.colors == ColorDepth::kNone;
  lines.push_back({plain ? told : fmt::format("\033[2m{}\033[0m", told), display_width(told)});

  std::string frame = cursor_to_start(screen);
  drawn_widths_.clear();
  for (size_t i = 0; i < lines.size(); ++i) {
    frame += lines[i].text + "\033[K" + (i + 1 < lines.size() ? "\r\n" : "\033[J");
    drawn_widths_.push_back(lines[i].width);
  }
  options_.write(frame);
}

void LiveView::erase() {
  if (drawn_widths_.empty()) return;
  options_.write(cursor_to_start(options_.screen()) + "\033[J");
  drawn_widths_.clear();
  drawn_at_ = -1;
}

}  // namespace pent::cli
