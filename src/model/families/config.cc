// Checked look-ups in config.json and GGUF metadata (keys: spec 10 §1, §11, §14.2).
#include "model/families/config.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "model/families/family.h"

namespace pent {
namespace {

constexpr int64_t kMaxSize = int64_t{1} << 24;
constexpr int64_t kMaxWidth = int64_t{1} << 20;
constexpr int kMaxLayers = 4096;

int checked_size(int64_t value, const char* key, const std::string& where) {
  if (value < 1 || value > kMaxSize) {
    throw error(ErrorKind::kCorrupt, "{}: '{}' is {}, expected 1 to {}", where, key, value, kMaxSize);
  }
  return static_cast<int>(value);
}

// -1, as some configs write, means none.
int32_t checked_token(int64_t value, const char* key, const std::string& where) {
  if (value < -1 || value >= kMaxSize) {
    throw error(ErrorKind::kCorrupt, "{}: '{}' is {}, not a token id", where, key, value);
  }
  return static_cast<int32_t>(value);
}

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

void ConfigReader::require_flag(const char* key, bool supported) const {
  if (flag(key, supported) != supported) {
    throw error(ErrorKind::kUnsupported, "{}: '{}' is {}; only {} is supported", where_, key, !supported, supported);
  }
}

void ConfigReader::require_text(const char* key, const char* supported) const {
  const auto value = get_string(config(), key, where_);
  if (value && *value != supported) {
    throw error(ErrorKind::kUnsupported, "{}: '{}' is \"{}\"; only \"{}\" is supported", where_, key, *value,
                supported);
  }
}

void ConfigReader::require_absent(const char* key) const {
  const auto found = config().find(key);
  if (found != config().end() && !found->is_null()) {
    throw error(ErrorKind::kUnsupported, "{}: '{}' is set; this build does not know what to do with it", where_, key);
  }
}

int32_t ConfigReader::token(const char* key) const {
  const auto value = get_int(config(), key, where_);
  return value ? checked_token(*value, key, where_) : -1;
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

ModelSpec read_gguf_spec(const ModelFiles& files, const std::string& arch, AttentionKind attention) {
  const GgufFile& gguf = *files.gguf;
  const auto optional_size = [&](const std::string& key, int64_t fallback) {
    return checked_size(gguf.get_int(key).value_or(fallback), key.c_str(), files.where);
  };
  const auto size = [&](const std::string& key) {
    if (!gguf.get_int(arch + "." + key)) {
      throw error(ErrorKind::kCorrupt, "{}: the required key '{}.{}' is missing", files.where, arch, key);
    }
    return optional_size(arch + "." + key, 0);
  };
  const auto token = [&](const char* key) {
    const auto value = gguf.get_int(std::string("tokenizer.ggml.") + key);
    return value ? checked_token(*value, key, files.where) : -1;
  };
  ModelSpec spec;
  spec.d_model = size("embedding_length");
  spec.n_layers = size("block_count");
  spec.n_heads = size("attention.head_count");
  spec.n_kv_heads = optional_size(arch + ".attention.head_count_kv", spec.n_heads);
  spec.head_dim = optional_size(arch + ".attention.key_length", std::max(1, spec.d_model / spec.n_heads));
  spec.ffn_dim = size("feed_forward_length");
  spec.max_positions = size("context_length");
  const TensorView* embedding = gguf.find("token_embd.weight");
  if (embedding == nullptr) throw error(ErrorKind::kCorrupt, "{}: tensor 'token_embd.weight' is missing", files.where);
  spec.vocab_size = checked_size(embedding->rows(), "rows of token_embd.weight", files.where);
  spec.tied_head = gguf.find("output.weight") == nullptr;
  spec.rms_eps = static_cast<float>(gguf.get_number(arch + ".attention.layer_norm_rms_epsilon").value_or(1e-5));
  spec.rope_theta = gguf.get_number(arch + ".rope.freq_base").value_or(10000);
  const auto unsupported = [&](const std::string& key, const std::string& value) {
    throw error(ErrorKind::kUnsupported, "{}: '{}' is {}, which is not supported", files.where, key, value);
  };
  const std::string rope = arch + ".rope.";
  if (gguf.get_int(rope + "dimension_count").value_or(spec.head_dim) != spec.head_dim) {
    unsupported(rope + "dimension_count", "not the whole head");
  }
  const std::string scaling = gguf.get_string(rope + "scaling.type").value_or("none");
  if (scaling != "none") unsupported(rope + "scaling.type", scaling);
  if (gguf.find("rope_freqs.weight") != nullptr) unsupported("rope_freqs.weight", "given (rescaled RoPE)");
  if (gguf.get_int(arch + ".attention.value_length").value_or(spec.head_dim) != spec.head_dim) {
    unsupported(arch + ".attention.value_length", "not the key length");
  }
  if (gguf.get_int(arch + ".expert_count").value_or(0) != 0) unsupported(arch + ".expert_count", "not 0");
  const bool causal = gguf.get_bool(arch + ".attention.causal").value_or(attention == AttentionKind::kCausal);
  if (causal != (attention == AttentionKind::kCausal))
    unsupported(arch + ".attention.causal", causal ? "true" : "false");
  if (gguf.get_bool("diffusion.shift_logits").value_or(false)) unsupported("diffusion.shift_logits", "true");
  spec.attention = attention;
  spec.bos_id = token("bos_token_id");
  spec.eos_id = token("eos_token_id");
  spec.pad_id = token("padding_token_id");
  spec.mask_id = token("mask_token_id");
  for (const int32_t stop : {spec.eos_id, token("eot_token_id"), token("eom_token_id")}) {
    add_stop(spec, stop);
  }
  return spec;
}

void check_spec(const ModelSpec& spec, const std::string& where) {
  const auto refuse = [&](const std::string& what) { throw error(ErrorKind::kCorrupt, "{}: {}", where, what); };
  // Far above every published model, and low enough that sizes computed from them fit in 63 bits.
  if (spec.n_layers > kMaxLayers) refuse(fmt::format("{} layers, at most {} are accepted", spec.n_layers, kMaxLayers));
  const int64_t widest = std::max<int64_t>({spec.d_model, spec.ffn_dim, int64_t{spec.n_heads} * spec.head_dim});
  if (widest > kMaxWidth) refuse(fmt::format("a layer {} wide, at most {} is accepted", widest, kMaxWidth));
  if (spec.n_heads % spec.n_kv_heads != 0) {
    refuse(fmt::format("{} attention heads cannot share {} key/value heads", spec.n_heads, spec.n_kv_heads));
  }
  if (spec.head_dim % 2 != 0) refuse(fmt::format("head dimension {} is odd; RoPE needs pairs", spec.head_dim));
  if (!std::isfinite(spec.rope_theta) || spec.rope_theta <= 1)
    refuse(fmt::format("RoPE base {} is not above 1", spec.rope_theta));
  if (!std::isfinite(spec.rms_eps) || spec.rms_eps < 0 || spec.rms_eps > 1) {
    refuse(fmt::format("RMSNorm epsilon {} is not in [0, 1]", spec.rms_eps));
  }
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

const TensorNames kGgufNames = {
    .embedding = "token_embd.weight",
    .final_norm = "output_norm.weight",
    .head = "output.weight",
    .attn_norm = "blk.{}.attn_norm.weight",
    .q = "blk.{}.attn_q.weight",
    .k = "blk.{}.attn_k.weight",
    .v = "blk.{}.attn_v.weight",
    .attn_out = "blk.{}.attn_output.weight",
    .ffn_norm = "blk.{}.ffn_norm.weight",
    .gate = "blk.{}.ffn_gate.weight",
    .up = "blk.{}.ffn_up.weight",
    .down = "blk.{}.ffn_down.weight",
    .interleaved_rope = true,
};

}  // namespace pent
