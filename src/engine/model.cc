// Finding a model by the name a person gives it, and loading it.
#include "engine/model.h"

#include <optional>

#include "base/error.h"
#include "base/paths.h"
#include "io/hub/reference.h"

namespace pent {
namespace {

namespace fs = std::filesystem;

std::string names(const std::vector<EmbeddedModel>& embedded) {
  std::string list;
  for (const EmbeddedModel& model : embedded) list += (list.empty() ? "" : ", ") + model.name;
  return list.empty() ? "none in this build" : list;
}

}  // namespace

std::filesystem::path pent_home() {
  if (const auto home = environment_path("PENT_HOME")) return *home;
  return user_cache_folder() / "pent";
}

std::filesystem::path packed_folder() {
  const auto wish = environment_path("PENT_KEEP_PACKED");
  return wish == "0" ? std::filesystem::path() : pent_home() / "packed";
}

std::filesystem::path cost_folder() { return pent_home() / "costs"; }

ModelFiles find_model(const std::string& reference, const std::vector<EmbeddedModel>& embedded) {
  if (reference.empty() && embedded.empty())
    throw error(ErrorKind::kNotFound,
                "this build carries no model; name one with -m (a directory, a .gguf file, org/name)");
  for (const EmbeddedModel& model : embedded)
    if (reference.empty() || model.name == reference) return open_model_files(model.files, model.name);
  if (is_there(reference)) return open_model_files(fs::path(reference));
  std::string looked = "\n  " + reference + "\n  embedded: " + names(embedded);
  if (stays_below(reference) && reference.find('/') == reference.npos) {
    for (const char* suffix : {"", ".gguf"}) {
      const fs::path path = pent_home() / "models" / (reference + suffix);
      if (is_there(path)) return open_model_files(path);
      looked += "\n  " + path.string();
    }
  } else if (const auto hub = parse_hub_reference(reference)) {
    if (const auto path = find_in_hub_cache(*hub, looked)) return open_model_files(*path);
    looked += "\nfetch it with: pent pull " + hub->text();
  }
  throw error(ErrorKind::kNotFound, "no model '{}'; looked for{}", reference, looked);
}

const ChatTemplate* usable_chat_template(const Model& model) {
  if (model.files.chat_template_refusal) throw *model.files.chat_template_refusal;
  return model.chat_template.get();
}

std::unique_ptr<ChatTemplate> parse_chat_template(ModelFiles& files) {
  if (files.chat_template.empty()) return nullptr;
  try {
    return std::make_unique<ChatTemplate>(ChatTemplate::parse(files.chat_template, files.where + ": chat template"));
  } catch (const Error& refusal) {
    files.chat_template_refusal = refusal;
    return nullptr;
  }
}

Model load_model(const std::string& reference, const std::vector<EmbeddedModel>& embedded, ThreadPool& pool,
                 const NativeOptions& options) {
  Model model;
  model.files = find_model(reference, embedded);
  model.name = reference.empty() ? embedded[0].name : reference;
  model.tokenizer = make_tokenizer(model.files);
  model.chat_template = parse_chat_template(model.files);
  NativeOptions native = options;
  native.packed_cache.folder = packed_folder();
  model.denoiser = load_native(model.files, pool, native);
  model.threads = pool.threads();
  model.precise = options.precise;
  model.cost_folder = cost_folder();
  if (model.tokenizer->size() > model.denoiser->spec().vocab_size)
    throw error(ErrorKind::kCorrupt, "{}: the tokenizer has {} tokens, the model only {} rows for them",
                model.files.where, model.tokenizer->size(), model.denoiser->spec().vocab_size);
  return model;
}

}  // namespace pent
