// Finding a model by the name a person gives it, and loading it.
#include "engine/model.h"

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "base/error.h"
#include "base/mapped_file.h"

namespace pent {
namespace {

namespace fs = std::filesystem;

std::optional<fs::path> environment_path(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return fs::path(value);
}

fs::path cache_home() {
  if (const auto xdg = environment_path("XDG_CACHE_HOME")) return *xdg;
  if (const auto home = environment_path("HOME")) return *home / ".cache";
  return fs::temp_directory_path();
}

fs::path hugging_face_cache() {
  if (const auto hub = environment_path("HF_HUB_CACHE")) return *hub;
  if (const auto home = environment_path("HF_HOME")) return *home / "hub";
  return cache_home() / "huggingface" / "hub";
}

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

// org/name[@revision][:QUANT]
struct HubReference {
  std::string org, name, revision = "main", quant;
};

// A name that can be a part of a path: no separators, nothing that climbs.
bool is_plain(const std::string& part) {
  return !part.empty() && part != "." && part != ".." && part.find_first_of("/\\") == part.npos;
}

std::optional<HubReference> parse_hub_reference(std::string text) {
  HubReference reference;
  if (const size_t colon = text.rfind(':'); colon != text.npos) {
    reference.quant = text.substr(colon + 1);
    text.resize(colon);
  }
  if (const size_t at = text.find('@'); at != text.npos) {
    reference.revision = text.substr(at + 1);
    text.resize(at);
  }
  const size_t slash = text.find('/');
  if (slash == text.npos) return std::nullopt;
  reference.org = text.substr(0, slash);
  reference.name = text.substr(slash + 1);
  if (!is_plain(reference.org) || !is_plain(reference.name) || !is_plain(reference.revision)) return std::nullopt;
  return reference;
}

// The one .gguf of a snapshot whose name has the quantisation in it.
fs::path pick_gguf(const fs::path& snapshot, const std::string& quant) {
  std::vector<fs::path> matches;
  std::error_code ignored;  // an unreadable folder has no match
  for (const auto& entry : fs::directory_iterator(snapshot, ignored))
    if (entry.path().extension() == ".gguf" &&
        lower(entry.path().filename().string()).find(lower(quant)) != std::string::npos)
      matches.push_back(entry.path());
  if (matches.size() != 1)
    throw error(ErrorKind::kNotFound, "{}: {} .gguf files have '{}' in their name; expected one", snapshot.string(),
                matches.size(), quant);
  return matches[0];
}

// Where the hub's client keeps a revision: refs/REVISION names a commit, snapshots/COMMIT has the files.
std::optional<fs::path> find_in_hub_cache(const HubReference& reference, std::string& looked) {
  const fs::path model = hugging_face_cache() / ("models--" + reference.org + "--" + reference.name);
  std::string commit = reference.revision;
  if (const fs::path ref = model / "refs" / reference.revision; is_there(ref)) {
    commit = read_file(ref, 4096);
    commit.erase(commit.find_last_not_of(" \t\r\n") + 1);
    if (!is_plain(commit)) throw error(ErrorKind::kCorrupt, "{}: expected the name of a commit", ref.string());
  }
  const fs::path snapshot = model / "snapshots" / commit;
  looked += "\n  " + snapshot.string();
  if (!is_there(snapshot)) return std::nullopt;
  return reference.quant.empty() ? snapshot : pick_gguf(snapshot, reference.quant);
}

std::string names(const std::vector<EmbeddedModel>& embedded) {
  std::string list;
  for (const EmbeddedModel& model : embedded) list += (list.empty() ? "" : ", ") + model.name;
  return list.empty() ? "none in this build" : list;
}

}  // namespace

std::filesystem::path pent_home() {
  if (const auto home = environment_path("PENT_HOME")) return *home;
  return cache_home() / "pent";
}

std::filesystem::path packed_folder() {
  const auto wish = environment_path("PENT_KEEP_PACKED");
  return wish == "0" ? std::filesystem::path() : pent_home() / "packed";
}

ModelFiles find_model(const std::string& reference, const std::vector<EmbeddedModel>& embedded) {
  if (reference.empty() && embedded.empty())
    throw error(ErrorKind::kNotFound,
                "this build carries no model; name one with -m (a directory, a .gguf file, org/name)");
  for (const EmbeddedModel& model : embedded)
    if (reference.empty() || model.name == reference) return open_model_files(model.files, model.name);
  if (is_there(reference)) return open_model_files(fs::path(reference));
  std::string looked = "\n  " + reference + "\n  embedded: " + names(embedded);
  if (is_plain(reference)) {
    for (const char* suffix : {"", ".gguf"}) {
      const fs::path path = pent_home() / "models" / (reference + suffix);
      if (is_there(path)) return open_model_files(path);
      looked += "\n  " + path.string();
    }
  } else if (const auto hub = parse_hub_reference(reference)) {
    if (const auto path = find_in_hub_cache(*hub, looked)) return open_model_files(*path);
  }
  throw error(ErrorKind::kNotFound, "no model '{}'; looked for{}", reference, looked);
}

Model load_model(const std::string& reference, const std::vector<EmbeddedModel>& embedded, ThreadPool& pool,
                 const NativeOptions& options) {
  Model model;
  model.files = find_model(reference, embedded);
  model.name = reference.empty() ? embedded[0].name : reference;
  model.tokenizer = make_tokenizer(model.files);
  if (!model.files.chat_template.empty())
    model.chat_template = std::make_unique<ChatTemplate>(
        ChatTemplate::parse(model.files.chat_template, model.files.where + ": chat template"));
  NativeOptions native = options;
  native.packed_cache.folder = packed_folder();
  model.denoiser = load_native(model.files, pool, native);
  if (model.tokenizer->size() > model.denoiser->spec().vocab_size)
    throw error(ErrorKind::kCorrupt, "{}: the tokenizer has {} tokens, the model only {} rows for them",
                model.files.where, model.tokenizer->size(), model.denoiser->spec().vocab_size);
  return model;
}

}  // namespace pent
