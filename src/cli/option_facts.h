// What a verb's options are, read back from CLI11: for completions and the manual page.
#pragma once

#include <string>
#include <vector>

#include "cli/command.h"

namespace pent::cli {

struct OptionFacts {
  std::vector<std::string> names;    // "-m", "--model"; empty for the positional one
  std::string positional;            // "PROMPT"
  std::string help;
  bool takes_value = false;
  std::vector<std::string> words;    // the only values it takes, if there are few
  bool is_model = false;             // completed from `pent models --quiet`
  bool is_file = false;
};

std::vector<OptionFacts> option_facts(const Command& command);

}  // namespace pent::cli
