#include "engine/convert.h"

#include <algorithm>

#include "base/error.h"
#include "base/mapped_file.h"
#include "engine/convert_plan.h"
#include "io/gguf_write.h"
#include "io/tensor_table.h"
#include "model/denoiser.h"
#include "model/families/config.h"
#include "model/families/family.h"
#include "text/gguf_vocabulary.h"

namespace pent {
namespace {

namespace fs = std::filesystem;

bool is_gguf_name(const fs::path& path) { return path.extension() == ".gguf"; }

const GgufMixture* mixture_of(const std::string& type, bool to_gguf) {
  if (type.empty()) return nullptr;
  const GgufMixture* mixture = find_gguf_mixture(type);
  if (mixture == nullptr) throw error(ErrorKind::kInvalidArgument, "--type {}: not a type that can be written", type);
  if (!to_gguf && dtype_info(mixture->type).block_size > 1)
    throw error(ErrorKind::kInvalidArgument,
                "--type {}: a directory holds f32, f16 or bf16; name the target .gguf for others", type);
  return mixture;
}

void check_target(const ModelFiles& source, const fs::path& target, bool to_gguf) {
  std::error_code failed;
  for (const fs::path& file : source.weights->files()) {
    if (fs::equivalent(file, target, failed) || fs::equivalent(file.parent_path(), target, failed))
      throw error(ErrorKind::kInvalidArgument, "{}: is the source itself; name another target", target.string());
  }
  if (to_gguf) {
    if (fs::is_directory(target, failed))
      throw error(ErrorKind::kInvalidArgument, "{}: a directory; expected the name of a file", target.string());
    return;
  }
  if (!fs::exists(target, failed)) return;
  if (!fs::is_directory(target, failed))
    throw error(ErrorKind::kInvalidArgument, "{}: expected a directory, or a file named .gguf", target.string());
  if (!fs::is_empty(target, failed))
    throw error(ErrorKind::kInvalidArgument, "{}: the directory is not empty; name a new one", target.string());
}

uint64_t bytes_of(const MovedTensor& tensor) { return checked_tensor_bytes(tensor.type, tensor.shape).value_or(0); }

void check_space(uint64_t bytes, const fs::path& target) {
  std::error_code failed;
  const fs::path folder = fs::absolute(target, failed).parent_path();
  const fs::space_info space = fs::space(folder, failed);
  if (!failed && space.available < bytes)
    throw error(ErrorKind::kResourceExhausted, "{}: needs {} MB, the disk has {} MB", target.string(), bytes >> 20,
                static_cast<uint64_t>(space.available) >> 20);
}

// Sums of what is moved; and a note where quantised weights are quantised again.
ConvertReport report_of(const ModelFiles& source, const ConvertPlan& plan) {
  ConvertReport report;
  bool again = false;
  for (const MovedTensor& tensor : plan.tensors) {
    int64_t elements = 1;
    for (const int64_t axis : tensor.shape) elements *= axis;
    report.elements[dtype_info(tensor.type).name] += elements;
    report.bytes += bytes_of(tensor);
    for (const MovedTensor::Part& part : tensor.parts) {
      const bool blocks = dtype_info(part.tensor->dtype).block_size > 1;
      again = again || (blocks && tensor.type != part.tensor->dtype && dtype_info(tensor.type).block_size > 1);
    }
  }
  report.tensors = static_cast<int64_t>(plan.tensors.size());
  for (const std::string& name : source.weights->names())
    report.source_bytes += source.weights->find(name)->bytes.size();
  if (again) report.notes.push_back("quantised weights were quantised again, which loses more than doing it once");
  return report;
}

// What general.file_type says of matrices that stay as they are: the type most of them have.
uint32_t most_common_type(const ConvertPlan& plan) {
  std::map<DType, int64_t> elements;
  for (const MovedTensor& tensor : plan.tensors) {
    if (is_quantized_in_gguf(tensor.name, tensor.shape))
      elements[tensor.type] += static_cast<int64_t>(bytes_of(tensor));
  }
  const auto most = std::max_element(elements.begin(), elements.end(),
                                     [](const auto& a, const auto& b) { return a.second < b.second; });
  return most == elements.end() ? 0 : file_type_of(most->first);
}

void add_general(const ConvertPlan& plan, const GgufMixture* mixture, GgufPairs& pairs) {
  constexpr uint32_t kQuantizationVersion = 2;
  pairs.emplace_back("general.quantization_version", kQuantizationVersion);
  pairs.emplace_back("general.file_type", mixture != nullptr ? mixture->file_type : most_common_type(plan));
}

// The id of the token that tokenizer_config.json has under `key`; -1 if there is none.
int32_t special_token(const ModelFiles& files, const Tokenizer& tokenizer, const char* key) {
  if (!files.tokenizer_config.is_object()) return -1;
  const auto found = files.tokenizer_config.find(key);
  if (found == files.tokenizer_config.end()) return -1;
  const std::string text = found->is_string()   ? found->get<std::string>()
                           : found->is_object() ? get_string(*found, "content", key).value_or("")
                                                : "";
  return tokenizer.find(text).value_or(-1);
}

// The metadata of a model that is in a directory. GGUF has no tokenizer_config.json: the special tokens that only this file
// names become ids.
GgufPairs metadata_of(const ModelFiles& source, ModelSpec spec, const std::string& name,
                      std::vector<std::string>& notes) {
  const auto tokenizer = make_tokenizer(source);
  for (const auto& [id, key] :
       {std::pair(&spec.bos_id, "bos_token"), {&spec.eos_id, "eos_token"}, {&spec.pad_id, "pad_token"}}) {
    if (*id < 0) *id = special_token(source, *tokenizer, key);
  }
  GgufPairs pairs = to_gguf_metadata(spec);
  pairs.insert(pairs.begin() + 1, {{"general.type", std::string("model")}, {"general.name", name}});
  GgufVocabulary vocabulary = gguf_vocabulary(source, *tokenizer, spec.vocab_size, spec.bos_id, spec.eos_id);
  if (!vocabulary.note.empty()) notes.push_back(vocabulary.note);
  pairs.insert(pairs.end(), vocabulary.pairs.begin(), vocabulary.pairs.end());
  if (!source.generation_config.is_null())
    pairs.emplace_back(kGenerationConfigKey, to_json_line(source.generation_config));
  return pairs;
}

// The source's own pairs but for those that speak of its types and its parts.
GgufPairs kept_metadata(const GgufFile& file) {
  GgufPairs pairs;
  for (const GgufStoredPair& pair : file.stored_pairs()) {
    const bool is_of_file = pair.key == "general.quantization_version" || pair.key == "general.file_type" ||
                            pair.key == "general.alignment" || pair.key.starts_with("split.");
    if (!is_of_file) pairs.emplace_back(std::string(pair.key), GgufStoredValue{pair.value});
  }
  return pairs;
}

// The other way: a GGUF's metadata as the files of a directory.
ModelFiles described_as_directory(const ModelFiles& source, const ModelSpec& spec) {
  ModelFiles files;
  files.config = to_config(spec);
  files.tokenizer_json = tokenizer_json_of_gguf(*source.gguf);
  files.chat_template = source.chat_template;
  files.generation_config = source.generation_config;
  const auto tokenizer = make_tokenizer(files);  // without GGUF's names for rows that are no tokens
  files.tokenizer_config = {{"tokenizer_class", "PreTrainedTokenizerFast"}, {"model_max_length", spec.max_positions}};
  for (const auto& [id, key] : {std::pair(spec.bos_id, "bos_token"),
                                {spec.eos_id, "eos_token"},
                                {spec.pad_id, "pad_token"},
                                {spec.mask_id, "mask_token"}}) {
    if (id >= 0 && id < tokenizer->size()) files.tokenizer_config[key] = tokenizer->token_text(id);
  }
  return files;
}

// transformers' name of the type that most bytes of the plan have.
const char* torch_type(const ConvertPlan& plan) {
  std::map<DType, uint64_t> bytes;
  for (const MovedTensor& tensor : plan.tensors) bytes[tensor.type] += bytes_of(tensor);
  const auto most =
      std::max_element(bytes.begin(), bytes.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  if (most == bytes.end() || most->first == DType::kF32) return "float32";
  return most->first == DType::kBF16 ? "bfloat16" : "float16";
}

class Writer {
 public:
  Writer(const ModelFiles& source, const ConvertPlan& plan, const ConvertOptions& options, uint64_t total,
         ThreadPool& pool)
      : where_(source.weights->describe()), move_{.pool = pool, .cancel = options.cancel, .progress = {}} {
    if (options.progress) {
      move_.progress = [this, &options, total](const std::string& tensor, uint64_t bytes) {
        written_ += bytes;
        options.progress(written_, total, tensor);
      };
    }
    for (const MovedTensor& tensor : plan.tensors) streams_.push_back(stream(tensor, where_, move_));
  }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  const std::vector<StreamedTensor>& streams() const { return streams_; }

 private:
  std::string where_;
  MoveOptions move_;
  uint64_t written_ = 0;
  std::vector<StreamedTensor> streams_;
};

// The weights first: what is left by a failure is no model.
void write_directory(const ModelFiles& described, const fs::path& target, const Writer& writer) {
  std::error_code failed;
  fs::create_directories(target, failed);
  if (failed) throw error(ErrorKind::kIo, "{}: cannot create the directory: {}", target.string(), failed.message());
  write_safetensors(target / "model.safetensors", writer.streams(), {{"format", "pt"}});
  write_model_descriptions(described, target);
}

}  // namespace

ConvertReport convert_model(const ModelFiles& source, const fs::path& target, const ConvertOptions& options,
                            ThreadPool& pool) {
  const bool to_gguf = is_gguf_name(target), from_gguf = source.gguf != nullptr;
  const GgufMixture* mixture = mixture_of(options.type, to_gguf);
  check_target(source, target, to_gguf);
  ModelSpec spec;
  std::string family;
  if (!(to_gguf && from_gguf)) {
    spec = read_spec(source);
    family = spec.family;
    if (to_gguf) check_gguf_can_say(spec, source.where);
  } else {
    for (const Family& each : families()) {
      if (has_architecture(source, each)) family = each.name;
    }
  }
  const ConvertPlan plan = to_gguf ? from_gguf ? plan_requantised(source, mixture) : plan_gguf(source, spec, mixture)
                           : from_gguf ? plan_directory(source, spec, mixture)
                                       : plan_retyped(source, mixture);
  ConvertReport report = report_of(source, plan);
  report.family = family;
  check_space(report.bytes, target);
  const Writer writer(source, plan, options, report.bytes, pool);
  if (to_gguf) {
    GgufPairs pairs =
        from_gguf ? kept_metadata(*source.gguf) : metadata_of(source, spec, target.stem().string(), report.notes);
    if (!from_gguf) {
      const auto limits = llama_cpp_limits(spec);
      report.notes.insert(report.notes.end(), limits.begin(), limits.end());
    }
    add_general(plan, mixture, pairs);
    write_gguf(target, pairs, writer.streams());
  } else {
    ModelFiles described = source;
    if (from_gguf) described = described_as_directory(source, spec);
    described.config[described.config.contains("dtype") ? "dtype" : "torch_dtype"] = torch_type(plan);
    write_directory(described, target, writer);
  }
  source.weights->check_intact();
  return report;
}

}  // namespace pent
