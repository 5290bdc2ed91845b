// pent cache: the packed weights that large models leave for their next start (model/packed_cache.h), and what was measured of
// forwards on this machine (engine/cost_curve.h).
#include "base/error.h"
#include "base/json.h"
#include "cli/command.h"
#include "cli/options.h"
#include "model/packed_cache.h"

namespace pent::cli {
namespace {

struct Arguments {
  bool clear = false;
  bool json = false;
};

int run(const Arguments& args) {
  const std::filesystem::path folder = pent_home() / "packed";
  Json list = Json::array();
  uint64_t bytes = 0;
  for (const PackedEntry& entry : list_packed(folder)) {
    if (args.clear && !std::filesystem::remove(entry.path))
      throw error(ErrorKind::kIo, "{}: cannot be removed", entry.path.string());
    bytes += entry.bytes;
    list.push_back({{"path", entry.path.string()}, {"model", entry.model}, {"bytes", entry.bytes}});
    if (!args.json)
      fmt::print("{}{:>10}  {}\n", args.clear ? "removed " : "", human_bytes(static_cast<double>(entry.bytes)),
                 entry.model.empty() ? entry.path.string() : entry.model);
  }
  int curves = 0;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(cost_folder(), none)) {
    if (args.clear && !std::filesystem::remove(entry.path()))
      throw error(ErrorKind::kIo, "{}: cannot be removed", entry.path().string());
    ++curves;
  }
  if (curves > 0 && !args.json)
    fmt::print("{}{} measured for --mode auto\n", args.clear ? "removed " : "",
               curves == 1 ? "1 cost curve" : fmt::format("{} cost curves", curves));
  if (args.json)
    fmt::print("{}\n", to_json_line({{"schema", 1},
                                     {"folder", folder.string()},
                                     {"removed", args.clear},
                                     {"packed", list},
                                     {"cost_curves", curves}}));
  else
    fmt::print("{} of packed weights {} {}\n", human_bytes(static_cast<double>(bytes)), args.clear ? "freed in" : "in",
               folder.string());
  return 0;
}

}  // namespace

Action define_cache(CommandLine& line) {
  auto args = std::make_shared<Arguments>();
  line.flag("--clear", args->clear, "remove them; a model's next start packs it again");
  line.flag("--json", args->json, "one JSON document");
  return [args] { return run(*args); };
}

}  // namespace pent::cli
