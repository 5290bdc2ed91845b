// pent doctor: what this machine and this build can do.
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/error.h"
#include "base/json.h"
#include "base/thread_pool.h"
#include "cli/command.h"
#include "cli/embedded.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "cli/version.h"
#include "io/hub/http.h"
#include "io/hub/reference.h"
#include "kernels/kernels.h"
#ifdef PENT_TRAIN
#include "train/blas_check.h"
#endif

namespace pent::cli {
namespace {

std::vector<std::string> cpu_features() {
  std::vector<std::string> found;
#if defined(__x86_64__)
  // __builtin_cpu_supports takes literals only.
  const auto note = [&](bool has, const char* name) {
    if (has) found.emplace_back(name);
  };
  note(__builtin_cpu_supports("sse4.2"), "sse4.2");
  note(__builtin_cpu_supports("avx2"), "avx2");
  note(__builtin_cpu_supports("fma"), "fma");
  note(__builtin_cpu_supports("avx512f"), "avx512f");
  note(__builtin_cpu_supports("avx512bw"), "avx512bw");
  note(__builtin_cpu_supports("avx512vnni"), "avx512vnni");
  note(__builtin_cpu_supports("avx512bf16"), "avx512bf16");
#endif
  return found;
}

std::vector<std::string> usable_kernel_sets() {
  std::vector<std::string> names;
  const kernels::KernelSetList list = kernels::all_kernel_sets();
  for (int i = 0; i < list.count; ++i) {
    if (list.sets[i]->supported()) names.emplace_back(list.sets[i]->name);
  }
  return names;
}

std::string first_line(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// The cgroup's limit (v2, then v1); 0: none.
uint64_t memory_limit() {
  for (const char* path : {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    const uint64_t limit = std::strtoull(first_line(path).c_str(), nullptr, 10);
    if (limit > 0 && limit < uint64_t{1} << 60) return limit;
  }
  return 0;
}

uint64_t physical_memory() {
  return static_cast<uint64_t>(::sysconf(_SC_PHYS_PAGES)) * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

const char* name_of(ColorDepth depth) {
  switch (depth) {
    case ColorDepth::kNone: return "none";
    case ColorDepth::k16: return "16";
    case ColorDepth::k256: return "256";
    case ColorDepth::kTrueColor: return "24 bit";
  }
  return "";
}

Json embedded_names() {
  Json names = Json::array();
  for (const EmbeddedModel& model : embedded_models()) names.push_back(model.name);
  return names;
}

std::string shown(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_array()) return value.dump();
  std::string text;
  for (const Json& each : value) text += fmt::format("{}{}", text.empty() ? "" : " ", shown(each));
  return text.empty() ? "none" : text;
}

int run(bool json) {
  const uint64_t limit = memory_limit();
  Json facts = {
      {"schema", 1},
      {"version", kVersion},
      {"cpu_features", cpu_features()},
      {"kernels", kernels::active_kernel_set().name},
      {"kernel_sets", usable_kernel_sets()},
      {"cpus", std::thread::hardware_concurrency()},
      {"threads", available_threads()},
      {"memory", human_bytes(static_cast<double>(physical_memory()))},
      {"memory_limit", limit ? human_bytes(static_cast<double>(limit)) : "none"},
      {"terminal", can_redraw(STDERR_FILENO) ? "live view" : "plain text"},
      {"colors", name_of(color_depth())},
      {"embedded_models", embedded_names()},
      {"pent_home", pent_home().string()},
      {"hub_cache", hub_cache().string()},
      {"http", http_library()},
  };
#ifdef PENT_TRAIN
  const train::BlasReport blas = train::check_blas();
  facts["training"] = "LibTorch";
  facts["blas"] = blas.text;
  facts["blas_correct"] = blas.correct;
#else
  facts["training"] = "not in this build";
#endif
  if (json) {
    fmt::print("{}\n", to_json_line(facts));
    return 0;
  }
  for (const auto& [key, value] : facts.items()) {
    if (key == "schema") continue;
    std::string label = key;
    std::replace(label.begin(), label.end(), '_', ' ');
    fmt::print("{:<18}{}\n", label, shown(value));
  }
  return 0;
}

}  // namespace

Action define_doctor(CommandLine& line) {
  auto json = std::make_shared<bool>(false);
  line.flag("--json", *json, "one JSON document");
  return [json] { return run(*json); };
}

}  // namespace pent::cli
