// What the hub says a repository holds, and which of it a model needs. Pure functions over untrusted text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pent {

struct HubFile {
  std::string path;   // relative, with slashes; stays_below() holds
  uint64_t size = 0;  // bytes
  std::string
      hash;  // hexadecimal: SHA-256 of the content for large files, the git blob's SHA-1 for others; the blob's name
  bool large = false;  // kept by the hub in LFS

  bool operator==(const HubFile&) const = default;
};

// The commit in the answer to GET /api/models/REPO/revision/REVISION. Throws kCorrupt.
std::string parse_hub_revision(std::string_view json, const std::string& where);

// Appends the files in one page of GET /api/models/REPO/tree/COMMIT?recursive=true. Throws kCorrupt naming the file for a
// name that would leave its folder, a name that comes twice, a hash or size that is none; kResourceExhausted for too many.
void parse_hub_tree(std::string_view json, const std::string& where, std::vector<HubFile>& files);

// The URL that a Link header calls next; empty if none.
std::string next_page(std::string_view link_header);

// What to fetch before the rest can be chosen: the index of a sharded model; nullptr if there is none.
const HubFile* find_shard_index(const std::vector<HubFile>& files, const std::string& quant);

// The files a model needs, small ones first: with `quant`, or where there are no safetensors, one GGUF model; else the
// safetensors (of a sharded model those that `shard_index`, the text of its index, names) with configuration, tokenizer and
// chat templates. Throws kNotFound / kUnsupported saying what is there instead; `where` begins the line.
std::vector<HubFile> choose_hub_files(const std::vector<HubFile>& files, const std::string& quant,
                                      std::string_view shard_index, const std::string& where);

}  // namespace pent
