// The manual page in the troff macros of man(7).
#include "cli/man_page.h"

#include <fmt/format.h>

#include "cli/completed_options.h"
#include "cli/version.h"

namespace pent::cli {
namespace {

std::string escaped(const std::string& text) {
  std::string out;
  bool line_start = true;
  for (const char c : text) {
    if (line_start && (c == '.' || c == '\'')) out += "\\&";
    line_start = c == '\n';
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
  }
  return out;
}

std::string option_entry(const OptionFacts& option) {
  std::string head;
  for (const std::string& name : option.names) head += (head.empty() ? "" : ", ") + escaped(name);
  if (head.empty()) head = option.positional;
  std::string value;
  for (const std::string& word : option.words) value += (value.empty() ? " " : "|") + word;
  if (option.takes_value && value.empty() && !option.names.empty()) value = " VALUE";
  return fmt::format(".TP\n\\fB{}\\fR{}\n{}\n", head, option.names.empty() ? "" : escaped(value), escaped(option.help));
}

}  // namespace

std::string man_page() {
  std::string page = fmt::format(
      ".TH PENT 1 \"\" \"pent {}\" \"User Commands\"\n"
      ".SH NAME\npent \\- run, serve and train diffusion language models\n"
      ".SH SYNOPSIS\n.B pent\n.I VERB\n[\\fIOPTIONS\\fR] [\\fITEXT or FILE\\fR]\n"
      ".SH DESCRIPTION\n"
      "Standard output carries results, standard error what is said to people. The one positional argument is the text "
      "or\n"
      "the file that the verb works on; \\fB\\-\\fR is standard input. Without \\fB\\-m\\fR the model that the binary "
      "carries is\n"
      "used.\n.SH VERBS\n",
      kVersion);
  for (const Command& command : commands()) {
    page += fmt::format(".SS pent {}\n{}\n", command.name, escaped(command.summary));
    for (const CompletedOption& option : completed_options(command)) page += option_entry(option);
    page += fmt::format(".PP\nExample:\n.PP\n.nf\n  {}\n.fi\n", escaped(command.example));
  }
  return page +
         ".SH \"EXIT STATUS\"\n0 done, 1 the work failed, 2 wrong usage, 130 interrupted, 143 terminated.\n"
         ".SH ENVIRONMENT\n"
         ".TP\n\\fBPENT_HOME\\fR\nwhere models are kept; default: \\fI$XDG_CACHE_HOME/pent\\fR, else "
         "\\fI~/.cache/pent\\fR\n"
         ".TP\n\\fBHF_HUB_CACHE\\fR, \\fBHF_HOME\\fR\nwhere the Hugging Face cache is\n"
         ".TP\n\\fBHF_TOKEN\\fR, \\fBHF_ENDPOINT\\fR, \\fBHF_HUB_OFFLINE\\fR\naccess to the hub; another hub; do not "
         "ask "
         "it\n"
         ".TP\n\\fBNO_COLOR\\fR, \\fBCOLORTERM\\fR, \\fBTERM\\fR\nwhich colours the live view uses\n";
}

}  // namespace pent::cli
