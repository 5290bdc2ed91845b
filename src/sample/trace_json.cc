// Writing and reading traces (schema 2). What is read is untrusted: every field is checked before it can be painted.
#include "sample/trace_json.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <memory>

#include "base/error.h"
#include "base/json.h"
#include "text/utf8.h"

namespace pent {
namespace {

constexpr int kSchema = 2, kFirstSchema = 1;
constexpr std::array kStates = {CellState::kFixed, CellState::kMasked, CellState::kNoisy, CellState::kSoft,
                                CellState::kCommitted};

Json bytes_to_json(std::string_view bytes) {
  if (is_valid_utf8(bytes)) return std::string(bytes);
  Json array = Json::array();
  for (const char byte : bytes) array.push_back(static_cast<unsigned char>(byte));
  return array;
}

// Six decimals: the float's own digits would say more than it knows.
double rounded(double value) { return std::round(value * 1e6) / 1e6; }

Json cells_to_json(const std::vector<CellChange>& changes,
                   const std::function<std::string_view(int32_t)>& token_bytes) {
  Json cells = Json::array();
  for (const CellChange& change : changes)
    cells.push_back({{"cell", change.cell},
                     {"token", change.token},
                     {"text", bytes_to_json(token_bytes(change.token))},
                     {"state", to_string(change.state)},
                     {"confidence", rounded(change.confidence)}});
  return cells;
}

Json event_to_json(const TraceEvent& event, const TraceHeader& header,
                   const std::function<std::string_view(int32_t)>& token_bytes) {
  Json line;
  if (event.kind == TraceEvent::Kind::kBegin)
    line = {{"schema", kSchema},
            {"event", "begin"},
            {"n", event.n_index},
            {"model", header.model},
            {"preset", header.preset},
            {"seed", header.seed},
            {"prompt_tokens", header.prompt_tokens}};
  else
    line = {{"event", event.kind == TraceEvent::Kind::kStep ? "step" : "end"},
            {"n", event.n_index},
            {"seconds", rounded(event.seconds)},
            {"step", event.step},
            {"nfe", event.nfe}};
  if (event.kind == TraceEvent::Kind::kEnd) {
    line["finish_reason"] = event.finish_reason;
    if (event.tokens >= 0) line["tokens"] = event.tokens;
  } else {
    line["block"] = {event.block_begin, event.block_end};
    line["cells"] = cells_to_json(event.changes, token_bytes);
    for (const Splice& splice : event.splices)
      line["splices"].push_back({splice.cell, splice.removed, splice.inserted});
  }
  return line;
}

// One line at a time; `where_` is FILE:LINE.
class TraceReader {
 public:
  // A trace lists every cell that its canvases have, so that there are fewer of them than the text has bytes.
  TraceReader(RecordedTrace& trace, size_t bytes)
      : trace_(trace), room_(static_cast<int64_t>(std::min(bytes, size_t{kMany}))) {}

  void read_line(std::string_view text, const std::string& where) {
    where_ = where;
    const Json line = parse_json(text, where, 8);
    const std::string kind = get_required_string(line, "event", where);
    if (trace_.events.empty()) read_header(line, kind);
    TraceEvent event;
    event.n_index = number(line, "n", 0, std::numeric_limits<int32_t>::max());
    if (kind == "begin") {
      event.kind = TraceEvent::Kind::kBegin;
    } else if (kind == "step" || kind == "end") {
      event.kind = kind == "step" ? TraceEvent::Kind::kStep : TraceEvent::Kind::kEnd;
      event.seconds = get_number(line, "seconds", where).value_or(0);
      event.step = number(line, "step", 0, kMany);
      event.nfe = number(line, "nfe", 0, kMany);
    } else {
      fail("\"event\" is '{}'; expected begin, step or end", printable(kind));
    }
    if (event.kind == TraceEvent::Kind::kEnd) {
      event.finish_reason = get_required_string(line, "finish_reason", where);
      const int32_t size = cells_of(event);
      if (line.contains("tokens")) event.tokens = number(line, "tokens", 0, size);
    } else {
      read_cells(line, event);
    }
    trace_.events.push_back(std::move(event));
  }

 private:
  static constexpr int32_t kMany = 1 << 24;

  template <typename... Args>
  [[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) const {
    throw error(ErrorKind::kCorrupt, "{}: {}", where_, fmt::format(format, std::forward<Args>(args)...));
  }

  int32_t number(const Json& object, const char* key, int32_t low, int32_t high) const {
    const int64_t value = get_required_int(object, key, where_);
    if (value < low || value > high) fail("\"{}\" is {}; expected {} to {}", key, value, low, high);
    return static_cast<int32_t>(value);
  }

  void read_header(const Json& line, const std::string& kind) {
    if (kind != "begin") fail("a trace starts with a begin line, not with '{}'", printable(kind));
    if (const int64_t schema = get_required_int(line, "schema", where_); schema < kFirstSchema || schema > kSchema)
      throw error(ErrorKind::kUnsupported, "{}: trace schema {}; this build reads schemas {} to {}", where_, schema,
                  kFirstSchema, kSchema);
    trace_.header.model = get_required_string(line, "model", where_);
    trace_.header.preset = get_required_string(line, "preset", where_);
    const int64_t seed = get_required_int(line, "seed", where_);
    if (seed < 0) fail("\"seed\" is {}; expected at least 0", seed);
    trace_.header.seed = static_cast<uint64_t>(seed);
    trace_.header.prompt_tokens = number(line, "prompt_tokens", 0, kMany);
  }

  // How many cells the event's canvas has; a begin event starts a new one.
  int32_t& cells_of(const TraceEvent& event) {
    const bool begins = event.kind == TraceEvent::Kind::kBegin;
    const auto [entry, is_new] = canvas_sizes_.try_emplace(event.n_index, 0);
    if (!is_new && begins) fail("answer {} begins a second time", event.n_index);
    if (is_new && !begins) fail("answer {} has not begun", event.n_index);
    return entry->second;
  }

  void read_cells(const Json& line, TraceEvent& event) {
    const auto block = line.find("block");
    if (block == line.end() || !block->is_array() || block->size() != 2 || !(*block)[0].is_number_integer() ||
        !(*block)[1].is_number_integer())
      fail("\"block\" is missing; expected [begin, end]");
    const auto begin = (*block)[0].get<int64_t>(), end = (*block)[1].get<int64_t>();
    if (begin < 0 || begin > end || end > kMany) fail("\"block\" is [{}, {}]; expected 0 <= begin <= end", begin, end);
    event.block_begin = static_cast<int32_t>(begin);
    event.block_end = static_cast<int32_t>(end);
    const auto cells = line.find("cells");
    if (cells == line.end() || !cells->is_array()) fail("\"cells\" is missing; expected an array");
    int32_t& size = cells_of(event);
    if (event.kind == TraceEvent::Kind::kStep) read_splices(line, event, size);
    for (const Json& cell : *cells) {
      event.changes.push_back(read_cell(cell, event.kind == TraceEvent::Kind::kBegin ? size : 0, size));
      if (event.changes.back().cell == size) ++size, --room_;
    }
  }

  void read_splices(const Json& line, TraceEvent& event, int32_t& size) {
    const auto splices = line.find("splices");
    if (splices == line.end()) return;
    const auto is_splice = [](const Json& splice) {
      return splice.is_array() && splice.size() == 3 &&
             std::all_of(splice.begin(), splice.end(), [](const Json& n) { return n.is_number_integer(); });
    };
    if (!splices->is_array() || !std::all_of(splices->begin(), splices->end(), is_splice))
      fail("\"splices\" is not an array of [cell, removed, inserted]");
    for (const Json& splice : *splices) {
      const auto cell = splice[0].get<int64_t>(), removed = splice[1].get<int64_t>(),
                 inserted = splice[2].get<int64_t>();
      if (cell < 0 || cell > size || removed < 0 || removed > size - cell || inserted < 0 || inserted > room_ + removed)
        fail("splice [{}, {}, {}] does not fit a canvas of {} cells", cell, removed, inserted, size);
      size += static_cast<int32_t>(inserted - removed);
      room_ -= inserted - removed;
      event.splices.push_back(
          {static_cast<int32_t>(cell), static_cast<int32_t>(removed), static_cast<int32_t>(inserted)});
    }
  }

  CellChange read_cell(const Json& cell, int32_t lowest, int32_t size) {
    CellChange change;
    change.cell = number(cell, "cell", lowest, size);
    change.token = number(cell, "token", -1, std::numeric_limits<int32_t>::max());
    change.state = state(get_required_string(cell, "state", where_));
    const double confidence = get_number(cell, "confidence", where_).value_or(0);
    if (!(confidence >= 0 && confidence <= 1)) fail("\"confidence\" is {}; expected 0 to 1", confidence);
    change.confidence = static_cast<float>(confidence);
    trace_.token_bytes.try_emplace(change.token, text(cell));
    return change;
  }

  CellState state(const std::string& name) const {
    for (const CellState state : kStates)
      if (to_string(state) == name) return state;
    fail("\"state\" is '{}'; expected fixed, masked, noisy, soft or committed", printable(name));
  }

  std::string text(const Json& cell) const {
    const auto found = cell.find("text");
    if (found != cell.end() && found->is_string()) return found->get<std::string>();
    if (found == cell.end() || !found->is_array()) fail("\"text\" of a cell is missing; expected a string or bytes");
    std::string bytes;
    for (const Json& byte : *found) {
      if (!byte.is_number_integer() || byte.get<int64_t>() < 0 || byte.get<int64_t>() > 255)
        fail("\"text\" holds something that is not a byte");
      bytes.push_back(static_cast<char>(byte.get<int64_t>()));
    }
    return bytes;
  }

  RecordedTrace& trace_;
  std::string where_;
  std::map<int32_t, int32_t> canvas_sizes_;  // by n_index
  int64_t room_;                             // cells that all canvases together may still gain
};

}  // namespace

TraceSink make_trace_writer(TraceHeader header, std::function<std::string_view(int32_t)> token_bytes,
                            std::function<void(std::string_view)> write) {
  return [header = std::move(header), token_bytes = std::move(token_bytes), write = std::move(write)](
             const TraceEvent& event) { write(to_json_line(event_to_json(event, header, token_bytes)) + "\n"); };
}

RecordedTrace read_trace(std::string_view text, const std::string& where) {
  RecordedTrace trace;
  TraceReader reader(trace, text.size());
  for (size_t begin = 0, line = 1; begin < text.size(); ++line) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    if (end > begin) reader.read_line(text.substr(begin, end - begin), fmt::format("{}:{}", where, line));
    begin = end + 1;
  }
  if (trace.events.empty()) throw error(ErrorKind::kCorrupt, "{}: an empty trace; expected a begin line", where);
  return trace;
}

}  // namespace pent
