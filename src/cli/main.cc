// The `pent` binary. Verbs are in the table of commands.cc, one file each.
#include <string>
#include <vector>

#include "cli/command.h"

int main(int argc, char** argv) { return pent::cli::run_command_line(std::vector<std::string>(argv + 1, argv + argc)); }
