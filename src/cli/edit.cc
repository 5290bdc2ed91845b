// pent edit: a given text, of which the model writes anew what it doubts, a share of it, or a part that is named.

#include "engine/edit.h"

#include <charconv>

#include "base/error.h"
#include "cli/answer.h"
#include "cli/command.h"
#include "cli/line_diff.h"
#include "cli/options.h"

namespace pent::cli {
namespace {

struct Arguments {
  RunOptions run;
  OutputOptions output;
  std::string file;
  std::string redo;
  std::optional<double> strength;
  std::string instruction;
  bool diff = false;
};

// "12:40", bytes of a text of `size`.
ByteRange parse_range(const std::string& text, size_t size) {
  ByteRange range;
  const char* end = text.data() + text.size();
  const auto [colon, no_begin] = std::from_chars(text.data(), end, range.begin);
  const bool has_colon = no_begin == std::errc() && colon != end && *colon == ':';
  const auto [last, no_end] = std::from_chars(has_colon ? colon + 1 : end, end, range.end);
  if (!has_colon || no_end != std::errc() || last != end || range.begin >= range.end || range.end > size)
    throw error(ErrorKind::kInvalidArgument, "--redo is '{}'; expected START:END, bytes of the text, which has {}",
                printable(text), size);
  return range;
}

int run(Arguments& args) {
  if (args.diff && args.output.json)
    throw error(ErrorKind::kInvalidArgument, "--diff and --json were both given; keep one");
  read_option_files(args.run.generation);
  const std::string text = file_argument(args.file);
  EditOptions options{.redo = {}, .strength = args.strength, .instruction = args.instruction};
  if (!args.redo.empty()) options.redo = parse_range(args.redo, text.size());
  const Request request = make_edit(text, options, args.run.generation);
  LoadedModel loaded = load(args.run.model);
  Model& model = loaded.model;
  if (!args.instruction.empty() && usable_chat_template(model) == nullptr)
    throw error(ErrorKind::kInvalidArgument, "--instruction needs a chat template, which this model does not have");
  Presenter presenter(model, args.output, request.options);
  const TraceSink trace = presenter.begin(0, Presenter::Picture::kWhole);
  const Filling filling = answer(model, request, trace, &interrupt_token());
  const std::string& edited = filling.generation.text;
  const std::string shown =
      args.diff ? unified_diff(text, edited, "before", "after") : edited + (edited.ends_with('\n') ? "" : "\n");
  presenter.end(filling.generation, shown);
  presenter.close();
  if (args.output.json) fmt::print("{}\n", to_json_line(to_json(filling, request, model, args.output.verbose)));
  return exit_code(filling.generation);
}

}  // namespace

Action define_edit(CommandLine& line) {
  auto args = std::make_shared<Arguments>();
  line.positional("FILE", args->file, "the text; - is standard input").required();
  line.option("--redo", args->redo, "START:END: only these bytes of it, all of them unless --strength says less");
  line.option(
      "--strength", args->strength,
      "the share of tokens that are written anew, the least probable ones: 0 leaves the text, 1 writes all of it; "
      "default: those the model finds improbable");
  line.option("--instruction", args->instruction, "what is to be done; the model's chat template asks for it");
  line.flag("--diff", args->diff, "print the change, as diff -u does; nothing where there is none");
  add_generation_options(line, args->run);
  add_output_options(line, args->output);
  return [args] { return run(*args); };
}

}  // namespace pent::cli
