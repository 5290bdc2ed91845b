// Getting a model from the hub: what it needs, whether that fits this machine, and then the bytes (io/hub/).
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "io/hub/download.h"

namespace pent {

struct PullPlan {
  HubReference reference;
  std::string commit;
  std::vector<HubFile> files;     // small ones first
  std::vector<uint64_t> missing;  // of each, the bytes that are not here yet
  uint64_t total_bytes() const;
  uint64_t missing_bytes() const;
};

// Asks the hub for the commit and its files and chooses (io/hub/listing.h). The description of the weights, that is
// config.json and a sharded model's index, is fetched on the way. Throws what HubClient throws.
PullPlan plan_pull(const HubOptions& options, const HubReference& reference);

// All in bytes.
struct PullFit {
  uint64_t disk_needed = 0, disk_free = 0;
  uint64_t memory_needed = 0;  // the weights as the engine packs them, without keys and values
  uint64_t memory_total = 0;   // of this machine, or its cgroup
};
PullFit fit_of(const PullPlan& plan);

// Throws kResourceExhausted, naming `model` and what is short, unless both fit.
void check_fit(const PullFit& fit, const std::string& model);

// Fetches, links, writes the ref. Returns what find_in_hub_cache() finds then.
std::filesystem::path fetch(const HubOptions& options, const PullPlan& plan, int parallel, const HubProgress& progress);

}  // namespace pent
