// Options that several verbs share, in the same words everywhere (design/cli).
#pragma once

#include <string>
#include <string_view>

#include "cli/command_line.h"
#include "engine/model.h"
#include "sample/options.h"

namespace pent::cli {

struct ModelOptions {
  std::string model;  // empty: the embedded default
  int threads = 0;    // 0: what the process may use
  bool precise = false;
};
void add_model_option(CommandLine& line, ModelOptions& options);   // -m only: verbs that need no weights
void add_model_options(CommandLine& line, ModelOptions& options);  // -m, --threads, --precise

struct RunOptions {
  ModelOptions model;
  GenerationOptions generation;
};
void add_generation_options(CommandLine& line, RunOptions& options);
GenerationOptions unasked_generation();  // as they are where no option is given

// The model with a pool that lives as long as it does.
struct LoadedModel {
  std::unique_ptr<ThreadPool> pool;
  Model model;
};
LoadedModel load(const ModelOptions& options);
ModelFiles find_files(const ModelOptions& options);

// --preset, --json-schema and --grammar may name files: reads them. Throws kIo, and for a preset what with_preset_file() throws.
void read_option_files(GenerationOptions& options);

// --tools likewise; null where it was not given.
Json read_tools(const std::optional<std::string>& argument);

// A positional TEXT: itself, or all of standard input for "-".
std::string text_argument(const std::string& argument);
// A positional FILE: its content, or standard input for "-".
std::string file_argument(const std::string& argument);

// Token ids as people write them: a JSON array, or numbers separated by commas or blanks. `what` names them in errors.
std::vector<TokenId> parse_ids(std::string_view text, const std::string& what);

// 1536 -> "1.5 KiB".
std::string human_bytes(double bytes);

}  // namespace pent::cli
