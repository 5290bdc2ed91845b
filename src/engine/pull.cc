#include "engine/pull.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "base/json.h"
#include "base/mapped_file.h"
#include "base/memory.h"

namespace pent {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxDescriptionBytes = size_t{1} << 28;
// A weight in int8 and its share of a float16 scale for 32 of them (kernels/pack.h).
constexpr double kPackedBytesPerWeight = 1.0 + 2.0 / 32;
// Left free for whatever else goes on on that disk.
constexpr uint64_t kDiskReserve = uint64_t{64} << 20;

fs::path snapshot_file(const PullPlan& plan, const std::string& path) {
  return hub_model_folder(plan.reference) / "snapshots" / plan.commit / path;
}

std::string read_description(const HubOptions& options, const PullPlan& plan, const HubFile& file) {
  if (file.size > kMaxDescriptionBytes)
    throw error(ErrorKind::kCorrupt, "{}: '{}' of {} bytes describes no model", plan.reference.repo(),
                printable(file.path), file.size);
  fetch_hub_files(options, plan.reference, plan.commit, {file}, 1, [](size_t, uint64_t) {});
  return read_file(snapshot_file(plan, file.path), kMaxDescriptionBytes);
}

// By config.json's dtype, which older files call torch_dtype; what says nothing is taken for 16 bits.
double bytes_per_weight(const PullPlan& plan) {
  const fs::path config = snapshot_file(plan, "config.json");
  std::error_code ignored;
  if (!fs::exists(config, ignored)) return 2;
  try {
    const Json json = parse_json(read_file(config, kMaxDescriptionBytes), config.string());
    if (!json.is_object()) return 2;
    for (const char* key : {"dtype", "torch_dtype"})
      if (const auto found = json.find(key); found != json.end() && *found == "float32") return 4;
  } catch (const Error&) {  // whoever opens the model says what is wrong with it
  }
  return 2;
}

// Where the folder will be made, the nearest that is there already.
fs::path existing_parent(fs::path folder) {
  std::error_code ignored;
  while (!fs::exists(folder, ignored) && folder.has_relative_path()) folder = folder.parent_path();
  return folder.empty() ? fs::path(".") : folder;
}

std::string gigabytes(uint64_t bytes) { return fmt::format("{:.1f} GB", static_cast<double>(bytes) / 1e9); }

}  // namespace

uint64_t PullPlan::total_bytes() const {
  return std::accumulate(files.begin(), files.end(), uint64_t{0},
                         [](uint64_t sum, const HubFile& file) { return sum + std::min(file.size, UINT64_MAX - sum); });
}

uint64_t PullPlan::missing_bytes() const {
  return std::accumulate(missing.begin(), missing.end(), uint64_t{0},
                         [](uint64_t sum, uint64_t bytes) { return sum + std::min(bytes, UINT64_MAX - sum); });
}

PullPlan plan_pull(const HubOptions& options, const HubReference& reference) {
  PullPlan plan{.reference = reference};
  HubClient client(options);
  plan.commit = client.commit(reference);
  const std::vector<HubFile> all = client.list(reference, plan.commit);
  std::string index;
  if (const HubFile* file = find_shard_index(all, reference.quant)) index = read_description(options, plan, *file);
  plan.files = choose_hub_files(all, reference.quant, index, reference.text());
  for (const HubFile& file : plan.files)
    if (file.path == "config.json") read_description(options, plan, file);
  plan.missing = bytes_to_fetch(reference, plan.files);
  return plan;
}

PullFit fit_of(const PullPlan& plan) {
  PullFit fit{.disk_needed = plan.missing_bytes()};
  std::error_code failed;
  const fs::space_info space = fs::space(existing_parent(fs::absolute(hub_cache())), failed);
  fit.disk_free = failed ? UINT64_MAX : space.available;
  const double per_weight = bytes_per_weight(plan);
  for (const HubFile& file : plan.files) {
    if (file.path.ends_with(".gguf")) fit.memory_needed += file.size;
    if (file.path.ends_with(".safetensors"))
      fit.memory_needed += static_cast<uint64_t>(static_cast<double>(file.size) / per_weight * kPackedBytesPerWeight);
  }
  fit.memory_total = static_cast<uint64_t>(total_memory_bytes());
  return fit;
}

void check_fit(const PullFit& fit, const std::string& model) {
  if (fit.disk_needed > 0 && (fit.disk_free < kDiskReserve || fit.disk_needed > fit.disk_free - kDiskReserve))
    throw error(
        ErrorKind::kResourceExhausted,
        "{}: {} are to be fetched, {} are free at {}; make room, or let HF_HUB_CACHE name a larger disk (--force: "
        "fetch all the same)",
        model, gigabytes(fit.disk_needed), gigabytes(fit.disk_free), hub_cache().string());
  if (fit.memory_needed > fit.memory_total)
    throw error(
        ErrorKind::kResourceExhausted,
        "{}: its weights take {} of memory, this machine has {}; choose a smaller quantisation (:QUANT of a GGUF "
        "repository) or model (--force: fetch all the same)",
        model, gigabytes(fit.memory_needed), gigabytes(fit.memory_total));
}

fs::path fetch(const HubOptions& options, const PullPlan& plan, int parallel, const HubProgress& progress) {
  fetch_hub_files(options, plan.reference, plan.commit, plan.files, parallel, progress);
  write_hub_ref(plan.reference, plan.commit);
  std::string looked;
  const auto found = find_in_hub_cache(plan.reference, looked);
  if (!found) throw error(ErrorKind::kIo, "{}: fetched, and gone again from{}", plan.reference.text(), looked);
  return *found;
}

}  // namespace pent
