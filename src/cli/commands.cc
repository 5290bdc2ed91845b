// The table of verbs, and the one place where a command line is parsed, run, and its failure told (design/cli).
#include <csignal>
#include <cstdio>
#include <new>

#include "base/cancel.h"
#include "base/error.h"
#include "cli/command.h"
#include "cli/version.h"

namespace pent::cli {
namespace {

constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;

int exit_code(const Error& failure) {
  if (failure.kind() == ErrorKind::kInvalidArgument) return kExitUsage;
  if (failure.kind() == ErrorKind::kCancelled) {
    const int signal = interrupt_signal();
    return 128 + (signal != 0 ? signal : SIGINT);
  }
  return kExitFailed;
}

// One line on stderr whatever the message holds: it may quote a file.
int complain(const std::string& verb, const std::string& message, int code) {
  std::string line = message.substr(0, message.find_last_not_of('\n') + 1);
  for (char& c : line) {
    if (c == '\n') c = ' ';
  }
  fmt::print(stderr, "pent{}{}: {}\n", verb.empty() ? "" : " ", verb, line);
  return code;
}

int parse_and_run(const Command& command, const std::vector<std::string>& arguments) {
  DefinedCommand defined = define_command(command);
  if (defined.line.parse(arguments) == CommandLine::Parsed::kHelp) {
    fmt::print("{}", defined.line.help());
    return 0;
  }
  return defined.action();
}

int dispatch(const std::vector<std::string>& arguments) {
  if (arguments.empty()) {
    fmt::print(stderr, "{}", overview_text());
    return kExitUsage;
  }
  std::string verb = arguments[0];
  if (verb == "--help" || verb == "-h") verb = "help";
  if (verb == "--version") {
    fmt::print("pent {}\n", kVersion);
    return 0;
  }
  const Command* command = find_command(verb);
  if (!command) return complain("", fmt::format("there is no verb '{}' (see pent help)", verb), kExitUsage);
  return parse_and_run(*command, {arguments.begin() + 1, arguments.end()});
}

}  // namespace

const std::vector<Command>& commands() {
  static const std::vector<Command> table = {
      {"run", "generate text, painted live on a terminal; without a prompt: chat",
       "pent run \"Tell me a story about a brave little mouse.\"", define_run},
      {"fill", "write what is missing: [[12]] in the text is a hole of twelve tokens",
       "pent fill \"Once upon a time [[10]]. They lived happily ever after.\"", define_fill},
      {"edit", "revise a text: write anew what the model doubts of it, a share of it, or a part that is named",
       "pent edit --diff story.txt\n  pent edit --redo 120:180 --seed 3 story.txt", define_edit},
      {"replay", "paint a recorded generation again in the terminal",
       "pent replay story.trace    # after: pent run --trace story.trace \"Tell me a story.\"", define_replay},
      {"tokenize", "text to token ids", "pent tokenize \"Once upon a time\"", define_tokenize},
      {"detokenize", "token ids to text", "pent detokenize \"[13, 7, 42]\"", define_detokenize},
      {"logits", "the logits of a token sequence, as a NumPy file",
       "pent logits --tokens 13,7,42 --precise --out logits.npy", define_logits},
      {"score", "how likely a model finds a text: exact, or the Monte-Carlo bound of a diffusion model",
       "pent score --text story.txt --window 256\n"
       "  echo '{\"context\":\"Once upon\",\"continuation\":\" a time\"}' | pent score -",
       define_score},
      {"inspect", "what a model is: family, shapes, parameters, memory, presets; or why it is refused",
       "pent inspect model.gguf", define_inspect},
      {"convert", "a model between Hugging Face directories and GGUF files, in any type that llama.cpp reads",
       "pent convert HuggingFaceTB/SmolLM2-135M-Instruct smollm2.gguf --type q4_k_m\n"
       "  pent convert model.gguf model-directory --type bf16",
       define_convert},
      {"corpus", "text written by a model for prompts from templates, as JSON lines; goes on where it was stopped",
       "pent corpus recipes/corpus-stories.toml --set answers=200", define_corpus},
      {"synth", "a model of a published shape with random weights, to try loading, memory and speed at real size",
       "pent synth --family llada --shape llada-8b --type q4_0 big.gguf", define_synth},
      {"models", "the models at hand", "pent models", define_models},
      {"pull", "fetch a model from the Hugging Face hub into the hub's own cache; goes on where it was stopped",
       "pent pull HuggingFaceTB/SmolLM2-135M-Instruct && pent run -m HuggingFaceTB/SmolLM2-135M-Instruct \"Hello\"",
       define_pull},
      {"cache", "the packed weights of large models, kept for their next start (PENT_KEEP_PACKED=0: not kept)",
       "pent cache --clear", define_cache},
      {"families", "the model families this build reads", "pent families", define_families},
      {"presets", "the named decoding methods and their settings", "pent presets --json", define_presets},
#ifdef PENT_TRAIN
      {"train", "train a model from a recipe", "pent train recipes/own-text.toml --set data=book.txt", define_train},
#endif
      {"bench", "how fast this machine is with a model, beside what it could do at most",
       "pent bench rows -m model.gguf", define_bench},
      {"doctor", "what this machine and this build can do", "pent doctor", define_doctor},
      {"completion", "the shell's completion script",
       "pent completion bash > ~/.local/share/bash-completion/completions/pent", define_completion},
      {"help", "this overview, or the help of one verb", "pent help run", define_help},
  };
  return table;
}

const Command* find_command(const std::string& name) {
  for (const Command& command : commands()) {
    if (name == command.name) return &command;
  }
  return nullptr;
}

DefinedCommand define_command(const Command& command) {
  CommandLine line(fmt::format("pent {}", command.name), command.summary, command.example);
  Action action = command.define(line);
  return {std::move(line), std::move(action)};
}

std::string overview_text() {
  std::string text =
      "pent: run, serve and train diffusion language models\n\nUsage: pent VERB [OPTIONS] [TEXT or FILE]\n\n";
  for (const Command& command : commands()) text += fmt::format("  {:<12}{}\n", command.name, command.summary);
  return text +
         "\n`pent VERB --help` tells a verb's options. `-` as text or file is standard input.\n"
         "Without -m/--model the model that the binary carries is used.\n";
}

int run_command_line(const std::vector<std::string>& arguments) {
  install_interrupt_handler();
  const std::string verb = !arguments.empty() && find_command(arguments[0]) ? arguments[0] : "";
  int code = kExitFailed;
  try {
    code = dispatch(arguments);
  } catch (const Error& e) {
    code = complain(verb, e.what(), exit_code(e));
  } catch (const std::bad_alloc&) {
    code = complain(verb, "out of memory", kExitFailed);
  } catch (const std::exception& e) {
    code = complain(verb, e.what(), kExitFailed);
  }
  if ((std::fflush(stdout) != 0 || std::ferror(stdout)) && code == 0) {
    code = complain(verb, "cannot write to standard output (disk full?)", kExitFailed);
  }
  return code;
}

}  // namespace pent::cli
