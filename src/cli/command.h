// The verbs of `pent`: a plain table. A verb is one file that declares its options and returns what to do with them.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace pent::cli {

// What a verb does once its options are parsed; returns the exit code. Errors travel as pent::Error.
using Action = std::function<int()>;

struct Command {
  const char* name;
  const char* summary;                 // one line of `pent help`
  const char* example;                 // lines shown under "Example" by --help
  Action (*define)(CLI::App& app);     // declares the options on `app`
};

// In the order of `pent help`. What this build cannot do is not in it.
const std::vector<Command>& commands();
const Command* find_command(const std::string& name);

// The command's options as CLI11 sees them, and the action that uses them (help, completions and the man page read the
// first, dispatch needs both).
struct DefinedCommand {
  std::shared_ptr<CLI::App> app;
  Action action;
};
DefinedCommand define_command(const Command& command);

std::string overview_text();  // what `pent help` prints

// Parses and runs; prints errors. Returns the exit code: 0, 1 failed, 2 wrong usage, 130 interrupted, 143 terminated.
int run_command_line(const std::vector<std::string>& arguments);

Action define_run(CLI::App& app);
Action define_fill(CLI::App& app);
Action define_replay(CLI::App& app);
Action define_tokenize(CLI::App& app);
Action define_detokenize(CLI::App& app);
Action define_logits(CLI::App& app);
Action define_score(CLI::App& app);
Action define_inspect(CLI::App& app);
Action define_models(CLI::App& app);
Action define_families(CLI::App& app);
Action define_presets(CLI::App& app);
Action define_doctor(CLI::App& app);
Action define_completion(CLI::App& app);
Action define_help(CLI::App& app);
#ifdef PENT_TRAIN
Action define_train(CLI::App& app);
#endif

}  // namespace pent::cli
