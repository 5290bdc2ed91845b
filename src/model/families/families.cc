// The table of families, and the reading of a spec through it.
#include "base/error.h"
#include "model/denoiser.h"
#include "model/families/config.h"
#include "model/families/family.h"

namespace pent {
namespace {

// For messages.
std::string architecture_text(const ModelFiles& files) {
  if (files.gguf) return fmt::format("'{}'", printable(files.gguf->get_string("general.architecture").value_or("")));
  return fmt::format("'{}' (model_type '{}')", printable(ConfigReader::architecture(files)),
                     printable(ConfigReader::model_type(files)));
}

}  // namespace

std::span<const Family> families() {
  static const Family table[] = {kLladaFamily,      kDreamFamily,         kSdarFamily,     kFastDllmV2Family,
                                 kOpenDcoderFamily,  // before qwen2, whose architecture it names
                                 kDiffuLlamaFamily,  // before llama
                                 kLlamaFamily,      kQwen2Family,         kQwen3Family,    kQwen3MoeFamily,
                                 kRnd1Family,       kSdarMoeFamily,       kLladaMoeFamily, kLlada2Family,
                                 kA2dLlamaFamily,   kA2dQwen2Family,      kA2dQwen3Family,
                                 kDiffuGptFamily,  // before gpt2
                                 kGpt2Family,       kDiffusionGemmaFamily};
  return table;
}

const Family& find_family(const ModelFiles& files) {
  std::string known;
  for (const Family& family : families()) {
    if (family.matches(files)) return family;
    known += std::string(known.empty() ? "" : ", ") + family.name;
  }
  throw error(ErrorKind::kUnsupported, "{}: architecture {} is none of the families this build reads ({})", files.where,
              architecture_text(files), known);
}

const Family& family_of(const ModelSpec& spec) {
  for (const Family& family : families())
    if (spec.family == family.name) return family;
  PENT_CHECK(false, "family '{}'", spec.family);
}

bool has_architecture(const ModelFiles& files, const Family& family) {
  if (files.gguf) return family.gguf != nullptr && files.gguf->get_string("general.architecture") == family.gguf;
  const std::string architecture = ConfigReader::architecture(files);
  return architecture == family.architecture ||
         (architecture.empty() && ConfigReader::model_type(files) == family.model_type);
}

const TensorNames& hugging_face_names(const ModelSpec& spec) { return *family_of(spec).names; }

const TensorNames& gguf_names(const ModelSpec& spec) {
  const Family& family = family_of(spec);
  if (family.gguf == nullptr)
    throw error(ErrorKind::kUnsupported, "family {} has no GGUF form that other programs read", family.name);
  return *family.gguf_names;
}

const TensorNames& tensor_names(const ModelFiles& files, const ModelSpec& spec) {
  if (files.gguf) return gguf_names(spec);
  const Family& family = family_of(spec);
  return family.names_in == nullptr ? *family.names : family.names_in(files);
}

ModelSpec read_spec(const ModelFiles& files) { return find_family(files).read_spec(files); }

}  // namespace pent
