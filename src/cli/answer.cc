// Showing a generation. All ways of showing draw from the one stream of trace events.
#include "cli/answer.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "base/error.h"
#include "text/utf8.h"

namespace pent::cli {
namespace {

void write_stdout(std::string_view text) {
  const std::string shown = is_terminal(STDOUT_FILENO) ? without_controls(text) : std::string(text);
  std::fwrite(shown.data(), 1, shown.size(), stdout);
  std::fflush(stdout);
}

double per(double amount, double unit) { return unit > 0 ? amount / unit : 0; }

// Longest end of `text` that is a proper beginning of one of `stops`.
size_t possible_stop(std::string_view text, const std::vector<std::string>& stops) {
  size_t longest = 0;
  for (const std::string& stop : stops) {
    for (size_t n = std::min(stop.size() - 1, text.size()); n > longest; --n) {
      if (text.ends_with(std::string_view(stop).substr(0, n))) longest = n;
    }
  }
  return longest;
}

void tell_cells(const Generation& generation, const Tokenizer& tokenizer) {
  fmt::print(stderr, "{:>5} {:>10}  token\n", "step", "confidence");
  for (const WrittenToken& written : generation.written)
    fmt::print(stderr, "{:5} {:10.3f}  {}\n", written.step, written.confidence,
               printable(tokenizer.token_bytes(written.token)));
  fmt::print(stderr, "{} forwards, {} rows; N_token {}, E_token {}, E_ratio {:.3f}; first token after {:.3f} s\n",
             generation.nfe, generation.rows, generation.canvas_cells, generation.completion_tokens,
             per(generation.completion_tokens, generation.canvas_cells), generation.seconds_to_first_committed);
  fmt::print(stderr, "mode {}: {}\n", to_string(generation.mode), generation.mode_reason);
  if (generation.mode == Mode::kSpeculative || generation.draft.drafted > 0)
    fmt::print(stderr, "{} tokens drafted, {} of them accepted; {:.2f} tokens a forward\n", generation.draft.drafted,
               generation.draft.accepted, per(generation.completion_tokens, generation.nfe));
}

}  // namespace

void add_output_options(CommandLine& line, OutputOptions& options) {
  line.flag("--json", options.json, "one JSON object a line for each answer");
  line.flag("--verbose", options.verbose, "say of every token which step set it and how probable it was");
  line.flag("--live", [&options] { options.live = true; }, "paint the canvas even where stdout is no terminal");
  line.flag("--no-live", [&options] { options.live = false; }, "only the final text");
  line.option("--trace", options.trace_file, "record every step as JSON lines, for pent replay");
}

void TextStream::push(TokenId id) {
  held_ += decoder_.push(id);
  size_t stop = std::string::npos;
  for (const std::string& each : stops_) stop = std::min(stop, held_.find(each));
  if (stop != std::string::npos) return;  // the end is near: finish() knows what to write
  const size_t ready = held_.size() - possible_stop(held_, stops_);
  write_(std::string_view(held_).substr(0, ready));
  written_ += ready;
  held_.erase(0, ready);
}

void TextStream::finish(const std::string& text) {
  if (text.size() > written_) write_(std::string_view(text).substr(written_));
}

Presenter::Presenter(const Model& model, const OutputOptions& output, const GenerationOptions& options)
    : model_(model), output_(output), options_(options) {
  const bool terminals = can_redraw(STDERR_FILENO) && is_terminal(STDOUT_FILENO);
  is_canvas_ = resolve_mode(options.mode, model.denoiser->spec()) == Mode::kDiffusion;
  live_ = is_canvas_ && output.live.value_or(terminals && !output.json);
  if (!output.trace_file.empty()) {
    trace_.reset(std::fopen(output.trace_file.c_str(), "wb"));
    if (!trace_) throw error(ErrorKind::kIo, "--trace {}: {}", output.trace_file, std::strerror(errno));
    std::setvbuf(trace_.get(), nullptr, _IOLBF, 0);  // whole lines, so that a reader may follow
  }
}

TraceSink Presenter::begin(int prompt_tokens, Picture picture) {
  const Tokenizer& tokenizer = *model_.tokenizer;
  const ModelSpec& spec = model_.denoiser->spec();
  if (live_) {
    LiveViewOptions options = live_view_on_stderr();
    options.answer_only = picture == Picture::kAnswer;
    view_ = std::make_unique<LiveView>(std::move(options), tokenizer_pieces(tokenizer));
  } else if (!is_canvas_ && !output_.json && options_.best_of == 1 && !constraint_of(options_)) {
    stream_ = std::make_unique<TextStream>(tokenizer, options_.stop, write_stdout);
  }
  TraceSink file;
  if (trace_) {
    TraceHeader header{.model = model_.name,
                       .preset = !options_.preset.empty() ? options_.preset
                                 : is_canvas_             ? spec.default_preset
                                                          : "ar",
                       .seed = options_.seed,
                       .prompt_tokens = prompt_tokens};
    file = make_trace_writer(
        std::move(header),
        [&tokenizer](int32_t id) { return id >= 0 && id < tokenizer.size() ? tokenizer.token_bytes(id) : ""; },
        [this](std::string_view line) { std::fwrite(line.data(), 1, line.size(), trace_.get()); });
  }
  return [this, file](const TraceEvent& event) {
    if (file) file(event);
    if (view_) view_->show(event);
    if (stream_ && event.kind == TraceEvent::Kind::kStep) {
      for (const CellChange& change : event.changes) stream_->push(change.token);
    }
  };
}

void Presenter::end(const Generation& generation, const std::string& shown) {
  if (view_) view_->erase();
  if (output_.json) return;
  if (stream_) {
    stream_->finish(shown);
  } else {
    write_stdout(shown);
  }
  if (generation.finish_reason == "deadline")
    fmt::print(stderr, "pent: the budget ended it: {} of {} tokens were decided at once in the last forward\n",
               generation.hurried, generation.completion_tokens);
  if (output_.verbose) tell_cells(generation, *model_.tokenizer);
  if (!is_terminal(STDERR_FILENO)) return;
  const bool plain = color_depth() == ColorDepth::kNone;
  fmt::print(stderr, "{}{} tokens, {} forwards, {:.1f} s, {:.1f} tokens/s ({}, seed {}, {}){}\n",
             plain ? "" : "\033[2m", generation.completion_tokens, generation.nfe, generation.seconds,
             per(generation.completion_tokens, generation.seconds), generation.preset, generation.seed,
             generation.finish_reason, plain ? "" : "\033[0m");
}

void Presenter::close() {
  if (!trace_) return;
  const bool failed = std::ferror(trace_.get()) != 0;
  if (std::fclose(trace_.release()) != 0 || failed) {
    throw error(ErrorKind::kIo, "--trace {}: could not be written ({})", output_.trace_file, std::strerror(errno));
  }
}

PieceLookup tokenizer_pieces(const Tokenizer& tokenizer) {
  return [&tokenizer](int32_t id) {
    if (id < 0 || id >= tokenizer.size()) return TokenPiece{"\ufffd", false};
    return TokenPiece{std::string(tokenizer.token_bytes(id)), tokenizer.is_special(id)};
  };
}

LiveViewOptions live_view_on_stderr() {
  LiveViewOptions options;
  options.colors = color_depth();
  options.screen = [] { return screen_size(STDERR_FILENO); };
  options.write = [](std::string_view frame) { std::fwrite(frame.data(), 1, frame.size(), stderr); };
  return options;
}

Json to_json(const Generation& g, const std::string& model) {
  Json json = {{"schema", 1},
               {"text", g.text},
               {"token_ids", g.token_ids},
               {"finish_reason", g.finish_reason},
               {"prompt_tokens", g.prompt_tokens},
               {"completion_tokens", g.completion_tokens},
               {"nfe", g.nfe},
               {"rows", g.rows},
               {"tokens_per_forward", per(g.completion_tokens, g.nfe)},
               {"n_token", g.canvas_cells},
               {"e_token", g.completion_tokens},
               {"e_ratio", per(g.completion_tokens, g.canvas_cells)},
               {"seconds", g.seconds},
               {"tokens_per_second", per(g.completion_tokens, g.seconds)},
               {"seconds_to_first_committed", g.seconds_to_first_committed},
               {"mode", to_string(g.mode)},
               {"mode_reason", g.mode_reason},
               {"preset", g.preset},
               {"seed", g.seed},
               {"model", model}};
  if (g.finish_reason == "deadline") json["decided_at_deadline"] = g.hurried;
  if (g.mode == Mode::kSpeculative || g.draft.drafted > 0) {
    json["drafted"] = g.draft.drafted;
    json["accepted"] = g.draft.accepted;
    json["acceptance"] = per(static_cast<double>(g.draft.accepted), static_cast<double>(g.draft.drafted));
  }
  if (g.mode == Mode::kDiffusion) {
    json["cache"] = to_string(g.cache);
    json["exact"] = is_exact(g.cache);
  }
  return json;
}

Json to_json(const Filling& filling, const Request& request, const Model& model, bool verbose) {
  Json json = {{"schema", 1}, {"text", filling.generation.text}};
  if (!request.canvas.empty()) json["holes"] = Json::object();
  for (const FilledHole& hole : filling.holes)
    json["holes"][hole.name] = {{"text", hole.text}, {"tokens", hole.tokens}, {"finish", hole.finish}};
  for (size_t i = 0, hole = 0; i < request.canvas.size(); ++i) {
    if (!request.canvas[i].hole) continue;
    const FilledHole& filled = filling.holes[hole++];
    for (size_t choice = 0; choice < filled.choice_logprobs.size(); ++choice)
      json["holes"][filled.name]["choices"].push_back({{"text", request.canvas[i].hole->constraint->choices[choice]},
                                                       {"logprob", filled.choice_logprobs[choice]},
                                                       {"kind", "chain"}});
  }
  json.update(to_json(filling.generation, model.name));
  const auto is_draft = [](const Segment& segment) { return segment.hole && !segment.hole->draft.empty(); };
  if (std::any_of(request.canvas.begin(), request.canvas.end(), is_draft))
    json["kept_fraction"] = filling.kept_fraction;
  if (verbose) json["cells"] = written_to_json(filling.generation, *model.tokenizer);
  return json;
}

Json written_to_json(const Generation& generation, const Tokenizer& tokenizer) {
  Json cells = Json::array();
  for (const WrittenToken& written : generation.written)
    cells.push_back({{"token", written.token},
                     {"text", replace_invalid_utf8(tokenizer.token_bytes(written.token))},
                     {"step", written.step},
                     {"confidence", written.confidence}});
  return cells;
}

int exit_code(const Generation& generation) {
  if (generation.finish_reason != "cancelled") return 0;
  const int signal = interrupt_signal();
  return 128 + (signal != 0 ? signal : SIGINT);
}

}  // namespace pent::cli
