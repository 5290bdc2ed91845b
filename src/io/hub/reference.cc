// The cache layout is that of huggingface_hub (its docs, "Understand caching"), so that each finds what the other fetched.
#include "io/hub/reference.h"

#include <algorithm>
#include <map>

#include "base/error.h"
#include "base/mapped_file.h"
#include "base/paths.h"
#include "io/gguf_split.h"

namespace pent {
namespace {

namespace fs = std::filesystem;

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

bool is_name(const std::string& part) { return stays_below(part) && part.find('/') == part.npos; }

// Q4_K must not mean Q4_K_M where both are there: the name has it between characters that are no part of a word.
bool has_word(const std::string& name, const std::string& word) {
  const auto in_word = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; };
  for (size_t at = name.find(word); at != name.npos; at = name.find(word, at + 1)) {
    const size_t end = at + word.size();
    if ((at == 0 || !in_word(name[at - 1])) && (end == name.size() || !in_word(name[end]))) return true;
  }
  return false;
}

// A .gguf file's place in its model: by itself, or a part (io/gguf_split.h).
struct Place {
  std::string base;  // without the part
  int64_t part = 1, of = 1;
};

Place place_of(const std::string& path) {
  const std::string name = base_name(path);
  const auto part = parse_gguf_part_name(name);
  if (!part) return {.base = path};
  return {path.substr(0, path.size() - name.size()) + part->stem, part->number, part->count};
}

using SplitModels = std::map<std::string, std::vector<std::string>>;  // base -> its files, in order

SplitModels models_of(std::vector<std::string> names) {
  std::sort(names.begin(), names.end());
  SplitModels models;
  for (const std::string& name : names) {
    // Vision projectors come beside language models and are none.
    if (name.ends_with(".gguf") && !lower(base_name(name)).starts_with("mmproj"))
      models[place_of(name).base].push_back(name);
  }
  return models;
}

std::string listed(const SplitModels& models) {
  constexpr size_t kShown = 12;
  std::string text;
  size_t count = 0;
  for (const auto& [base, files] : models) {
    if (++count > kShown) return text + ", …";
    text += (text.empty() ? "" : ", ") + printable(files[0]);
  }
  return text;
}

}  // namespace

std::string HubReference::text() const {
  return repo() + (revision == "main" ? "" : "@" + revision) + (quant.empty() ? "" : ":" + quant);
}

bool stays_below(const std::string& path) {
  if (path.empty() || path.size() > 1024 || path.find('\\') != path.npos) return false;
  if (std::any_of(path.begin(), path.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; })) return false;
  for (size_t begin = 0; begin <= path.size();) {
    const size_t end = std::min(path.find('/', begin), path.size());
    const std::string part = path.substr(begin, end - begin);
    if (part.empty() || part == "." || part == ".." || part.size() > 255) return false;
    begin = end + 1;
  }
  return true;
}

bool is_commit(const std::string& text) {
  return text.size() == 40 && text.find_first_not_of("0123456789abcdef") == text.npos;
}

std::optional<HubReference> parse_hub_reference(std::string text) {
  HubReference reference;
  if (const size_t colon = text.rfind(':'); colon != text.npos) {
    reference.quant = text.substr(colon + 1);
    text.resize(colon);
    if (!is_name(reference.quant)) return std::nullopt;
  }
  if (const size_t at = text.find('@'); at != text.npos) {
    reference.revision = text.substr(at + 1);
    text.resize(at);
  }
  const size_t slash = text.find('/');
  if (slash == text.npos) return std::nullopt;
  reference.org = text.substr(0, slash);
  reference.name = text.substr(slash + 1);
  if (!is_name(reference.org) || !is_name(reference.name) || !stays_below(reference.revision)) return std::nullopt;
  return reference;
}

fs::path hub_home() { return environment_path("HF_HOME").value_or(user_cache_folder() / "huggingface"); }

fs::path hub_cache() { return environment_path("HF_HUB_CACHE").value_or(hub_home() / "hub"); }

fs::path hub_model_folder(const HubReference& reference) {
  return hub_cache() / ("models--" + reference.org + "--" + reference.name);
}

std::string cached_commit(const HubReference& reference) {
  const fs::path ref = hub_model_folder(reference) / "refs" / reference.revision;
  std::error_code ignored;
  if (!fs::is_regular_file(ref, ignored)) return reference.revision;
  std::string commit = read_file(ref, 4096);
  commit.erase(commit.find_last_not_of(" \t\r\n") + 1);
  if (!is_name(commit)) throw error(ErrorKind::kCorrupt, "{}: expected the name of a commit", ref.string());
  return commit;
}

std::optional<fs::path> find_in_hub_cache(const HubReference& reference, std::string& looked) {
  const fs::path snapshot = hub_model_folder(reference) / "snapshots" / cached_commit(reference);
  looked += "\n  " + snapshot.string();
  if (!is_there(snapshot)) return std::nullopt;
  if (reference.quant.empty() && is_there(snapshot / "config.json")) return snapshot;
  std::vector<std::string> names;
  std::error_code ignored;  // an unreadable folder has no files
  for (const auto& entry : fs::recursive_directory_iterator(snapshot, ignored))
    if (entry.path().extension() == ".gguf") names.push_back(entry.path().lexically_relative(snapshot).string());
  if (reference.quant.empty() && names.empty()) return snapshot;  // whoever opens it says what is missing
  return snapshot / choose_gguf(names, reference.quant, snapshot.string()).front();
}

std::vector<std::string> list_hub_cache() {
  std::vector<std::string> models;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(hub_cache(), ignored)) {
    const std::string folder = entry.path().filename().string();
    constexpr std::string_view kPrefix = "models--";
    const size_t dashes = folder.find("--", kPrefix.size());
    if (!folder.starts_with(kPrefix) || dashes == folder.npos || !is_there(entry.path() / "snapshots")) continue;
    const std::string name = folder.substr(kPrefix.size(), dashes - kPrefix.size()) + "/" + folder.substr(dashes + 2);
    if (parse_hub_reference(name)) models.push_back(name);
  }
  std::sort(models.begin(), models.end());
  return models;
}

std::vector<std::string> choose_gguf(const std::vector<std::string>& names, const std::string& quant,
                                     const std::string& where) {
  const SplitModels all = models_of(names);
  SplitModels fitting;
  for (const bool whole_words : {true, false}) {
    if (!fitting.empty()) break;
    for (const auto& [base, files] : all) {
      const std::string name = lower(base);
      if (whole_words ? has_word(name, lower(quant)) : name.find(lower(quant)) != name.npos) fitting[base] = files;
    }
  }
  if (quant.empty()) fitting = all;
  if (fitting.empty())
    throw error(ErrorKind::kNotFound, "{}: no .gguf file has '{}' in its name{}{}", where, printable(quant),
                all.empty() ? "" : "; there are ", listed(all));
  if (fitting.size() > 1)
    throw error(ErrorKind::kNotFound,
                "{}: {} .gguf files{}; say which one with :QUANT, a word of its name (as :Q4_K_M): {}", where,
                fitting.size(), quant.empty() ? "" : " have '" + printable(quant) + "' in their name", listed(fitting));
  const std::vector<std::string>& files = fitting.begin()->second;
  for (size_t i = 0; i < files.size(); ++i) {
    const Place part = place_of(files[i]);
    if (part.part != static_cast<int64_t>(i) + 1 || part.of != static_cast<int64_t>(files.size()))
      throw error(ErrorKind::kNotFound, "{}: '{}' is one of {} parts, and not all are there; pull the model again",
                  where, printable(files[i]), part.of);
  }
  return files;
}

}  // namespace pent
