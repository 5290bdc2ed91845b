#include "cli/completed_options.h"

#include <algorithm>

#include "sample/preset.h"

namespace pent::cli {
namespace {

bool is_one_of(const std::string& word, std::initializer_list<const char*> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

}  // namespace

std::vector<CompletedOption> completed_options(const Command& command) {
  std::vector<CompletedOption> options;
  std::vector<OptionFacts> all = define_command(command).line.facts();
  for (OptionFacts& facts : all) {
    CompletedOption option{std::move(facts)};
    const std::string word = option.names.empty() ? option.positional : option.names.back();
    if (word == "VERB") {
      for (const Command& each : commands()) option.words.emplace_back(each.name);
    } else if (word == "--preset") {
      for (const Preset& preset : presets()) option.words.emplace_back(preset.name);
    }
    option.is_model = word == "--model";
    option.is_file = is_one_of(word, {"--out", "--trace", "FILE", "TRACE", "RECIPE", "SOURCE", "TARGET"});
    options.push_back(std::move(option));
  }
  return options;
}

}  // namespace pent::cli
