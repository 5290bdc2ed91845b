// pent help: the overview, or one verb's help; --man writes the man page that `cmake --install` puts in place.

#include "base/error.h"
#include "cli/command.h"
#include "cli/man_page.h"

namespace pent::cli {

Action define_help(CommandLine& line) {
  struct Arguments {
    std::string verb;
    bool man = false;
  };
  auto args = std::make_shared<Arguments>();
  line.positional("VERB", args->verb, "the verb to explain");
  line.flag("--man", args->man, "the manual page, as troff");
  return [args] {
    if (args->man) {
      fmt::print("{}", man_page());
    } else if (args->verb.empty()) {
      fmt::print("{}", overview_text());
    } else if (const Command* command = find_command(args->verb)) {
      fmt::print("{}", define_command(*command).line.help());
    } else {
      throw error(ErrorKind::kInvalidArgument, "there is no verb '{}' (see pent help)", args->verb);
    }
    return 0;
  };
}

}  // namespace pent::cli
