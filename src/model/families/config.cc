// Checked look-ups in config.json and GGUF metadata (keys: spec 10 §1, §11, §14.2).
#include "model/families/config.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/error.h"
#include "model/families/family.h"

namespace pent {
namespace {

constexpr int64_t kMaxWidth = int64_t{1} << 20;
constexpr int kMaxLayers = 4096;

}  // namespace

int checked_size(int64_t value, const char* key, const std::string& where) {
  if (value < 1 || value > kMaxConfigSize) {
    throw error(ErrorKind::kCorrupt, "{}: '{}' is {}, expected 1 to {}", where, key, value, kMaxConfigSize);
  }
  return static_cast<int>(value);
}

int32_t checked_token(int64_t value, const char* key, const std::string& where) {
  if (value < -1 || value >= kMaxConfigSize) {
    throw error(ErrorKind::kCorrupt, "{}: '{}' is {}, not a token id", where, key, value);
  }
  return static_cast<int32_t>(value);
}

namespace {

// A number or a list of numbers.
std::vector<int32_t> token_list(const Json& object, const char* key, const std::string& where) {
  std::vector<int32_t> tokens;
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return tokens;
  if (!found->is_array()) return {checked_token(get_int(object, key, where).value(), key, where)};
  for (const Json& entry : *found) {
    if (!entry.is_number_integer())
      throw error(ErrorKind::kCorrupt, "{}: '{}' lists something that is no token id", where, key);
    tokens.push_back(checked_token(entry.get<int64_t>(), key, where));
  }
  return tokens;
}

}  // namespace

namespace {

const Json& section_of(const Json& config, const char* section) {
  static const Json kNone;
  return config.is_object() && config.contains(section) ? config.at(section) : kNone;
}

}  // namespace

ConfigReader::ConfigReader(const ModelFiles& files, const char* section)
    : files_(files),
      config_(section_of(files.config, section)),
      where_(fmt::format("{}/config.json: {}", files.where, section)) {
  if (!config_.is_object()) throw error(ErrorKind::kCorrupt, "{} is missing, or no object", where_);
}

int ConfigReader::size(const char* key, int fallback) const {
  const auto value = get_int(config(), key, where_);
  if (value) return checked_size(*value, key, where_);
  if (fallback == 0) throw error(ErrorKind::kCorrupt, "{}: the required key '{}' is missing", where_, key);
  return fallback;
}

double ConfigReader::number(const char* key, double fallback) const {
  return get_number(config(), key, where_).value_or(fallback);
}

bool ConfigReader::flag(const char* key, bool fallback) const {
  return get_bool(config(), key, where_).value_or(fallback);
}

bool ConfigReader::has(const char* key) const {
  const auto found = config().find(key);
  return found != config().end() && !found->is_null();
}

void ConfigReader::require_flag(const char* key, bool supported) const {
  if (flag(key, supported) != supported) {
    throw error(ErrorKind::kUnsupported, "{}: '{}' is {}; only {} is supported", where_, key, !supported, supported);
  }
}

void ConfigReader::require_text(const char* key, const char* supported) const {
  const auto value = get_string(config(), key, where_);
  if (value && *value != supported) {
    throw error(ErrorKind::kUnsupported, "{}: '{}' is \"{}\"; only \"{}\" is supported", where_, key, printable(*value),
                supported);
  }
}

void ConfigReader::require_absent(const char* key) const {
  if (has(key)) {
    throw error(ErrorKind::kUnsupported, "{}: '{}' is set; this build does not know what to do with it", where_, key);
  }
}

int32_t ConfigReader::token(const char* key) const {
  if (const auto value = get_int(config(), key, where_)) return checked_token(*value, key, where_);
  if (!files_.generation_config.is_object()) return -1;
  const std::string where = files_.where + "/generation_config.json";
  const auto value = get_int(files_.generation_config, key, where);
  return value ? checked_token(*value, key, where) : -1;
}

std::string ConfigReader::architecture(const ModelFiles& files) {
  if (!files.config.is_object()) return {};
  const auto found = files.config.find("architectures");
  if (found == files.config.end() || !found->is_array() || found->empty() || !found->front().is_string()) return {};
  return found->front().get<std::string>();
}

std::string ConfigReader::model_type(const ModelFiles& files) {
  if (!files.config.is_object()) return {};
  return get_string(files.config, "model_type", files.where + "/config.json").value_or("");
}

void add_stop(ModelSpec& spec, int32_t token) {
  if (token < 0) return;
  if (std::find(spec.stop_ids.begin(), spec.stop_ids.end(), token) == spec.stop_ids.end())
    spec.stop_ids.push_back(token);
}

int32_t find_mask_id(const ModelFiles& files, std::string_view text) {
  const int32_t id = ConfigReader(files).token("mask_token_id");
  return id >= 0 ? id : find_added_token(files, text);
}

int32_t find_added_token(const ModelFiles& files, std::string_view text) {
  if (!files.tokenizer_config.is_object()) return -1;
  const auto tokens = files.tokenizer_config.find("added_tokens_decoder");  // {"151666": {"content": "<|mask|>", …}, …}
  if (tokens == files.tokenizer_config.end() || !tokens->is_object()) return -1;
  const std::string where = files.where + "/tokenizer_config.json";
  for (const auto& [key, token] : tokens->items()) {
    if (!token.is_object() || get_string(token, "content", where) != text) continue;
    int64_t id = -1;
    const auto [end, problem] = std::from_chars(key.data(), key.data() + key.size(), id);
    if (problem != std::errc() || end != key.data() + key.size())
      throw error(ErrorKind::kCorrupt, "{}: 'added_tokens_decoder' has the key '{}', not a token id", where,
                  printable(key));
    return checked_token(id, "added_tokens_decoder", where);
  }
  return -1;
}

int32_t find_mask_id(const ModelFiles& files) {
  std::string text;
  if (files.tokenizer_config.is_object()) {
    const auto found = files.tokenizer_config.find("mask_token");  // "[MASK]" or {"content": "[MASK]", …}
    const std::string where = files.where + "/tokenizer_config.json";
    if (found != files.tokenizer_config.end() && found->is_string()) text = found->get<std::string>();
    if (found != files.tokenizer_config.end() && found->is_object())
      text = get_string(*found, "content", where).value_or("");
  }
  return find_mask_id(files, text);
}

void require_mask(const ModelSpec& spec, const ModelFiles& files) {
  if (spec.mask_id >= 0) return;
  throw error(ErrorKind::kCorrupt, "{}: the required key '{}' is missing, and the tokenizer has no mask token",
              files.where, files.gguf ? "tokenizer.ggml.mask_token_id" : "mask_token_id");
}

void read_stop_ids(const ModelFiles& files, ModelSpec& spec) {
  for (const int32_t token : token_list(files.config, "eos_token_id", files.where + "/config.json"))
    add_stop(spec, token);
  if (files.generation_config.is_object()) {
    for (const int32_t token :
         token_list(files.generation_config, "eos_token_id", files.where + "/generation_config.json")) {
      add_stop(spec, token);
    }
  }
  if (!spec.stop_ids.empty()) spec.eos_id = spec.stop_ids.front();
}

namespace {

template <typename Refuse>
void check_global_layers(const ModelSpec& spec, const Refuse& refuse) {
  const GlobalLayers& global = spec.global;
  if (global.layers.empty()) return;
  if (static_cast<int>(global.layers.size()) > spec.n_layers || global.layers.back() >= spec.n_layers)
    refuse(fmt::format("layers with full attention beyond the model's {}", spec.n_layers));
  if (spec.n_heads % global.n_kv_heads != 0)
    refuse(fmt::format("{} attention heads cannot share {} key/value heads in layers with full attention", spec.n_heads,
                       global.n_kv_heads));
  if (global.head_dim % 2 != 0 || int64_t{spec.n_heads} * global.head_dim > kMaxWidth)
    refuse(fmt::format("head dimension {} in layers with full attention", global.head_dim));
  if (!std::isfinite(global.rope_theta) || global.rope_theta <= 1)
    refuse(fmt::format("RoPE base {} in layers with full attention is not above 1", global.rope_theta));
}

template <typename Refuse>
void check_rope_scaling(const ModelSpec& spec, const Refuse& refuse) {
  const RopeScaling& scaling = spec.rope_scaling;
  using Kind = RopeScaling::Kind;
  const auto check = [&](const char* what, double value, double low, double high) {
    if (!(value >= low && value <= high))  // written so that NaN fails
      refuse(fmt::format("RoPE scaling: {} is {}, expected {} to {}", what, value, low, high));
  };
  if (scaling.kind == Kind::kNone) return;
  if (scaling.kind != Kind::kDivisors) check("factor", scaling.factor, 1e-3, 1e6);
  if (scaling.kind == Kind::kLlama3 || scaling.kind == Kind::kYarn)
    check("original context", scaling.original_positions, 1, 1e9);
  if (scaling.kind == Kind::kLlama3) {
    check("low_freq_factor", scaling.low_freq_factor, 1e-6, 1e6);
    check("high_freq_factor", scaling.high_freq_factor, 1e-6, 1e6);
    if (scaling.high_freq_factor <= scaling.low_freq_factor)
      refuse("RoPE scaling: high_freq_factor is not above low_freq_factor");
  }
  if (scaling.kind == Kind::kYarn) {
    check("beta_fast", scaling.beta_fast, 1e-6, 1e6);
    check("beta_slow", scaling.beta_slow, 1e-6, 1e6);
    check("attention factor", scaling.magnitude, 1e-3, 1e3);
  }
  for (const float divisor : scaling.divisors) check("divisor", divisor, 1e-6, 1e9);
  if (scaling.kind == Kind::kDivisors && static_cast<int>(scaling.divisors.size()) != spec.rotated_dim() / 2)
    refuse(fmt::format("RoPE scaling: {} divisors for {} channels", scaling.divisors.size(), spec.rotated_dim()));
}

template <typename Refuse>
void check_rope(const ModelSpec& spec, const Refuse& refuse) {
  if (spec.head_dim % 2 != 0) refuse(fmt::format("head dimension {} is odd; RoPE needs pairs", spec.head_dim));
  if (spec.rotated_dim() % 2 != 0 || spec.rotated_dim() > spec.head_dim)
    refuse(fmt::format("RoPE turns {} of a head's {} channels; it needs pairs of them", spec.rotated_dim(),
                       spec.head_dim));
  check_rope_scaling(spec, refuse);
  check_global_layers(spec, refuse);
  if (!std::isfinite(spec.rope_theta) || spec.rope_theta <= 1)
    refuse(fmt::format("RoPE base {} is not above 1", spec.rope_theta));
}

}  // namespace

void check_spec(const ModelSpec& spec, const std::string& where) {
  const auto refuse = [&](const std::string& what) { throw error(ErrorKind::kCorrupt, "{}: {}", where, what); };
  // Far above every published model, and low enough that sizes computed from them fit in 63 bits.
  if (spec.n_layers > kMaxLayers) refuse(fmt::format("{} layers, at most {} are accepted", spec.n_layers, kMaxLayers));
  const int64_t widest = std::max<int64_t>({spec.d_model, spec.ffn_dim, int64_t{spec.n_heads} * spec.head_dim});
  if (widest > kMaxWidth) refuse(fmt::format("a layer {} wide, at most {} is accepted", widest, kMaxWidth));
  if (spec.n_heads % spec.n_kv_heads != 0) {
    refuse(fmt::format("{} attention heads cannot share {} key/value heads", spec.n_heads, spec.n_kv_heads));
  }
  if (!spec.learned_positions) check_rope(spec, refuse);
  if (spec.attention == AttentionKind::kBlockCausal && spec.block_size < 1)
    refuse("block-causal attention without a block size");
  check_experts(spec, where);
  if (!std::isfinite(spec.rms_eps) || spec.rms_eps < 0 || spec.rms_eps > 1)
    refuse(fmt::format("the norms' epsilon {} is not in [0, 1]", spec.rms_eps));
  const auto check_token = [&](const char* what, int32_t token) {
    if (token >= spec.vocab_size) {
      refuse(fmt::format("{} id {} is not in the vocabulary of {}", what, token, spec.vocab_size));
    }
  };
  check_token("mask", spec.mask_id);
  check_token("bos", spec.bos_id);
  check_token("pad", spec.pad_id);
  for (const int32_t stop : spec.stop_ids) check_token("end-of-text", stop);
}

}  // namespace pent
