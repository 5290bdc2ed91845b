// pent pull: a model from the Hugging Face hub into the hub's own cache (docs/pull.md).
#include "engine/pull.h"

#include <unistd.h>

#include <chrono>
#include <cstdio>

#include "base/cancel.h"
#include "base/error.h"
#include "base/json.h"
#include "base/paths.h"
#include "cli/command.h"
#include "cli/options.h"
#include "cli/pull_progress.h"

namespace pent::cli {
namespace {

struct Arguments {
  std::string model;
  int parallel = 4;
  bool force = false;
  bool dry_run = false;
  bool json = false;
};

void write_error_stream(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

std::vector<TransferItem> items_of(const PullPlan& plan) {
  std::vector<TransferItem> items;
  for (size_t i = 0; i < plan.files.size(); ++i)
    items.push_back({plan.files[i].path, plan.files[i].size, plan.files[i].size - plan.missing[i]});
  return items;
}

std::filesystem::path fetch_with_bars(HubOptions options, const PullPlan& plan, int parallel) {
  PullProgress progress({.redraw = can_redraw(STDERR_FILENO),
                         .silent = environment_switch("HF_HUB_DISABLE_PROGRESS_BARS"),
                         .screen = [] { return screen_size(STDERR_FILENO); },
                         .write = write_error_stream},
                        items_of(plan));
  options.notice = [&](const std::string& text) { progress.note(text); };
  try {
    return fetch(options, plan, parallel, [&](size_t file, uint64_t bytes) { progress.set(file, bytes); });
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::kCancelled) throw;
    throw error(ErrorKind::kCancelled, "stopped; what has arrived is kept, and the same command goes on from there");
  }
}

Json described(const PullPlan& plan) {
  Json files = Json::array();
  for (size_t i = 0; i < plan.files.size(); ++i)
    files.push_back({{"path", plan.files[i].path},
                     {"bytes", plan.files[i].size},
                     {"missing_bytes", plan.missing[i]},
                     {"hash", plan.files[i].hash}});
  return {{"schema", 1},
          {"model", plan.reference.text()},
          {"commit", plan.commit},
          {"files", files},
          {"bytes", plan.total_bytes()},
          {"fetched_bytes", uint64_t{0}},
          {"seconds", 0.0},
          {"path", nullptr}};
}

// Without a network: what is in the cache already.
int report_cached(const Arguments& args, const HubReference& reference) {
  std::string looked;
  const auto path = find_in_hub_cache(reference, looked);
  if (!path)
    throw error(ErrorKind::kNotFound,
                "{}: HF_HUB_OFFLINE is set, and it is not in the cache:{}; unset HF_HUB_OFFLINE to fetch it",
                reference.text(), looked);
  if (args.json)
    fmt::print("{}\n",
               to_json_line({{"schema", 1}, {"model", reference.text()}, {"path", path->string()}, {"offline", true}}));
  else
    fmt::print("{}\n", path->string());
  return 0;
}

void print_plan(const PullPlan& plan) {
  for (size_t i = 0; i < plan.files.size(); ++i)
    fmt::print("{:>10}  {}{}\n", human_bytes(static_cast<double>(plan.files[i].size)), plan.files[i].path,
               plan.missing[i] == 0 ? "  (here)" : "");
  fmt::print("{:>10}  to fetch\n", human_bytes(static_cast<double>(plan.missing_bytes())));
}

int run(const Arguments& args) {
  const auto reference = parse_hub_reference(args.model);
  if (!reference)
    throw error(ErrorKind::kInvalidArgument, "'{}' is no ORG/NAME[@REVISION][:QUANT] of the hub",
                printable(args.model));
  HubOptions options = hub_options_from_environment();
  if (options.offline) return report_cached(args, *reference);
  options.cancel = &interrupt_token();
  options.notice = [](const std::string& text) { write_error_stream("pent pull: " + text + "\n"); };
  const auto start = std::chrono::steady_clock::now();
  const PullPlan plan = plan_pull(options, *reference);
  if (!args.force) check_fit(fit_of(plan), reference->text());
  Json report = described(plan);
  if (!args.dry_run) {
    const std::filesystem::path path = fetch_with_bars(options, plan, args.parallel);
    report["fetched_bytes"] = plan.missing_bytes();
    report["seconds"] = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    report["path"] = path.string();
    if (!args.json) fmt::print("{}\n", path.string());
  } else if (!args.json) {
    print_plan(plan);
  }
  if (args.json) fmt::print("{}\n", to_json_line(report));
  return 0;
}

}  // namespace

Action define_pull(CommandLine& line) {
  auto args = std::make_shared<Arguments>();
  line.positional("MODEL", args->model, "ORG/NAME[@REVISION][:QUANT]; QUANT is a word of a .gguf file's name")
      .required();
  line.option("--parallel", args->parallel, "files at once").range(1, 16).show_default();
  line.flag("--dry-run", args->dry_run, "say what would be fetched, and whether it fits");
  line.flag("--force", args->force, "fetch although it does not fit memory or disk");
  line.flag("--json", args->json, "one JSON document");
  return [args] { return run(*args); };
}

}  // namespace pent::cli
