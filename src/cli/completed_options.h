// The options of a verb with what completions and the manual page add to them.
#pragma once

#include <vector>

#include "cli/command.h"

namespace pent::cli {

struct CompletedOption : OptionFacts {
  bool is_model = false;  // completed from `pent models --quiet`
  bool is_file = false;
};

std::vector<CompletedOption> completed_options(const Command& command);

}  // namespace pent::cli
