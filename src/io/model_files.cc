// The files of one model under the names Hugging Face gives them, from a directory, a .gguf file or memory.
#include "io/model_files.h"

#include <functional>
#include <optional>
#include <vector>

#include "base/error.h"
#include "base/mapped_file.h"
#include "base/paths.h"
#include "io/gguf_split.h"
#include "io/gpt2_tokenizer.h"
#include "io/refused_formats.h"

namespace pent {
namespace {

constexpr size_t kMaxConfigBytes = size_t{1} << 24;
constexpr size_t kMaxTokenizerBytes = size_t{1} << 28;

// weights_only unpickles tensors without running code; clone parts the tied tensors that safetensors would refuse.
constexpr std::string_view kPickleConversion =
    "python3 -c \"import glob, torch, safetensors.torch as s; d = {k: v.clone().contiguous() for f in "
    "glob.glob('pytorch_model*.bin') for k, v in torch.load(f, map_location='cpu', weights_only=True).items()}; "
    "s.save_file(d, 'model.safetensors', {'format': 'pt'})\"";

// The text of a file of the model, or nullopt when it has none of that name.
using TextReader = std::function<std::optional<std::string>(const char* name, size_t limit)>;

Json read_json(const TextReader& read, const char* name, const std::string& where) {
  const auto text = read(name, kMaxConfigBytes);
  return text ? parse_json(*text, where + "/" + name) : Json();
}

// The value of 'chat_template': one template, or a list of named ones, of which "default" is meant.
std::string template_of(const Json& config, const std::string& where) {
  if (!config.is_object()) return {};
  const auto found = config.find("chat_template");
  if (found == config.end() || found->is_null()) return {};
  if (found->is_string()) return found->get<std::string>();
  if (!found->is_array())
    throw error(ErrorKind::kCorrupt, "{}: 'chat_template' is neither a string nor a list of templates", where);
  std::string names;
  for (const Json& entry : *found) {
    if (!entry.is_object())
      throw error(ErrorKind::kCorrupt, "{}: an entry of 'chat_template' is no object with 'name' and 'template'",
                  where);
    const std::string name = get_required_string(entry, "name", where);
    if (name == "default") return get_required_string(entry, "template", where);
    names += (names.empty() ? "" : ", ") + printable(name, 40);
  }
  if (names.empty()) return {};
  throw error(
      ErrorKind::kUnsupported,
      "{}: 'chat_template' has {}, but none called 'default'; put the one to use into chat_template.jinja beside "
      "it",
      where, names);
}

// As transformers prefers them: a file of its own, the tokenizer's configuration, the processor's file of older models.
std::string read_chat_template(const TextReader& read, const Json& tokenizer_config, const std::string& where) {
  if (auto text = read("chat_template.jinja", kMaxConfigBytes)) return *std::move(text);
  std::string text = template_of(tokenizer_config, where + "/tokenizer_config.json");
  if (!text.empty()) return text;
  return template_of(read_json(read, "chat_template.json", where), where + "/chat_template.json");
}

// tokenizer.json, or what GPT-2's repositories had before it.
void read_tokenizer(const TextReader& read, ModelFiles& files) {
  if (auto tokenizer = read("tokenizer.json", kMaxTokenizerBytes)) {
    files.tokenizer_json = *std::move(tokenizer);
    return;
  }
  const auto vocab = read("vocab.json", kMaxTokenizerBytes), merges = read("merges.txt", kMaxTokenizerBytes);
  if (!vocab || !merges) {
    throw error(
        ErrorKind::kNotFound,
        "{}/tokenizer.json: no such file, nor vocab.json with merges.txt; another layout (tokenizer.model) must "
        "be converted first: python3 -c \"from transformers import AutoTokenizer as t; "
        "t.from_pretrained('.').save_pretrained('.')\"",
        files.where);
  }
  files.tokenizer_json = gpt2_tokenizer_json(*vocab, *merges, files.tokenizer_config, files.where);
  files.tokenizer_name = "vocab.json and merges.txt";
}

// All but the weights.
ModelFiles read_descriptions(const TextReader& read, const std::string& where) {
  ModelFiles files;
  files.where = where;
  files.config = read_json(read, "config.json", where);
  if (!files.config.is_object()) {
    const bool missing = files.config.is_null();
    throw error(missing ? ErrorKind::kNotFound : ErrorKind::kCorrupt, "{}/config.json: {}", where,
                missing ? "no such file; expected a model directory in Hugging Face layout, or a .gguf file"
                        : "not a JSON object");
  }
  refuse_quantized_config(files.config, where + "/config.json");
  files.generation_config = read_json(read, "generation_config.json", where);
  files.tokenizer_config = read_json(read, "tokenizer_config.json", where);
  read_tokenizer(read, files);
  try {
    files.chat_template = read_chat_template(read, files.tokenizer_config, where);
  } catch (const Error& refusal) {
    files.chat_template_refusal = refusal;
  }
  return files;
}

ModelFiles open_gguf_model(const std::filesystem::path& path) {
  ModelFiles files;
  files.where = path.string();
  files.gguf = open_gguf(path);
  files.weights = files.gguf;
  files.chat_template = files.gguf->get_string("tokenizer.chat_template").value_or("");
  if (const auto text = files.gguf->get_string(kGenerationConfigKey)) {
    const std::string where = fmt::format("{}: {}", files.where, kGenerationConfigKey);
    files.generation_config = parse_json(*text, where);
    if (!files.generation_config.is_object()) throw error(ErrorKind::kCorrupt, "{}: not a JSON object", where);
  }
  return files;
}

// A folder that holds nothing but one GGUF file, or the parts of one, is that model.
std::optional<std::filesystem::path> only_gguf_in(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> found;
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(folder, failed)) {
    if (entry.path().extension() != ".gguf") continue;
    const auto part = parse_gguf_part_name(entry.path().filename().string());
    if (!part || part->number == 1) found.push_back(entry.path());  // the first part stands for all
  }
  return found.size() == 1 ? std::optional(found.front()) : std::nullopt;
}

std::shared_ptr<WeightSource> open_weights(const std::filesystem::path& folder) {
  for (const char* name : {"model.safetensors", "model.safetensors.index.json"}) {
    if (!is_there(folder / name)) continue;
    auto weights = open_safetensors(folder / name);
    refuse_quantized_tensors(*weights);
    return weights;
  }
  for (const char* name : {"pytorch_model.bin", "pytorch_model.bin.index.json"}) {
    if (is_there(folder / name)) {
      throw error(
          ErrorKind::kUnsupported,
          "{}: a Python pickle, which is never opened: it can run code; convert it to safetensors, in its folder: {}",
          (folder / name).string(), kPickleConversion);
    }
  }
  throw error(ErrorKind::kNotFound, "{}: no model.safetensors and no model.safetensors.index.json in it",
              folder.string());
}

}  // namespace

ModelFiles open_model_files(const std::filesystem::path& path) {
  if (!is_there(path)) throw error(ErrorKind::kNotFound, "{}: no such file or directory", path.string());
  std::error_code failed;
  if (!std::filesystem::is_directory(path, failed)) {
    if (path.extension() == ".gguf") return open_gguf_model(path);
    throw error(ErrorKind::kInvalidArgument, "{}: expected a model directory or a .gguf file", path.string());
  }
  if (!is_there(path / "config.json")) {
    if (const auto gguf = only_gguf_in(path)) return open_gguf_model(*gguf);
  }
  const TextReader read = [&path](const char* name, size_t limit) -> std::optional<std::string> {
    if (!is_there(path / name)) return std::nullopt;
    return read_file(path / name, limit);
  };
  ModelFiles files = read_descriptions(read, path.string());
  files.weights = open_weights(path);
  return files;
}

ModelFiles open_model_files(const std::map<std::string, std::span<const std::byte>>& files, std::string where) {
  const TextReader read = [&files](const char* name, size_t) -> std::optional<std::string> {
    const auto found = files.find(name);
    if (found == files.end()) return std::nullopt;
    return std::string(reinterpret_cast<const char*>(found->second.data()), found->second.size());
  };
  ModelFiles model = read_descriptions(read, where);
  const auto weights = files.find("model.safetensors");
  if (weights == files.end()) throw error(ErrorKind::kNotFound, "{}/model.safetensors: no such file", where);
  model.weights = open_safetensors(weights->second, where + "/model.safetensors");
  return model;
}

void write_model_descriptions(const ModelFiles& files, const std::filesystem::path& directory) {
  const auto write_json = [&](const char* name, const Json& json) {
    if (!json.is_null()) write_file_atomically(directory / name, to_json_file(json, files.where));
  };
  if (!files.tokenizer_json.empty()) write_file_atomically(directory / "tokenizer.json", files.tokenizer_json);
  write_json("tokenizer_config.json", files.tokenizer_config);
  // A file of its own for a template that the configuration does not have as it is; the file wins.
  const Json configured =
      files.tokenizer_config.is_object() ? files.tokenizer_config.value("chat_template", Json()) : Json();
  const bool has_none = configured.is_null() && files.chat_template.empty();
  if (configured != files.chat_template && !has_none && !files.chat_template_refusal)
    write_file_atomically(directory / "chat_template.jinja", files.chat_template);
  write_json("generation_config.json", files.generation_config);
  write_json("config.json", files.config);
}

}  // namespace pent
