// pent tokenize: text to token ids.

#include "base/error.h"
#include "cli/command.h"
#include "cli/options.h"

namespace pent::cli {
namespace {

struct Arguments {
  ModelOptions model;
  std::string text;
  bool lines = false;
  bool add_special = false;
};

int run(const Arguments& args) {
  const std::string text = text_argument(args.text);
  const auto tokenizer = make_tokenizer(find_files(args.model));
  const auto print_ids = [&](std::string_view part) {
    fmt::print("[{}]\n", fmt::join(tokenizer->encode(part, args.add_special), ","));
  };
  if (!args.lines) {
    print_ids(text);
    return 0;
  }
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    print_ids(std::string_view(text).substr(begin, end - begin));
    begin = end + 1;
  }
  return 0;
}

}  // namespace

Action define_tokenize(CommandLine& line) {
  auto args = std::make_shared<Arguments>();
  line.positional("TEXT", args->text, "the text; - is standard input").required();
  add_model_option(line, args->model);
  line.flag("--lines", args->lines, "each line by itself: one array a line");
  line.flag("--add-special", args->add_special, "add the tokens that the tokenizer puts around a text");
  return [args] { return run(*args); };
}

}  // namespace pent::cli
