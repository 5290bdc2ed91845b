// pent train: a recipe made into a model (train/trainer.h), and a first sample of what was learned.
#include "train/trainer.h"

#include <CLI/CLI.hpp>
#include <csignal>

#include "base/error.h"
#include "cli/command.h"
#include "cli/options.h"
#include "engine/generate.h"
#include "train/recipe/recipe.h"

namespace pent::cli {
namespace {

struct Arguments {
  std::string recipe;
  std::vector<std::string> overrides;
  train::TrainOptions options;
};

void show_sample(const train::Recipe& recipe, const std::string& path) {
  LoadedModel loaded = load({.model = path, .threads = recipe.threads});
  Model& model = loaded.model;
  GenerationOptions options;
  options.seed = recipe.seed;
  const Generation sample = generate(model, make_prompt(model, recipe.generation.prompt, "", /*raw=*/false), options, {},
                                     &interrupt_token());
  fmt::print("{}\n", sample.text);
}

int run(Arguments args) {
  const train::Recipe recipe = train::load_recipe(args.recipe, args.overrides);
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

Action define_train(CLI::App& app) {
  auto args = std::make_shared<Arguments>();
  app.add_option("RECIPE", args->recipe, "the recipe, a TOML file")->required();
  app.add_option("--set", args->overrides, "key=value over the recipe's; may be repeated")
      ->take_all()->expected(1)->allow_extra_args(false);
  app.add_flag("--resume", args->options.resume, "go on from the newest checkpoint");
  app.add_flag("--dry-run", args->options.dry_run, "only say what would be done");
  return [args] { return run(*args); };
}

}  // namespace pent::cli
