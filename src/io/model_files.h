// The files of one model, wherever they are: a Hugging Face directory, a .gguf file, or the embedded model.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/json.h"
#include "io/gguf.h"
#include "io/weight_source.h"

namespace pent {

// Where our GGUF files keep generation_config.json, for which GGUF itself has no place.
inline constexpr const char* kGenerationConfigKey = "pent.generation_config";

struct ModelFiles {
  std::string where;                              // for messages and --json "model": path or name
  Json config;                                    // config.json; null for GGUF
  Json generation_config;                         // generation_config.json; null if absent
  std::string tokenizer_json;                     // text of tokenizer.json, or one made of older files; empty for GGUF
  std::string tokenizer_name = "tokenizer.json";  // the file or files it comes from, for messages
  Json tokenizer_config;                          // tokenizer_config.json; null if absent
  std::string chat_template;  // of chat_template.jinja, tokenizer_config or chat_template.json, or GGUF's; may be empty
  std::optional<Error> chat_template_refusal;  // why the template that they have cannot be used; only its use needs it
  std::shared_ptr<WeightSource> weights;       // never null
  std::shared_ptr<GgufFile> gguf;              // same object as weights when the model is a GGUF, else null
};

// PATH is a directory or a .gguf file. Throws with the missing file named; pytorch_model.bin alone is refused by name.
ModelFiles open_model_files(const std::filesystem::path& path);

// Files held in memory under their usual names ("config.json", "model.safetensors", …); the bytes must stay alive.
ModelFiles open_model_files(const std::map<std::string, std::span<const std::byte>>& files, std::string where);

// All of them but the weights, under their usual names, config.json last: a directory without it is no model. Throws kIo.
void write_model_descriptions(const ModelFiles& files, const std::filesystem::path& directory);

}  // namespace pent
