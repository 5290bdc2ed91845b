// Files of a hub repository into the hub's cache: resumed, checked, and only then named.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "io/hub/client.h"

namespace pent {

// Called from several threads: of files[i], `bytes` are here. Falls back where a server starts over.
using HubProgress = std::function<void(size_t file, uint64_t bytes)>;

// How much of each file still has to come, given what lies in the cache (complete or .incomplete).
std::vector<uint64_t> bytes_to_fetch(const HubReference& reference, const std::vector<HubFile>& files);

// Fetches what is missing, `parallel` files at a time, and links all under snapshots/COMMIT. A blob is written to
// HASH.incomplete under the lock that huggingface_hub takes (.locks/models--ORG--NAME/HASH.lock, flock), goes on where an
// earlier attempt ended, and is renamed when size and checksum are right: a file under its name is whole. Throws what
// HubClient throws; kCorrupt for a wrong checksum; kResourceExhausted for a full disk. What arrived stays for the next try.
void fetch_hub_files(const HubOptions& options, const HubReference& reference, const std::string& commit,
                     const std::vector<HubFile>& files, int parallel, const HubProgress& progress);

// Lets refs/REVISION name the commit; nothing where the revision is the commit.
void write_hub_ref(const HubReference& reference, const std::string& commit);

// What the blob of a file must be called: SHA-256, or SHA-1 over "blob SIZE\0" and the content, as git does.
std::string hub_hash(const HubFile& file, std::string_view content);

}  // namespace pent
