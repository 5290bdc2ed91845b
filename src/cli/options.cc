// Options that several verbs share. Ranges are checked where they are used (sample/preset.cc), so that the server and
// the command line refuse the same values in the same words; here only words are checked.
#include "cli/options.h"

#include <charconv>
#include <iostream>
#include <iterator>
#include <utility>

#include "base/error.h"
#include "base/mapped_file.h"
#include "cli/embedded.h"
#include "engine/preset_file.h"
#include "engine/request_json.h"

namespace pent::cli {
namespace {

constexpr size_t kInputLimit = size_t{256} << 20;

std::string read_stdin() {
  std::string text;
  char buffer[1 << 16];
  while (std::cin.read(buffer, sizeof buffer) || std::cin.gcount() > 0) {
    text.append(buffer, static_cast<size_t>(std::cin.gcount()));
    if (text.size() > kInputLimit) {
      throw error(ErrorKind::kResourceExhausted, "standard input is longer than {}", human_bytes(kInputLimit));
    }
  }
  return text;
}

}  // namespace

void add_model_option(CommandLine& line, ModelOptions& options) {
  line.option("-m,--model", options.model,
              "a Hugging Face directory, a .gguf file, or a name from `pent models`; default: the embedded model");
}

void add_model_options(CommandLine& line, ModelOptions& options) {
  add_model_option(line, options);
  line.option("--threads", options.threads, "threads; default: what this process may use").range(1, 1024);
  line.flag("--precise", options.precise, "weights and arithmetic in float32: slower, the path of parity");
}

GenerationOptions unasked_generation() {
  GenerationOptions unasked;
  unasked.mode = "auto";
  return unasked;
}

void add_generation_options(CommandLine& line, RunOptions& options) {
  add_model_options(line, options.model);
  GenerationOptions& g = options.generation;
  line.option("--preset", g.preset,
              "a decoding method from `pent presets`, or a FILE.toml with one of your own (docs/decoding.md); default: "
              "the model's own");
  g = unasked_generation();
  line.option("--mode", g.mode,
              "ar: token after token; diffusion: a canvas; speculative: ar's text, drafted by diffusion --block-length "
              "tokens at a time; auto, the default: the fastest that writes the text of the model's own")
      .words({"auto", "ar", "diffusion", "speculative"});
  line.option("--max-tokens", g.max_tokens, "the canvas of a diffusion model, the budget of an autoregressive one");
  line.option(
      "--length", g.length,
      "N: a canvas of N cells; MIN..MAX: one that grows with the answer (DAEDAL); auto: one that grows from 64");
  line.option("--tau-eos", g.tau_eos,
              "a canvas that grows: how sure of an end (0 to 1) before it is decided; up to then it gets longer");
  line.option("--tau-expand", g.tau_expand,
              "a canvas that grows: how sure of an end so that no more cells are put in while it is decided");
  line.option("--tau-low", g.tau_low, "a canvas that grows: a cell less probable than this becomes several");
  line.flag("--trim-tail", g.trim_tail, "once an end token is decided, take the cells behind it out of the canvas");
  line.option("--block-length", g.block_length,
              "cells that are decided together before the next ones; speculative: tokens drafted at a time");
  const auto steps = line.option("--steps", g.steps, "denoising steps in total");
  line.option("--steps-per-block", g.steps_per_block, "denoising steps for each block").excludes(steps);
  line.option("--threshold", g.threshold, "commit every cell at least this probable");
  line.option("--select", g.select,
              "which cells a step decides: linear, cosine, timestep, threshold:P, factor:F, entropy:NATS, dynamic:P, "
              "ancestral");
  line.option("--remask", g.remask,
              "which decided cells may change: none, edit:P, p2, wino:P, remdm-cap:ETA, remdm-rescale:ETA, remdm-conf, "
              "remdm-loop:ETA, levenshtein:P, renoise");
  line.option("--order-temperature", g.order_temperature,
              "0: cells go in the order of their score; above: they are drawn by it");
  line.option("--cfg-scale", g.cfg_scale,
              "guidance by the canvas without the given text: 0 none, 1 twice as far from it; at twice the cost");
  line.option("--logit-bias", g.logit_bias, "TOKEN:BIAS, added to the logit of a token id; may be repeated");
  line.option("--temperature", g.temperature, "0: the most probable token; 1: as the model says");
  line.option("--final-temperature", g.final_temperature,
              "DiffusionGemma: --temperature is that of a canvas's first step, and they fall towards this");
  line.option(
      "--settle", g.settle,
      "DiffusionGemma: STEPS:NATS ends a canvas whose best tokens have been the same for STEPS steps and whose mean "
      "entropy is below NATS; none: it takes all its steps");
  line.option("--top-p", g.top_p, "draw from the smallest set with this probability");
  line.option("--top-k", g.top_k, "draw from the k most probable tokens; 0: from all");
  line.option("--min-p", g.min_p, "draw from tokens at least this share as probable as the most probable one");
  line.option("--repetition-penalty", g.repetition_penalty,
              "make tokens that stand near less likely: 1 not, 1.1 a little");
  line.option("--repetition-window", g.repetition_window, "how many tokens away near still is; default: 128");
  line.option("--score", g.score, "which cell goes first").words({"prob", "entropy", "margin", "random"});
  line.option("--score-of", g.score_of,
              "what the score looks at: the model's probabilities, or those after temperature, top-k and top-p")
      .words({"model", "draws"});
  line.option("--best-of", g.best_of, "write each answer this many times and keep what the model finds likeliest");
  line.option("--cache", g.cache,
              "which keys and values are kept between forwards: none and block are exact; block and sub-block are for "
              "block-causal models, the others for full attention")
      .words({"none", "prefix", "dual", "delayed", "block", "sub-block"});
  line.option("--seed", g.seed, "same seed, same text; at most 2^53").range(0, 0x1p53);
  // One value for each --stop, so that a PROMPT may follow it.
  line.option("--stop", g.stop, "end before this text; may be repeated");
  line.option("--regex", g.regex, "the text matches this regular expression from end to end (docs/constraints.md)");
  line.option("--json-schema", g.json_schema,
              "the text is JSON of this schema: JSON itself, or the name of a file with it");
  line.option("--grammar", g.grammar, "the text is of this grammar in GBNF: rules, or the name of a file with them");
  line.option("--include", g.include, "the text has this in it, wherever the model puts it; may be repeated");
  line.option("--max-nfe", g.max_nfe, "end after this many forward passes; the last one writes all that is left");
  line.option("--deadline-ms", g.deadline_ms, "end after this time: one more forward pass writes all that is left");
}

LoadedModel load(const ModelOptions& options) {
  LoadedModel loaded;
  loaded.pool = std::make_unique<ThreadPool>(options.threads);
  loaded.model = load_model(options.model, embedded_models(), *loaded.pool, NativeOptions{.precise = options.precise});
  return loaded;
}

ModelFiles find_files(const ModelOptions& options) { return find_model(options.model, embedded_models()); }

void read_option_files(GenerationOptions& options) {
  if (options.preset.ends_with(".toml")) {
    const std::string file = std::exchange(options.preset, "");
    options = with_preset_file(std::move(options), unasked_generation(), file_argument(file), file);
  }
  const auto read = [](std::optional<std::string>& option, std::string_view sign) {
    if (option && option->find(sign) == std::string::npos && *option != "true") option = file_argument(*option);
  };
  read(options.json_schema, "{");
  read(options.grammar, "::=");
}

Json read_tools(const std::optional<std::string>& argument) {
  if (!argument) return nullptr;
  const bool is_file = argument->find('[') == std::string::npos;
  return is_file ? parse_tools(file_argument(*argument), *argument) : parse_tools(*argument, "--tools");
}

std::string text_argument(const std::string& argument) { return argument == "-" ? read_stdin() : argument; }

std::string file_argument(const std::string& argument) {
  return argument == "-" ? read_stdin() : read_file(argument, kInputLimit);
}

std::vector<TokenId> parse_ids(std::string_view text, const std::string& what) {
  std::vector<TokenId> ids;
  const char* p = text.data();
  const char* end = p + text.size();
  while (p != end) {
    if (std::string_view(" \t\r\n,[]").find(*p) != std::string_view::npos) {
      ++p;
      continue;
    }
    TokenId id = 0;
    const auto [next, problem] = std::from_chars(p, end, id);
    if (problem != std::errc() || id < 0) {
      throw error(ErrorKind::kInvalidArgument, "{}: '{}' is not a token id; expected ids such as 13,7,42", what,
                  printable(std::string_view(p, std::min<size_t>(end - p, 16))));
    }
    ids.push_back(id);
    p = next;
  }
  return ids;
}

std::string human_bytes(double bytes) {
  const char* units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  int unit = 0;
  while (bytes >= 1024 && unit < 4) {
    bytes /= 1024;
    ++unit;
  }
  return unit == 0 ? fmt::format("{:.0f} B", bytes) : fmt::format("{:.1f} {}", bytes, units[unit]);
}

}  // namespace pent::cli
