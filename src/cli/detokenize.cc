// pent detokenize: token ids to text.

#include "base/error.h"
#include "base/json.h"
#include "cli/command.h"
#include "cli/options.h"

namespace pent::cli {
namespace {

struct Arguments {
  ModelOptions model;
  std::string ids;
  bool lines = false;
};

int run(const Arguments& args) {
  const std::string text = text_argument(args.ids);
  const auto tokenizer = make_tokenizer(find_files(args.model));
  if (!args.lines) {
    fmt::print("{}\n", tokenizer->decode(parse_ids(text, "IDS")));
    return 0;
  }
  int line = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const auto ids = parse_ids(std::string_view(text).substr(begin, end - begin), fmt::format("line {}", ++line));
    fmt::print("{}\n", to_json_line(Json(tokenizer->decode(ids))));
    begin = end + 1;
  }
  return 0;
}

}  // namespace

Action define_detokenize(CommandLine& line) {
  auto args = std::make_shared<Arguments>();
  line.positional("IDS", args->ids, "a JSON array, or ids separated by commas or blanks; - is standard input")
      .required();
  add_model_option(line, args->model);
  line.flag("--lines", args->lines, "one array a line; each text comes out as a JSON string");
  return [args] { return run(*args); };
}

}  // namespace pent::cli
