// pent run: text from a prompt, or a chat.
#include <unistd.h>

#include "base/error.h"
#include "cli/answer.h"
#include "cli/chat.h"
#include "cli/command.h"
#include "cli/options.h"

namespace pent::cli {
namespace {

struct Arguments {
  RunOptions run;
  OutputOptions output;
  std::string prompt;
  bool prompt_given = false;
  std::string system;
  std::optional<std::string> tools;
  bool raw = false;
  int number = 1;
  std::optional<int> exact_tokens;
};

// Messages, which a model without a chat template reads as plain text, or the prompt as it is.
Request request_of(const Arguments& args, const std::string& text, const Json& tools) {
  Request request;
  request.options = args.run.generation;
  if (args.exact_tokens) {
    const Hole answer{.name = "answer", .min_tokens = *args.exact_tokens, .max_tokens = *args.exact_tokens};
    request.canvas.push_back({.text = {}, .hole = answer});
  }
  if (args.raw) {
    if (!args.system.empty() || args.tools)
      throw error(ErrorKind::kInvalidArgument, "{} needs a chat template, which --raw leaves out; drop one of the two",
                  args.tools ? "--tools" : "--system");
    request.prompt = text;
    return request;
  }
  if (!args.system.empty()) request.messages.push_back({"system", args.system});
  request.messages.push_back({"user", text});
  request.tools = tools;
  return request;
}

void refuse_beside_exact_tokens(const Arguments& args, bool chatting) {
  if (!args.exact_tokens) return;
  const GenerationOptions& options = args.run.generation;
  const std::pair<const char*, bool> others[] = {{"--max-tokens", options.max_tokens.has_value()},
                                                 {"--length", options.length.has_value()},
                                                 {"--trim-tail", options.trim_tail},
                                                 {"--stop", !options.stop.empty()},
                                                 {"a chat", chatting}};
  for (const auto& [other, given] : others)
    if (given)
      throw error(ErrorKind::kInvalidArgument, "--exact-tokens says how long the answer is; it does not go with {}",
                  other);
}

int run(Arguments& args) {
  read_option_files(args.run.generation);
  const bool chatting = !args.prompt_given && is_terminal(STDIN_FILENO);
  if (chatting && (args.output.json || args.number > 1)) {
    throw error(ErrorKind::kInvalidArgument, "{} needs a PROMPT", args.output.json ? "--json" : "-n");
  }
  refuse_beside_exact_tokens(args, chatting);
  const Json tools = read_tools(args.tools);
  const std::string text = chatting ? "" : text_argument(args.prompt_given ? args.prompt : "-");
  LoadedModel loaded = load(args.run.model);
  Model& model = loaded.model;
  if (args.exact_tokens && model.denoiser->spec().attention != AttentionKind::kFull)
    throw error(ErrorKind::kInvalidArgument,
                "--exact-tokens is for diffusion models with full attention; this one ({}) writes until its end token",
                model.denoiser->spec().family);
  Presenter presenter(model, args.output, args.run.generation);
  int code = 0;
  if (chatting) {
    const ChatOptions options{
        .generation = args.run.generation, .system = args.system, .tools = tools, .raw = args.raw};
    code = chat(model, options, presenter);
  } else {
    Request request = request_of(args, text, tools);
    const auto prompt_tokens = static_cast<int>(prompt_of(model, request).size());
    for (int n = 0; n < args.number && code == 0; ++n) {
      request.options.n_index = static_cast<uint32_t>(n);
      const TraceSink trace = presenter.begin(prompt_tokens);
      const Generation generation = answer(model, request, trace, &interrupt_token()).generation;
      if (n > 0 && !args.output.json) fmt::print("\n");
      presenter.end(generation, generation.text + "\n");
      if (args.output.json) {
        Json line = to_json(generation, model.name);
        if (args.output.verbose) line["cells"] = written_to_json(generation, *model.tokenizer);
        fmt::print("{}\n", to_json_line(line));
      }
      code = exit_code(generation);
    }
  }
  presenter.close();
  return code;
}

}  // namespace

Action define_run(CommandLine& line) {
  auto args = std::make_shared<Arguments>();
  const auto prompt =
      line.positional("PROMPT", args->prompt, "the prompt; - is standard input; none on a terminal: chat");
  line.option("--system", args->system, "the system message, for models with a chat template");
  line.option(
      "--tools", args->tools,
      "functions that the chat template tells the model of: a JSON list of {\"type\": \"function\", \"function\": "
      "{\"name\": …, \"parameters\": …}}, or the name of a file with it");
  line.flag("--raw", args->raw, "the prompt as it is, without the chat template");
  line.option("--exact-tokens", args->exact_tokens,
              "the answer has exactly so many tokens; for diffusion models with full attention")
      .range(1, 1 << 20);
  line.option("-n", args->number, "answers to write").range(1, 1 << 20);
  add_generation_options(line, args->run);
  add_output_options(line, args->output);
  return [args, prompt] {
    args->prompt_given = prompt.given();
    return run(*args);
  };
}

}  // namespace pent::cli
