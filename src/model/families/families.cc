// The table of families, and the reading of a spec through it.
#include "base/error.h"
#include "model/denoiser.h"
#include "model/families/config.h"
#include "model/families/family.h"

namespace pent {
namespace {

// For messages.
std::string architecture_text(const ModelFiles& files) {
  if (files.gguf) return fmt::format("'{}'", files.gguf->get_string("general.architecture").value_or(""));
  return fmt::format("'{}' (model_type '{}')", ConfigReader::architecture(files), ConfigReader::model_type(files));
}

}  // namespace

std::span<const Family> families() {
  static const Family table[] = {kLladaFamily, kLlamaFamily};  // one line each
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

const TensorNames& hugging_face_names(const ModelSpec& spec) {
  return spec.family == kLladaFamily.name ? kLladaNames : kLlamaNames;
}

const TensorNames& tensor_names(const ModelFiles& files, const ModelSpec& spec) {
  return files.gguf ? kGgufNames : hugging_face_names(spec);
}

ModelSpec read_spec(const ModelFiles& files) { return find_family(files).read_spec(files); }

}  // namespace pent
