// pent families: the model families that this build reads, and what each was compared with.

#include "base/error.h"
#include "base/json.h"
#include "cli/command.h"
#include "model/families/family.h"

namespace pent::cli {
namespace {

struct Arguments {
  bool json = false;
  bool markdown = false;
};

Json to_json(const Family& family) {
  Json out = {{"name", family.name},
              {"summary", family.summary},
              {"architecture", family.architecture},
              {"model_type", family.model_type}};
  out["gguf"] = family.gguf == nullptr ? Json() : Json(family.gguf);
  out["compared_with"] = family.proof == nullptr ? Json() : Json(family.proof);
  return out;
}

void print_text(const Family& family) {
  fmt::print("{:<17}{}\n{:17}{}, GGUF {}\n{:17}compared with {}\n", family.name, family.summary, "",
             family.architecture, family.gguf == nullptr ? "no" : family.gguf, "",
             family.proof == nullptr ? "nothing yet" : family.proof);
}

// The first half of docs/families.md; script/families-doc adds the second.
void print_markdown() {
  fmt::print(
      "# Model families\n\n"
      "Written by `script/families-doc` from `pent families --markdown` and the list of parity tests;\n"
      "change the tables in `src/model/families/` instead.\n\n"
      "| family | models | `architectures` | `model_type` | GGUF | logits compared with "
      "|\n|---|---|---|---|---|---|\n");
  for (const Family& family : families())
    fmt::print("| {} | {} | `{}` | `{}` | {} | {} |\n", family.name, family.summary, family.architecture,
               family.model_type, family.gguf == nullptr ? "no" : fmt::format("`{}`", family.gguf),
               family.proof == nullptr ? "nothing yet" : family.proof);
  fmt::print(
      "\nEvery comparison is of whole rows of logits in float32 (at most 5e-4 apart, the same arg max), in one pass, "
      "from "
      "kept\nkeys and values, and in a ragged batch (the same bits as alone): `tests/unit/parity/`, goldens by "
      "`script/parity`.\nThe checkpoints are tiny and random, in the published naming and config form.\n");
}

}  // namespace

Action define_families(CommandLine& line) {
  auto args = std::make_shared<Arguments>();
  line.flag("--json", args->json, "one JSON document");
  line.flag("--markdown", args->markdown, "the table of docs/families.md");
  return [args] {
    if (args->markdown) {
      print_markdown();
      return 0;
    }
    Json list = Json::array();
    for (const Family& family : families()) {
      if (args->json)
        list.push_back(to_json(family));
      else
        print_text(family);
    }
    if (args->json) fmt::print("{}\n", to_json_line(Json{{"schema", 1}, {"families", std::move(list)}}));
    return 0;
  };
}

}  // namespace pent::cli
