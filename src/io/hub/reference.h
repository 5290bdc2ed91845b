// Names of models on the Hugging Face hub, and where its tools keep them: ORG/NAME[@REVISION][:QUANT].
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace pent {

struct HubReference {
  std::string org, name;
  std::string revision = "main";  // a branch, a tag or a commit; may hold slashes ("refs/pr/1")
  std::string quant;              // picks the .gguf file with it in its name; empty: none asked for

  std::string repo() const { return org + "/" + name; }
  std::string text() const;  // as a person writes it
};

// nullopt where `text` is no such name, or a part of it would climb out of a folder.
std::optional<HubReference> parse_hub_reference(std::string text);

// A relative path that stays below its folder: no empty part, no "." or "..", no backslash, no control character.
bool stays_below(const std::string& path);

// 40 hexadecimal digits.
bool is_commit(const std::string& text);

// $HF_HOME, else huggingface/ in the user's cache folder.
std::filesystem::path hub_home();
// $HF_HUB_CACHE, else hub/ in hub_home().
std::filesystem::path hub_cache();
// models--ORG--NAME in the cache: blobs/HASH, refs/REVISION (holds a commit), snapshots/COMMIT/FILE -> blobs/HASH.
std::filesystem::path hub_model_folder(const HubReference& reference);

// The commit that refs/REVISION names, or the revision itself. Throws kCorrupt where the file holds no such name.
std::string cached_commit(const HubReference& reference);

// The model in the cache, whoever fetched it: a snapshot's folder, or in it the .gguf file that was asked for or is the only
// one (the first part of a split one). nullopt: not there; `looked` gets the place. kNotFound: there, but without `quant`.
std::optional<std::filesystem::path> find_in_hub_cache(const HubReference& reference, std::string& looked);

// ORG/NAME of all models in the cache that have a snapshot, sorted.
std::vector<std::string> list_hub_cache();

// Of the names of .gguf files, those of the one model that `quant` picks, a split model's parts in order. An empty `quant`
// fits all. Throws kNotFound naming the choice where not exactly one model fits or a part is missing; `where` begins the line.
std::vector<std::string> choose_gguf(const std::vector<std::string>& names, const std::string& quant,
                                     const std::string& where);

}  // namespace pent
