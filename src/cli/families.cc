// pent families: the model families that this build reads.

#include "base/error.h"
#include "base/json.h"
#include "cli/command.h"
#include "model/families/family.h"

namespace pent::cli {

Action define_families(CommandLine& line) {
  auto json = std::make_shared<bool>(false);
  line.flag("--json", *json, "one JSON document");
  return [json] {
    Json list = Json::array();
    for (const Family& family : families()) {
      if (*json)
        list.push_back({{"name", family.name}, {"summary", family.summary}});
      else
        fmt::print("{:<12}{}\n", family.name, family.summary);
    }
    if (*json) fmt::print("{}\n", to_json_line(Json{{"schema", 1}, {"families", std::move(list)}}));
    return 0;
  };
}

}  // namespace pent::cli
