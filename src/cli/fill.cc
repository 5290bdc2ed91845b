// pent fill: a text with holes, filled with both sides in view.

#include "base/error.h"
#include "cli/answer.h"
#include "cli/command.h"
#include "cli/options.h"

namespace pent::cli {
namespace {

struct Arguments {
  RunOptions run;
  OutputOptions output;
  std::string text;
  std::string system;
};

int run(Arguments& args) {
  read_constraint_files(args.run.generation);
  const std::string text = text_argument(args.text);
  LoadedModel loaded = load(args.run.model);
  Model& model = loaded.model;
  Presenter presenter(model, args.output, args.run.generation);
  const TraceSink trace = presenter.begin(0, Presenter::Picture::kWhole);
  const Filling filling = fill(model, text, args.run.generation, args.system, trace, &interrupt_token());
  presenter.end(filling.generation, filling.generation.text);
  presenter.close();
  if (args.output.json) {
    Json holes = Json::object();
    for (const FilledHole& hole : filling.holes) {
      holes[hole.name] = {{"text", hole.text}, {"tokens", hole.tokens}, {"finish", hole.finish}};
    }
    Json out = {{"schema", 1}, {"text", filling.generation.text}, {"holes", std::move(holes)}};
    out.update(to_json(filling.generation, model.name));
    if (args.output.verbose) out["cells"] = written_to_json(filling.generation, *model.tokenizer);
    fmt::print("{}\n", to_json_line(out));
  }
  return exit_code(filling.generation);
}

}  // namespace

Action define_fill(CommandLine& line) {
  auto args = std::make_shared<Arguments>();
  line.positional("TEMPLATE", args->text,
                  "the text; [[12]] is a hole of twelve tokens, [[name:12]] a named one, [[regex:P]] and "
                  "[[choice:a|b]] holes of a pattern, "
                  "\\[[ a literal; - is standard input")
      .required();
  line.option("--system", args->system, "the system message, for models with a chat template");
  add_generation_options(line, args->run);
  add_output_options(line, args->output);
  return [args] { return run(*args); };
}

}  // namespace pent::cli
