// The verbs of `pent`: a plain table. A verb is one file that declares its options and returns what to do with them.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/command_line.h"

namespace pent::cli {

// What a verb does once its options are parsed; returns the exit code. Errors travel as pent::Error.
using Action = std::function<int()>;

struct Command {
  const char* name;
  const char* summary;                  // one line of `pent help`
  const char* example;                  // lines shown under "Example" by --help
  Action (*define)(CommandLine& line);  // declares the options
};

// In the order of `pent help`. What this build cannot do is not in it.
const std::vector<Command>& commands();
const Command* find_command(const std::string& name);

// A verb's options, and the action that uses them once they are parsed.
struct DefinedCommand {
  CommandLine line;
  Action action;
};
DefinedCommand define_command(const Command& command);

std::string overview_text();  // what `pent help` prints

// Parses and runs; prints errors. Returns the exit code: 0, 1 failed, 2 wrong usage, 130 interrupted, 143 terminated.
int run_command_line(const std::vector<std::string>& arguments);

Action define_run(CommandLine& line);
Action define_fill(CommandLine& line);
Action define_edit(CommandLine& line);
Action define_replay(CommandLine& line);
Action define_tokenize(CommandLine& line);
Action define_detokenize(CommandLine& line);
Action define_logits(CommandLine& line);
Action define_score(CommandLine& line);
Action define_inspect(CommandLine& line);
Action define_bench(CommandLine& line);
Action define_convert(CommandLine& line);
Action define_corpus(CommandLine& line);
Action define_synth(CommandLine& line);
Action define_models(CommandLine& line);
Action define_pull(CommandLine& line);
Action define_cache(CommandLine& line);
Action define_families(CommandLine& line);
Action define_presets(CommandLine& line);
Action define_doctor(CommandLine& line);
Action define_completion(CommandLine& line);
Action define_help(CommandLine& line);
#ifdef PENT_TRAIN
Action define_train(CommandLine& line);
#endif

}  // namespace pent::cli
