// pent convert: a model between Hugging Face directories and GGUF files (docs/convert.md).
#include "engine/convert.h"

#include <unistd.h>

#include <chrono>
#include <cstdio>

#include "base/cancel.h"
#include "base/error.h"
#include "base/json.h"
#include "cli/command.h"
#include "cli/options.h"
#include "cli/pull_progress.h"
#include "io/gguf_mixture.h"

namespace pent::cli {
namespace {

struct Arguments {
  std::string source, target;
  std::string type;
  int threads = 0;
  bool json = false;
};

// The short names stand for the types that pent computes with as they are.
std::string full_name(const std::string& type) { return type == "q8" ? "q8_0" : type == "q4" ? "q4_0" : type; }

std::vector<std::string> type_names() {
  std::vector<std::string> names;
  for (const GgufMixture& mixture : gguf_mixtures()) names.emplace_back(mixture.name);
  names.insert(names.end(), {"q8", "q4"});
  return names;
}

ConvertReport convert_with_bar(const ModelFiles& source, const Arguments& args) {
  ThreadPool pool(args.threads);
  ConvertOptions options{.type = full_name(args.type), .cancel = &interrupt_token(), .progress = {}};
  std::unique_ptr<PullProgress> bar;  // once it is known how much there is to write
  options.progress = [&](uint64_t written, uint64_t total, const std::string&) {
    if (!bar) {
      bar = std::make_unique<PullProgress>(PullProgressOptions{.redraw = can_redraw(STDERR_FILENO),
                                                               .silent = false,
                                                               .screen = [] { return screen_size(STDERR_FILENO); },
                                                               .write =
                                                                   [](std::string_view text) {
                                                                     std::fwrite(text.data(), 1, text.size(), stderr);
                                                                     std::fflush(stderr);
                                                                   }},
                                           std::vector<TransferItem>{{args.target, total, 0}});
    }
    bar->set(0, written);
  };
  return convert_model(source, args.target, options, pool);
}

int run(const Arguments& args) {
  const ModelFiles source = find_files({.model = args.source});
  const auto start = std::chrono::steady_clock::now();
  const ConvertReport report = convert_with_bar(source, args);
  for (const std::string& note : report.notes) fmt::print(stderr, "pent convert: note: {}\n", note);
  if (!args.json) {
    fmt::print("{}\n", args.target);
    return 0;
  }
  const Json facts = {{"schema", 1},
                      {"source", source.where},
                      {"target", args.target},
                      {"family", report.family.empty() ? Json() : Json(report.family)},
                      {"type", args.type.empty() ? Json() : Json(full_name(args.type))},
                      {"tensors", report.tensors},
                      {"elements", report.elements},
                      {"source_bytes", report.source_bytes},
                      {"bytes", report.bytes},
                      {"notes", report.notes},
                      {"seconds", std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count()}};
  fmt::print("{}\n", to_json_line(facts));
  return 0;
}

}  // namespace

Action define_convert(CommandLine& line) {
  auto args = std::make_shared<Arguments>();
  line.positional("SOURCE", args->source, "the model: a directory, a .gguf file or a name, as for -m").required();
  line.positional("TARGET", args->target, "a file named .gguf, or a new directory").required();
  line.option("--type", args->type,
              "of the matrices, as llama-quantize names them; q8 is q8_0, q4 is q4_0; a directory holds f32, f16 or "
              "bf16; default: as they are stored")
      .words(type_names());
  line.option("--threads", args->threads, "threads to quantise with; default: what the process may use");
  line.flag("--json", args->json, "one JSON document");
  return [args] { return run(*args); };
}

}  // namespace pent::cli
