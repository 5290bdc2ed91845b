// pent models: what is at hand by name: models the binary carries, those under $PENT_HOME/models, those in the Hugging
// Face cache.
#include <algorithm>
#include <filesystem>

#include "base/error.h"
#include "base/json.h"
#include "cli/command.h"
#include "cli/embedded.h"
#include "cli/options.h"
#include "io/hub/reference.h"

namespace pent::cli {
namespace {

namespace fs = std::filesystem;

struct Listed {
  std::string name;
  std::string where;  // "embedded" or a path
  uint64_t bytes = 0;
  std::string family;  // or why it cannot be used
  bool usable = false;
  bool from_hub = false;  // in the Hugging Face cache, where also models are that are none of ours
};

uint64_t size_on_disk(const fs::path& path) {
  std::error_code ignored;
  if (!fs::is_directory(path, ignored)) return fs::file_size(path, ignored);
  uint64_t bytes = 0;
  for (const auto& entry : fs::directory_iterator(path, ignored)) {
    if (entry.is_regular_file(ignored)) bytes += entry.file_size(ignored);
  }
  return bytes;
}

void read_family(Listed& listed) {
  try {
    listed.family = read_spec(find_model(listed.name, embedded_models())).family;
    listed.usable = true;
  } catch (const Error& e) {
    listed.family = e.what();
  }
}

std::vector<Listed> list_models() {
  std::vector<Listed> all;
  for (const EmbeddedModel& model : embedded_models()) {
    Listed listed{.name = model.name, .where = "embedded"};
    for (const auto& [name, bytes] : model.files) listed.bytes += bytes.size();
    all.push_back(std::move(listed));
  }
  const auto first_found = static_cast<std::ptrdiff_t>(all.size());
  std::error_code absent;
  for (const auto& entry : fs::directory_iterator(pent_home() / "models", absent)) {
    const fs::path& path = entry.path();
    const bool gguf = path.extension() == ".gguf";
    if (!gguf && !fs::exists(path / "config.json", absent)) continue;
    all.push_back({.name = gguf ? path.stem().string() : path.filename().string(),
                   .where = path.string(),
                   .bytes = size_on_disk(path)});
  }
  for (const std::string& name : list_hub_cache())
    all.push_back({.name = name, .where = hub_model_folder(*parse_hub_reference(name)).string(), .from_hub = true});
  for (Listed& listed : all)
    if (listed.from_hub) listed.bytes = size_on_disk(fs::path(listed.where) / "blobs");
  std::sort(all.begin() + first_found, all.end(), [](const Listed& a, const Listed& b) { return a.name < b.name; });
  for (Listed& listed : all) read_family(listed);
  return all;
}

struct Arguments {
  bool json = false;
  bool quiet = false;
};

int run(const Arguments& args) {
  const std::vector<Listed> all = list_models();
  Json list = Json::array();
  for (const Listed& model : all) {
    if (args.json) {
      list.push_back({{"name", model.name},
                      {"where", model.where},
                      {"bytes", model.bytes},
                      {model.usable ? "family" : "refused", model.family}});
    } else if (args.quiet) {
      if (model.usable || !model.from_hub) fmt::print("{}\n", model.name);
    } else {
      fmt::print("{:<28} {:>10}  {:<10} {}\n", model.name, human_bytes(static_cast<double>(model.bytes)),
                 model.usable ? model.family : "refused", model.usable ? model.where : model.family);
    }
  }
  if (args.json) fmt::print("{}\n", to_json_line(Json{{"schema", 1}, {"models", std::move(list)}}));
  if (all.empty() && !args.json) {
    fmt::print(stderr, "no models: this build carries none, and {} holds none\n", (pent_home() / "models").string());
  }
  return 0;
}

}  // namespace

Action define_models(CommandLine& line) {
  auto args = std::make_shared<Arguments>();
  line.flag("--json", args->json, "one JSON document");
  line.flag("-q,--quiet", args->quiet, "names only, one a line");
  return [args] { return run(*args); };
}

}  // namespace pent::cli
