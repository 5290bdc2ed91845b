// Writing and reading checkpoints and exports (checkpoint.h; file formats: docs/formats.md). A checkpoint is complete
// or absent: files go to a directory with another name, are synced, and one rename makes it real.
#include "train/checkpoint.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "base/mapped_file.h"
#include "io/weight_source.h"
#include "model/families/config.h"

namespace pent::train {
namespace {

namespace fs = std::filesystem;

constexpr const char* kChatTemplate =
    "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'user' %}<|user|>{{ message['content'] | "
    "trim }}"
    "{% elif message['role'] == 'assistant' %}<|assistant|>{{ message['content'] | trim }}{{ eos_token }}{% endif %}{% "
    "endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}";

void sync_directory(const fs::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY);
  if (fd < 0) return;
  ::fsync(fd);
  ::close(fd);
}

constexpr std::string_view kPartial = ".partial";

// Writes a directory through `fill` under a temporary name, then puts it in place of `directory`, which exists
// throughout.
void write_directory_atomically(const fs::path& directory, const std::function<void(const fs::path&)>& fill) {
  const fs::path parent = directory.has_parent_path() ? directory.parent_path() : fs::path(".");
  const fs::path temporary = parent / fmt::format(".{}{}", directory.filename().string(), kPartial);
  std::error_code ignored;
  try {
    fs::remove_all(temporary);
    fs::create_directories(temporary);
    fill(temporary);
    sync_directory(temporary);
    if (!fs::exists(directory)) {
      fs::rename(temporary, directory);
    } else if (::renameat2(AT_FDCWD, temporary.c_str(), AT_FDCWD, directory.c_str(), RENAME_EXCHANGE) == 0) {
      fs::remove_all(temporary);
    } else {  // a file system that cannot exchange
      fs::remove_all(directory);
      fs::rename(temporary, directory);
    }
    sync_directory(parent);
  } catch (const fs::filesystem_error& e) {
    fs::remove_all(temporary, ignored);
    throw error(ErrorKind::kIo, "{}: cannot be written: {}", directory.string(), e.code().message());
  } catch (...) {
    fs::remove_all(temporary, ignored);
    throw;
  }
}

std::span<const std::byte> bytes_of(const Tensor& tensor) {
  return {static_cast<const std::byte*>(tensor.data_ptr()),
          static_cast<size_t>(tensor.numel()) * tensor.element_size()};
}

TensorToWrite to_write(const std::string& name, const Tensor& tensor) {
  return {name, tensor.scalar_type() == torch::kBFloat16 ? DType::kBF16 : DType::kF32, tensor.sizes().vec(),
          bytes_of(tensor)};
}

Json config_json(const ModelCard& card) {
  Json config = to_config(card.spec);
  config["torch_dtype"] = "bfloat16";
  return config;
}

Json generation_json(const ModelCard& card) {
  const auto& g = card.recipe.generation;
  Json c = {{"bos_token_id", card.special.bos}, {"eos_token_id", card.special.eos}, {"pad_token_id", card.special.eos},
            {"do_sample", g.temperature > 0},   {"temperature", g.temperature},     {"max_new_tokens", g.max_tokens}};
  if (g.repetition_penalty != 1) c["repetition_penalty"] = g.repetition_penalty;
  if (card.spec.is_diffusion()) {
    c["block_length"] = g.block_length;
    c["steps"] = g.steps;
    // LLaDA's key for its two orders, Dream's for the others.
    if (g.remasking == "entropy" || g.remasking == "margin") {
      c["alg"] = g.remasking == "margin" ? "topk_margin" : g.remasking;
    } else {
      c["remasking"] = g.remasking;
    }
    c["cache"] = g.cache;
  }
  return c;
}

Json tokenizer_config_json(const ModelCard& card) {
  const auto& names = SpecialTokens::names();
  Json c = {{"tokenizer_class", "PreTrainedTokenizerFast"},
            {"eos_token", names[0]},
            {"pad_token", names[0]},
            {"bos_token", names[1]}};
  if (card.spec.is_diffusion()) c["mask_token"] = names[4];
  c["add_bos_token"] = false;
  c["clean_up_tokenization_spaces"] = false;
  c["model_max_length"] = card.spec.max_positions;
  if (card.chat) c["chat_template"] = kChatTemplate;
  return c;
}

const TensorNames& published_names(const ModelSpec& spec) { return spec.is_diffusion() ? kLladaNames : kLlamaNames; }

void write_model(const fs::path& directory, const ModelCard& card, const Transformer& net,
                 const std::vector<Tensor>& values) {
  write_file_atomically(directory / "config.json", config_json(card).dump(2) + "\n");
  write_file_atomically(directory / "generation_config.json", generation_json(card).dump(2) + "\n");
  write_file_atomically(directory / "tokenizer.json", card.tokenizer_json);
  write_file_atomically(directory / "tokenizer_config.json", tokenizer_config_json(card).dump(2) + "\n");
  std::vector<Tensor> kept;
  std::vector<TensorToWrite> tensors;
  for (const auto& [name, value] : net.published(published_names(card.spec), values)) {
    kept.push_back(value.to(torch::kBFloat16).contiguous());
    tensors.push_back(to_write(name, kept.back()));
  }
  write_safetensors(directory / "model.safetensors", tensors, {{"format", "pt"}});
}

// Every tensor of the optimisation by name: weights, moments, average.
std::vector<std::pair<std::string, Tensor>> state_tensors(Transformer& net, const Optimizer& optimizer) {
  std::vector<std::pair<std::string, Tensor>> out;
  auto& parameters = net.parameters();
  for (size_t i = 0; i < parameters.size(); ++i) {
    out.emplace_back("weight." + parameters[i].name, parameters[i].value.detach());
    out.emplace_back("first_moment." + parameters[i].name, optimizer.first_moment[i]);
    out.emplace_back("second_moment." + parameters[i].name, optimizer.second_moment[i]);
    if (!optimizer.average.empty()) out.emplace_back("average." + parameters[i].name, optimizer.average[i]);
  }
  return out;
}

std::vector<std::pair<int64_t, fs::path>> list_checkpoints(const fs::path& run) {
  std::vector<std::pair<int64_t, fs::path>> found;
  constexpr std::string_view kPrefix = "checkpoint-";
  std::error_code missing;
  for (const auto& entry : fs::directory_iterator(run, missing)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(kPrefix) || !entry.is_directory() || !fs::exists(entry.path() / "state.json")) continue;
    const std::string digits = name.substr(kPrefix.size());
    if (digits.empty() || digits.size() > 12 || digits.find_first_not_of("0123456789") != std::string::npos) continue;
    found.emplace_back(std::stoll(digits), entry.path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

// Throws, naming what differs between the run that was saved and the one that asks to go on.
void check_fixed(const Json& state, const Json& fixed, const std::string& where) {
  const auto saved = state.find("fixed");
  if (saved == state.end() || !saved->is_object()) throw error(ErrorKind::kCorrupt, "{}: 'fixed' is missing", where);
  std::string differences;
  for (const auto& [key, value] : saved->items()) {
    const auto now = fixed.find(key);
    if (now != fixed.end() && *now == value) continue;
    differences += fmt::format("{}{} (was {}, is {})", differences.empty() ? "" : ", ", key, value.dump(),
                               now == fixed.end() ? "absent" : now->dump());
  }
  if (differences.empty()) return;
  throw error(ErrorKind::kInvalidArgument, "{}: cannot go on with another {}; undo the change, or choose another `out`",
              where, differences);
}

}  // namespace

void export_model(const fs::path& directory, const ModelCard& card, const Transformer& net,
                  const std::vector<Tensor>& values) {
  write_directory_atomically(directory, [&](const fs::path& at) { write_model(at, card, net, values); });
}

void save_checkpoint(const fs::path& run, const ModelCard& card, Transformer& net, const Optimizer& optimizer,
                     const TrainState& state, const Json& fixed) {
  write_directory_atomically(run / fmt::format("checkpoint-{}", state.step), [&](const fs::path& at) {
    write_model(at, card, net, optimizer.best_estimate());
    std::vector<TensorToWrite> tensors;
    const auto named = state_tensors(net, optimizer);
    for (const auto& [name, tensor] : named) tensors.push_back(to_write(name, tensor));
    write_safetensors(at / "state.safetensors", tensors);
    const Json json = {{"schema", 1},
                       {"step", state.step},
                       {"updates", optimizer.updates},
                       {"epoch", state.epoch},
                       {"window", state.window},
                       {"schedule", state.schedule},
                       {"decay_begin", state.borders.decay_begin},
                       {"end", state.borders.end},
                       {"seconds", state.seconds},
                       {"tokens", state.tokens},
                       {"best_validation", state.best_validation},
                       {"best_step", state.best_step},
                       {"fixed", fixed}};
    write_file_atomically(at / "state.json", json.dump(2) + "\n");
  });
}

fs::path newest_checkpoint(const fs::path& run) {
  const auto found = list_checkpoints(run);
  return found.empty() ? fs::path() : found.back().second;
}

std::optional<TrainState> resume_checkpoint(const fs::path& run, Transformer& net, Optimizer& optimizer,
                                            const Json& fixed) {
  const fs::path at = newest_checkpoint(run);
  if (at.empty()) return std::nullopt;
  const std::string where = (at / "state.json").string();
  const Json json = parse_json(read_file(at / "state.json"), where);
  if (get_required_int(json, "schema", where) != 1)
    throw error(ErrorKind::kUnsupported, "{}: written by another version of pent (schema is not 1)", where);
  check_fixed(json, fixed, where);
  TrainState state;
  state.step = get_required_int(json, "step", where);
  state.epoch = static_cast<uint32_t>(get_required_int(json, "epoch", where));
  state.window = get_required_int(json, "window", where);
  state.schedule = get_string(json, "schedule", where).value_or("");
  state.borders = {get_required_int(json, "decay_begin", where), get_required_int(json, "end", where)};
  state.seconds = get_number(json, "seconds", where).value_or(0);
  state.tokens = get_required_int(json, "tokens", where);
  state.best_validation = get_number(json, "best_validation", where).value_or(1e30);
  state.best_step = get_required_int(json, "best_step", where);
  optimizer.updates = get_required_int(json, "updates", where);
  const auto source = open_safetensors(at / "state.safetensors");
  for (auto& [name, tensor] : state_tensors(net, optimizer)) {
    const TensorView* view = source->find(name);
    if (view == nullptr || view->dtype != DType::kF32 || view->shape != tensor.sizes().vec())
      throw error(ErrorKind::kCorrupt, "{}: tensor '{}' is missing or has another shape", source->describe(), name);
    std::memcpy(tensor.data_ptr(), view->bytes.data(), view->bytes.size());
  }
  source->check_intact();
  return state;
}

void prune_checkpoints(const fs::path& run, int keep) {
  auto found = list_checkpoints(run);
  std::error_code ignored;
  for (size_t i = 0; i + static_cast<size_t>(keep) < found.size(); ++i) fs::remove_all(found[i].second, ignored);
  // What a killed run was writing.
  for (const auto& entry : fs::directory_iterator(run, ignored)) {
    if (const std::string name = entry.path().filename().string(); name.starts_with('.') && name.ends_with(kPartial))
      fs::remove_all(entry.path(), ignored);
  }
}

}  // namespace pent::train
