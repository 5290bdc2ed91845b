// pent inspect: what a model is, without packing its weights; or why it is refused.
#include <map>

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "cli/command.h"
#include "cli/options.h"
#include "engine/model.h"
#include "model/families/family.h"
#include "model/weights.h"
#include "sample/preset.h"

namespace pent::cli {
namespace {

struct Arguments {
  std::string model;
  bool json = false;
};

Json shapes(const ModelSpec& spec) {
  const char* attention = spec.attention == AttentionKind::kFull     ? "full"
                          : spec.attention == AttentionKind::kCausal ? "causal"
                                                                     : "block-causal";
  Json shapes = {{"attention", attention},        {"block_size", spec.block_size}, {"shifted", spec.shift},
                 {"layers", spec.n_layers},       {"width", spec.d_model},         {"heads", spec.n_heads},
                 {"kv_heads", spec.n_kv_heads},   {"head_dim", spec.head_dim},     {"ffn", spec.ffn_dim},
                 {"vocabulary", spec.vocab_size}, {"context", spec.max_positions}, {"tied_head", spec.tied_head}};
  if (spec.learned_positions)
    shapes["positions"] = "learned";
  else
    shapes["rope_theta"] = spec.rope_theta;
  if (spec.window > 0) shapes["window"] = spec.window;
  if (!spec.global.layers.empty()) {
    shapes["full_layers"] = spec.global.layers;
    shapes["full_kv_heads"] = spec.global.n_kv_heads;
    shapes["full_head_dim"] = spec.global.head_dim;
  }
  if (spec.canvas_length > 0) shapes["canvas"] = spec.canvas_length;
  const MoeSpec& moe = spec.moe;
  if (moe.n_experts == 0) return shapes;
  shapes["experts"] = moe.n_experts;
  shapes["expert_top_k"] = moe.top_k;
  shapes["expert_width"] = moe.expert_dim;
  shapes["shared_width"] = moe.shared_dim;
  shapes["dense_layers"] = moe.dense_layers.size();
  return shapes;
}

// Elements per stored format, in the order of first appearance.
Json stored_formats(const WeightSource& weights, int64_t& bytes) {
  Json formats = Json::object();
  for (const std::string& name : weights.names()) {
    const TensorView* tensor = weights.find(name);
    if (!tensor) continue;
    const char* format = dtype_info(tensor->dtype).name;
    formats[format] = formats.value(format, int64_t{0}) + tensor->elements();
    bytes += static_cast<int64_t>(tensor->bytes.size());
  }
  return formats;
}

// Tensors of parts for other things than text.
int count_unused(const WeightSource& weights, const ModelSpec& spec) {
  int count = 0;
  for (const std::string& name : weights.names())
    for (const char* prefix : family_of(spec).other_parts) count += name.starts_with(prefix) ? 1 : 0;
  return count;
}

// What a run will hold. Keys and values are bfloat16.
Json memory_plan(const ModelFiles& files, const ModelSpec& spec, int64_t stored_bytes) {
  using Format = kernels::PackedMatrix::Format;
  int64_t kv_per_token = 0;
  for (int layer = 0; layer < spec.n_layers; ++layer)
    kv_per_token += int64_t{2} * spec.heads(layer).n_kv_heads * spec.heads(layer).head_dim * int64_t{2};
  return {{"stored_bytes", stored_bytes},
          {"packed_bytes", static_cast<int64_t>(packed_bytes(files, spec, Format::kQ8))},
          {"precise_bytes", static_cast<int64_t>(packed_bytes(files, spec, Format::kF32))},
          {"kv_bytes_per_token", kv_per_token},
          {"kv_bytes_at_context", kv_per_token * spec.max_positions},
          {"available_bytes", available_memory_bytes()}};
}

void print_plain(const Json& facts) {
  const auto line = [](const char* key, const std::string& value) { fmt::print("{:<14}{}\n", key, value); };
  const auto size = [&](const char* key) { return human_bytes(facts["memory"][key].get<double>()); };
  line("model", facts["model"].get<std::string>());
  line("family", facts["family"].get<std::string>());
  const double parameters = facts["parameters"].get<double>(), active = facts["active_parameters"].get<double>();
  line("parameters",
       fmt::format("{:.1f} M", parameters / 1e6) +
           (active < parameters ? fmt::format(", {:.1f} M of them active for a token", active / 1e6) : ""));
  for (const auto& [key, value] : facts["shapes"].items()) {
    line(key.c_str(), value.is_string() ? value.get<std::string>() : value.dump());
  }
  for (const auto& [key, value] : facts["tokens"].items()) line(key.c_str(), value.dump());
  for (const auto& [format, elements] : facts["stored"].items()) {
    line("stored as", fmt::format("{} ({:.1f} M elements)", format, elements.get<double>() / 1e6));
  }
  line("memory",
       fmt::format("{} packed, {} with --precise; keys and values {} a token, {} for the whole context; {} are "
                   "available",
                   size("packed_bytes"), size("precise_bytes"), size("kv_bytes_per_token"), size("kv_bytes_at_context"),
                   size("available_bytes")));
  if (const int unused = facts["unused_tensors"].get<int>(); unused > 0)
    line("not used", fmt::format("{} tensors of parts for other things than text", unused));
  const Json& refusal = facts["chat_template_refusal"];
  line("template", refusal.is_string()                  ? "cannot be used (run --raw): " + refusal.get<std::string>()
                   : facts["chat_template"].get<bool>() ? "chat"
                                                        : "none");
  const auto list = [&](const char* key) {
    std::string names;
    for (const Json& name : facts[key]) names += (names.empty() ? "" : ", ") + name.get<std::string>();
    return names;
  };
  line("modes", list("modes"));
  line("presets", list("presets") + fmt::format(" (default {})", facts["default_preset"].get<std::string>()));
}

int run(const Arguments& args) {
  ModelFiles files = find_files({.model = args.model});
  const ModelSpec spec = read_spec(files);
  check_tensors(files, spec);
  const bool has_template = parse_chat_template(files) != nullptr;
  int64_t stored_bytes = 0;
  const Json formats = stored_formats(*files.weights, stored_bytes);
  Json names = Json::array();
  for (const Preset& preset : presets()) {
    if (fits(preset, spec)) names.push_back(preset.name);
  }
  Json modes = Json::array();
  for (const Mode mode : modes_of(spec)) modes.push_back(to_string(mode));
  Json tokens = Json::object();
  for (const auto& [key, id] :
       {std::pair("mask", spec.mask_id), {"bos", spec.bos_id}, {"eos", spec.eos_id}, {"pad", spec.pad_id}}) {
    if (id >= 0) tokens[std::string(key) + "_id"] = id;
  }
  tokens["stop_ids"] = spec.stop_ids;
  const Json facts = {
      {"schema", 1},
      {"model", files.where},
      {"family", spec.family},
      {"mode", to_string(own_mode(spec))},
      {"modes", std::move(modes)},
      {"parameters", spec.parameters()},
      {"active_parameters", spec.active_parameters()},
      {"shapes", shapes(spec)},
      {"tokens", std::move(tokens)},
      {"stored", formats},
      {"unused_tensors", count_unused(*files.weights, spec)},
      {"memory", memory_plan(files, spec, stored_bytes)},
      {"chat_template", has_template},
      {"chat_template_refusal", files.chat_template_refusal ? Json(files.chat_template_refusal->what()) : Json()},
      {"presets", std::move(names)},
      {"default_preset", spec.default_preset}};
  if (args.json)
    fmt::print("{}\n", to_json_line(facts));
  else
    print_plain(facts);
  return 0;
}

}  // namespace

Action define_inspect(CommandLine& line) {
  auto args = std::make_shared<Arguments>();
  line.positional("FILE", args->model, "a directory, a .gguf file or a name; default: the embedded model");
  line.flag("--json", args->json, "one JSON document");
  return [args] { return run(*args); };
}

}  // namespace pent::cli
