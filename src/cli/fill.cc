// pent fill: a text with holes, filled with both sides in view.

#include "base/error.h"
#include "cli/answer.h"
#include "cli/command.h"
#include "cli/options.h"
#include "engine/fill_template.h"
#include "engine/request_json.h"

namespace pent::cli {
namespace {

struct Arguments {
  RunOptions run;
  OutputOptions output;
  std::string text;
  bool text_given = false;
  std::string system;
  std::string request_file;
  bool print_request = false;
};

Request request_of(Arguments& args) {
  if (!args.request_file.empty()) {
    if (args.text_given || !args.system.empty() || args.run.generation != unasked_generation())
      throw error(ErrorKind::kInvalidArgument, "--request says all that is asked; put the {} into it",
                  args.text_given ? "template" : "options");
    return parse_request(file_argument(args.request_file), args.request_file);
  }
  if (!args.text_given)
    throw error(ErrorKind::kInvalidArgument, "what is to be filled? Give a TEMPLATE or --request FILE");
  read_option_files(args.run.generation);
  Request request;
  request.canvas = parse_fill_template(text_argument(args.text));
  request.options = args.run.generation;
  if (!args.system.empty()) request.messages = {{"system", args.system}};
  request.choice_logprobs = args.output.json && args.output.verbose;
  return request;
}

int run(Arguments& args) {
  const Request request = request_of(args);
  if (args.print_request) {
    fmt::print("{}\n", to_json_line(to_json(request)));
    return 0;
  }
  LoadedModel loaded = load(args.run.model);
  Model& model = loaded.model;
  Presenter presenter(model, args.output, request.options);
  const bool has_canvas = !request.canvas.empty();
  const TraceSink trace = has_canvas ? presenter.begin(0, Presenter::Picture::kWhole)
                                     : presenter.begin(static_cast<int>(prompt_of(model, request).size()));
  const Filling filling = answer(model, request, trace, &interrupt_token());
  presenter.end(filling.generation, filling.generation.text + "\n");
  presenter.close();
  if (args.output.json) fmt::print("{}\n", to_json_line(to_json(filling, request, model, args.output.verbose)));
  return exit_code(filling.generation);
}

}  // namespace

Action define_fill(CommandLine& line) {
  auto args = std::make_shared<Arguments>();
  const auto text = line.positional(
      "TEMPLATE", args->text,
      "the text; [[12]] is a hole of twelve tokens, [[4..16]] of four to sixteen, [[*]] of as many as fit, [[~words]] "
      "one "
      "that begins as these words, [[regex:P]] and [[choice:a|b]] holes of a pattern, each with a name: [[name:12]]; "
      "\\[[ a literal; - is standard input");
  line.option("--system", args->system, "the system message, for models with a chat template");
  line.option(
      "--request", args->request_file,
      "instead of a template and options: a file with a request as JSON (docs/requests.md); - is standard input");
  line.flag("--print-request", args->print_request, "only print the template and options as --request would read them");
  add_generation_options(line, args->run);
  add_output_options(line, args->output);
  return [args, text] {
    args->text_given = text.given();
    return run(*args);
  };
}

}  // namespace pent::cli
