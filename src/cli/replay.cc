// pent replay: the painting again, from a recorded trace. The file carries the bytes of its tokens, so no model is needed.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "base/error.h"
#include "cli/answer.h"
#include "cli/command.h"
#include "cli/options.h"
#include "text/utf8.h"

namespace pent::cli {
namespace {

struct Arguments {
  std::string file;
  double speed = 1;
};

// Without the tokenizer at hand, a token in the shape of <|end|> or <eos> is taken for a special one.
bool looks_special(std::string_view bytes) { return bytes.size() > 2 && bytes.front() == '<' && bytes.back() == '>'; }

PieceLookup recorded_pieces(const RecordedTrace& trace) {
  return [&trace](int32_t id) {
    const auto found = trace.token_bytes.find(id);
    if (found == trace.token_bytes.end()) return TokenPiece{"\ufffd", false};
    return TokenPiece{found->second, looks_special(found->second)};
  };
}

// The text the cells hold at the end: the answer's tokens, or the whole of a filled template. A trace that does not say how many
// tokens the answer has: up to its first special token.
class FinalText {
 public:
  void apply(const TraceEvent& event) {
    if (event.kind == TraceEvent::Kind::kBegin) cells_.clear();
    tokens_ = event.tokens;
    move_cells(cells_, event);
    for (const CellChange& change : event.changes) {
      if (static_cast<size_t>(change.cell) >= cells_.size()) cells_.resize(static_cast<size_t>(change.cell) + 1);
      cells_[static_cast<size_t>(change.cell)] = change;
    }
  }

  // A fixed cell after an open one: a template.
  bool is_template() const {
    const auto fixed = [](const CellChange& cell) { return cell.state == CellState::kFixed; };
    return std::any_of(std::find_if_not(cells_.begin(), cells_.end(), fixed), cells_.end(), fixed);
  }

  std::string text(const PieceLookup& piece) const {
    std::string text;
    const bool whole = is_template();
    int32_t left = tokens_;
    for (const CellChange& cell : cells_) {
      if (!whole && cell.state == CellState::kFixed) continue;
      const TokenPiece shown = piece(cell.token);
      const bool open = is_open(cell.state);
      if (!whole && (tokens_ < 0 ? open || shown.special : left-- == 0)) break;
      if (!open && !shown.special) text += shown.bytes;
    }
    return replace_invalid_utf8(text);
  }

 private:
  std::vector<CellChange> cells_;
  int32_t tokens_ = -1;
};

void wait_until(std::chrono::steady_clock::time_point when) {
  while (std::chrono::steady_clock::now() < when && !interrupt_token().cancelled()) {
    std::this_thread::sleep_for(std::min<std::chrono::duration<double>>(std::chrono::milliseconds(50),
                                                                        when - std::chrono::steady_clock::now()));
  }
}

void print_text(const std::string& text) {
  fmt::print("{}\n", is_terminal(STDOUT_FILENO) ? without_controls(text) : text);
  std::fflush(stdout);
}

int run(const Arguments& args) {
  const RecordedTrace trace = read_trace(file_argument(args.file), args.file == "-" ? "standard input" : args.file);
  const PieceLookup piece = recorded_pieces(trace);
  const bool live = can_redraw(STDERR_FILENO) && is_terminal(STDOUT_FILENO) && args.speed > 0;
  FinalText final_text;
  std::unique_ptr<LiveView> view;
  auto began = std::chrono::steady_clock::now();
  for (const TraceEvent& event : trace.events) {
    final_text.apply(event);
    if (event.kind == TraceEvent::Kind::kBegin) {
      began = std::chrono::steady_clock::now();
      LiveViewOptions options = live_view_on_stderr();
      options.answer_only = !final_text.is_template();
      if (live) view = std::make_unique<LiveView>(std::move(options), piece);
    }
    if (view && !interrupt_token().cancelled()) {
      const std::chrono::duration<double> due(std::min(event.seconds / args.speed, 1e6));
      wait_until(began + std::chrono::duration_cast<std::chrono::steady_clock::duration>(due));
      view->show(event);
    }
    if (event.kind == TraceEvent::Kind::kEnd) {
      if (view) view->erase();
      print_text(final_text.text(piece));
    }
  }
  return interrupt_token().cancelled() ? 128 + interrupt_signal() : 0;
}

}  // namespace

Action define_replay(CommandLine& line) {
  auto args = std::make_shared<Arguments>();
  line.positional("TRACE", args->file, "a file written by --trace; - is standard input").required();
  line.option("--speed", args->speed, "2: twice as fast as it was; 0: the final text only")
      .range(0.0, 1e6)
      .show_default();
  return [args] { return run(*args); };
}

}  // namespace pent::cli
