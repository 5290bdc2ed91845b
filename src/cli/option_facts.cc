#include "cli/option_facts.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "sample/preset.h"

namespace pent::cli {
namespace {

// CLI11 shows a set of words as "TEXT:{auto,ar,diffusion}".
std::vector<std::string> words_of(const std::string& type_name) {
  const size_t open = type_name.find('{');
  const size_t close = type_name.find('}');
  if (open == std::string::npos || close == std::string::npos) return {};
  return CLI::detail::split(type_name.substr(open + 1, close - open - 1), ',');
}

bool is_one_of(const std::string& word, std::initializer_list<const char*> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

}  // namespace

std::vector<OptionFacts> option_facts(const Command& command) {
  std::vector<OptionFacts> facts;
  const DefinedCommand defined = define_command(command);
  for (const CLI::Option* option : defined.app->get_options()) {
    OptionFacts one;
    for (const std::string& name : option->get_snames()) one.names.push_back(fmt::format("-{}", name));
    for (const std::string& name : option->get_lnames()) one.names.push_back(fmt::format("--{}", name));
    one.positional = one.names.empty() ? option->get_name(true) : "";
    one.help = option->get_description();
    one.takes_value = option->get_items_expected_max() > 0;
    one.words = words_of(option->get_type_name());
    const std::string word = one.names.empty() ? one.positional : one.names.back();
    if (word == "VERB") {
      for (const Command& each : commands()) one.words.push_back(each.name);
    }
    if (word == "--preset") {
      for (const Preset& preset : presets()) one.words.emplace_back(preset.name);
    }
    one.is_model = is_one_of(word, {"--model", "MODEL"});
    one.is_file = is_one_of(word, {"--out", "--trace", "FILE", "TRACE", "RECIPE"});
    facts.push_back(std::move(one));
  }
  return facts;
}

}  // namespace pent::cli
