// pent completion: scripts for bash, zsh and fish, made from the table of verbs. Model names are asked of `pent models` when
// the key is pressed.

#include "base/error.h"
#include "cli/command.h"
#include "cli/completed_options.h"

namespace pent::cli {
namespace {

std::string joined(const std::vector<std::string>& words, const char* separator) {
  return fmt::format("{}", fmt::join(words, separator));
}

std::string without(std::string text, std::string_view characters) {
  std::erase_if(text, [&](char c) { return characters.find(c) != std::string_view::npos; });
  return text;
}

std::string bash_script() {
  std::string verbs;
  std::string options;
  std::string values;
  for (const Command& command : commands()) {
    verbs += std::string(verbs.empty() ? "" : " ") + command.name;
    std::string names;
    for (const CompletedOption& option : completed_options(command)) {
      for (const std::string& name : option.names) {
        names += (names.empty() ? "" : " ") + name;
        const std::string pattern = fmt::format("{}:{}", command.name, name);
        if (option.is_model)
          values += fmt::format("    {}) words=$(pent models --quiet 2>/dev/null); files=1 ;;\n", pattern);
        else if (!option.words.empty())
          values += fmt::format("    {}) words=\"{}\" ;;\n", pattern, joined(option.words, " "));
        else if (option.takes_value)
          values += fmt::format("    {}) files={} ;;\n", pattern, option.is_file ? 1 : 0);
      }
      if (option.names.empty() && !option.words.empty()) names = joined(option.words, " ") + " " + names;
    }
    options += fmt::format("    {}) words=\"{}\"; files=1 ;;\n", command.name, names);
  }
  return fmt::format(R"(# bash completion for pent; source it, or put it into share/bash-completion/completions/pent
_pent() {{
  local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}} verb=${{COMP_WORDS[1]}} words= files=
  COMPREPLY=()
  if (( COMP_CWORD == 1 )); then
    COMPREPLY=($(compgen -W "{} --help --version" -- "$cur"))
    return
  fi
  case "$verb:$prev" in
{}    *) case "$verb" in
{}    esac ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
  if [[ $files == 1 && $cur != -* ]]; then
    local IFS=$'\n'
    COMPREPLY+=($(compgen -f -- "$cur"))
  fi
}}
complete -o filenames -F _pent pent
)",
                     verbs, values, options);
}

std::string zsh_script() {
  std::string verbs;
  std::string cases;
  for (const Command& command : commands()) {
    verbs += fmt::format("    '{}:{}'\n", command.name, without(command.summary, "'"));
    cases += fmt::format("    {})\n      _arguments -s", command.name);
    for (const CompletedOption& option : completed_options(command)) {
      std::string action;
      if (option.is_model)
        action = "_pent_models";
      else if (!option.words.empty())
        action = fmt::format("({})", joined(option.words, " "));
      else
        action = option.is_file ? "_files" : " ";
      const std::string help = without(option.help, "'[]:\\");
      if (option.names.empty()) {
        cases += fmt::format(" \\\n        '::{}:{}'", option.positional, action);
        continue;
      }
      const std::string value =
          option.takes_value
              ? fmt::format(":{}:{}", option.names.back().substr(option.names.back().rfind('-') + 1), action)
              : "";
      for (const std::string& name : option.names) cases += fmt::format(" \\\n        '{}[{}]{}'", name, help, value);
    }
    cases += "\n      ;;\n";
  }
  return fmt::format(R"zsh(#compdef pent
# zsh completion for pent; put it into a directory of $fpath as _pent
_pent_models() {{
  local -a names
  names=(${{(f)"$(pent models --quiet 2>/dev/null)"}})
  compadd -a names
  _files
}}
_pent() {{
  local -a verbs
  verbs=(
{}  )
  if (( CURRENT == 2 )); then
    _describe verb verbs
    return
  fi
  shift words
  (( CURRENT-- ))
  case $words[1] in
{}  esac
}}
if [ "$funcstack[1]" = _pent ]; then _pent "$@"; else compdef _pent pent; fi
)zsh",
                     verbs, cases);
}

std::string fish_script() {
  std::string script =
      "# fish completion for pent; put it into a vendor_completions.d directory as pent.fish\ncomplete -c pent -f -n "
      "__fish_use_subcommand -l help -d 'the overview'\ncomplete -c pent -f -n __fish_use_subcommand -l version\n";
  for (const Command& command : commands()) {
    script += fmt::format("complete -c pent -f -n __fish_use_subcommand -a {} -d '{}'\n", command.name,
                          without(command.summary, "'"));
    for (const CompletedOption& option : completed_options(command)) {
      std::string line = fmt::format("complete -c pent -n '__fish_seen_subcommand_from {}'", command.name);
      for (const std::string& name : option.names) {
        line += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
      }
      if (option.takes_value && !option.names.empty()) line += option.is_file || option.is_model ? " -r" : " -x";
      if (option.is_model) line += " -a '(pent models --quiet 2>/dev/null)'";
      if (!option.words.empty()) line += fmt::format(" -a '{}'", joined(option.words, " "));
      if (option.names.empty() && option.words.empty()) continue;  // a file or a text: fish's own completion
      script += fmt::format("{} -d '{}'\n", line, without(option.help, "'\\"));
    }
  }
  return script;
}

}  // namespace

Action define_completion(CommandLine& line) {
  auto shell = std::make_shared<std::string>();
  line.positional("SHELL", *shell, "bash, zsh or fish").required().words({"bash", "zsh", "fish"});
  return [shell] {
    fmt::print("{}", *shell == "bash" ? bash_script() : *shell == "zsh" ? zsh_script() : fish_script());
    return 0;
  };
}

}  // namespace pent::cli
