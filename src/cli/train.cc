// pent train: a recipe made into a model (train/trainer.h), and a first sample of what was learned.
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "base/error.h"
#include "base/mapped_file.h"
#include "cli/command.h"
#include "cli/options.h"
#include "engine/generate.h"
#include "train/recipe/recipe.h"
#include "train/trainer.h"

namespace pent::cli {
namespace {

struct Arguments {
  std::string recipe;
  std::vector<std::string> overrides;
  int threads = 0;
  train::TrainOptions options;
};

// OpenMP's workers spin while they wait, which halves the speed of a run that shares its cores. How they wait is read from
// the environment when the library is loaded, hence the second start.
void let_workers_sleep() {
  constexpr const char* kPolicy = "OMP_WAIT_POLICY";
  if (std::getenv(kPolicy) != nullptr) return;
  ::setenv(kPolicy, "passive", 0);
  std::error_code failed;
  const std::string self = std::filesystem::read_symlink("/proc/self/exe", failed).string();
  std::string words = failed ? "" : read_file("/proc/self/cmdline");
  std::vector<char*> arguments;
  for (size_t at = 0; at < words.size(); at = words.find('\0', at) + 1) arguments.push_back(words.data() + at);
  arguments.push_back(nullptr);
  if (arguments.size() > 1) ::execv(self.c_str(), arguments.data());  // where it fails, training is only slower
}

void show_sample(const train::Recipe& recipe, const std::string& path) {
  LoadedModel loaded = load({.model = path, .threads = recipe.threads});
  Model& model = loaded.model;
  GenerationOptions options;
  options.seed = recipe.seed;
  const Generation sample =
      generate(model, make_prompt(model, recipe.generation.prompt, "", /*raw=*/false), options, {}, &interrupt_token());
  fmt::print("{}\n", sample.text);
}

int run(Arguments args) {
  let_workers_sleep();
  train::Recipe recipe = train::load_recipe(args.recipe, args.overrides);
  if (args.threads > 0) recipe.threads = args.threads;
  args.options.cancel = &interrupt_token();
  const train::TrainResult result = train::train(recipe, args.options);
  if (result.cancelled) {
    fmt::print(stderr, "stopped; the same command with --resume goes on\n");
    return 128 + (interrupt_signal() != 0 ? interrupt_signal() : SIGINT);
  }
  if (result.model.empty()) return 0;
  const std::string path = result.model.string();
  fmt::print(stderr, "\na sample (seed {}):\n", recipe.seed);
  show_sample(recipe, path);
  fmt::print(stderr, "\nto run it:  pent run -m {} \"{}\"\n", path, recipe.generation.prompt);
  return 0;
}

}  // namespace

Action define_train(CommandLine& line) {
  auto args = std::make_shared<Arguments>();
  line.positional("RECIPE", args->recipe, "the recipe, a TOML file").required();
  line.option("--set", args->overrides, "key=value over the recipe's; may be repeated");
  line.option("--threads", args->threads, "threads; default: the recipe's, else what this process may use")
      .range(1, 1024);
  line.flag("--resume", args->options.resume, "go on from the newest checkpoint");
  line.flag("--dry-run", args->options.dry_run, "only say what would be done");
  return [args] { return run(*args); };
}

}  // namespace pent::cli
