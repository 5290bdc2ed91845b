// pent corpus: a model writes the text that another is trained on (engine/corpus.h).
#include "engine/corpus.h"

#include <unistd.h>

#include <chrono>
#include <csignal>

#include "base/error.h"
#include "cli/command.h"
#include "cli/options.h"

namespace pent::cli {
namespace {

struct Arguments {
  std::string recipe;
  std::vector<std::string> overrides;
  ModelOptions model;
  bool dry_run = false;
};

using Clock = std::chrono::steady_clock;

// A line every ten seconds; on a terminal one that is written over.
class Status {
 public:
  explicit Status(int64_t all) : all_(all) {}

  void show(const CorpusProgress& done) {
    const double seconds = std::chrono::duration<double>(Clock::now() - start_).count();
    if (done.answers < all_ && seconds < shown_ + (is_terminal_ ? 1 : 10)) return;
    shown_ = seconds;
    const double left = seconds / static_cast<double>(done.written) * static_cast<double>(all_ - done.answers);
    fmt::print(stderr, "{}{} of {} answers, {:.0f} tokens/s, {:.0f} min left{}", is_terminal_ ? "\r\x1b[K" : "",
               done.answers, all_, static_cast<double>(done.tokens) / seconds, left / 60, is_terminal_ ? "" : "\n");
    std::fflush(stderr);
  }
  ~Status() {
    if (is_terminal_ && shown_ > 0) fmt::print(stderr, "\n");
  }

 private:
  int64_t all_;
  bool is_terminal_ = isatty(STDERR_FILENO) != 0;
  Clock::time_point start_ = Clock::now();
  double shown_ = 0;
};

int run(Arguments args) {
  CorpusRecipe recipe = load_corpus_recipe(args.recipe, args.overrides);
  if (args.dry_run) {
    fmt::print(stderr, "{} answers to prompts like these would go to {}:\n", recipe.answers, recipe.out);
    for (int64_t index = 0; index < std::min<int64_t>(recipe.answers, 20); ++index)
      fmt::print("{}\n", corpus_prompt(recipe, index));
    return 0;
  }
  if (args.model.model.empty()) args.model.model = recipe.model;
  LoadedModel loaded = load(args.model);
  CorpusProgress done;
  {
    Status status(recipe.answers);
    done = write_corpus(loaded.model, recipe, [&](const CorpusProgress& now) { status.show(now); }, &interrupt_token());
  }
  if (interrupt_token().cancelled()) {
    fmt::print(stderr, "stopped with {} of {} answers in {}; the same command goes on\n", done.answers, recipe.answers,
               recipe.out);
    return 128 + (interrupt_signal() != 0 ? interrupt_signal() : SIGINT);
  }
  fmt::print("{}\n", recipe.out);
  return 0;
}

}  // namespace

Action define_corpus(CommandLine& line) {
  auto args = std::make_shared<Arguments>();
  line.positional("RECIPE", args->recipe, "the recipe, a TOML file").required();
  line.option("--set", args->overrides, "key=value over the recipe's; may be repeated");
  line.flag("--dry-run", args->dry_run, "only show prompts");
  add_model_options(line, args->model);
  return [args] { return run(*args); };
}

}  // namespace pent::cli
