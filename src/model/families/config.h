// Reading configs: what the families share. Every message names the file and the key.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "io/gguf_write.h"
#include "io/model_files.h"
#include "model/spec.h"

namespace pent {

inline constexpr int64_t kMaxConfigSize = int64_t{1} << 24;

// `value` as a size or count, refused outside [1, kMaxConfigSize]; as a token id, refused below -1 (which some configs write
// for none). Both name key and file.
int checked_size(int64_t value, const char* key, const std::string& where);
int32_t checked_token(int64_t value, const char* key, const std::string& where);

// A config.json (or a GGUF's metadata under one architecture's prefix) with checked look-ups.
class ConfigReader {
 public:
  ConfigReader(const ModelFiles& files) : files_(files), config_(files.config), where_(files.where + "/config.json") {}
  // The object under a key of it. Throws kCorrupt when there is none.
  ConfigReader(const ModelFiles& files, const char* section);

  // A size or count in [1, 2^24]. Without a fallback (0) a missing key is an error.
  int size(const char* key, int fallback = 0) const;
  double number(const char* key, double fallback) const;
  bool flag(const char* key, bool fallback) const;
  // Throws kUnsupported unless the key is absent, null or `supported`.
  void require_flag(const char* key, bool supported) const;
  void require_text(const char* key, const char* supported) const;
  void require_absent(const char* key) const;
  int32_t token(const char* key) const;  // from config.json, else generation_config.json; -1 if absent
  bool has(const char* key) const;       // and not null
  const Json& config() const { return config_; }
  const std::string& where() const { return where_; }

  // architectures[0], model_type
  static std::string architecture(const ModelFiles& files);
  static std::string model_type(const ModelFiles& files);

 private:
  const ModelFiles& files_;
  const Json& config_;
  std::string where_;
};

// eos_token_id of config.json and generation_config.json, number or list, into eos_id and stop_ids.
void read_stop_ids(const ModelFiles& files, ModelSpec& spec);
void add_stop(ModelSpec& spec, int32_t token);  // unless it is there, or negative

// Dimensions, RoPE, biases and norms (by the tensors of block 0), special ids of a GGUF whose architecture is `arch`. Refuses
// another attention than the family's. shift is what the file says, false if nothing.
// experts: the family has them; a file of one that has not is refused for them.
ModelSpec read_gguf_spec(const ModelFiles& files, const std::string& arch, AttentionKind attention,
                         bool experts = false);

// What config.json says in the keys that Llama, Qwen2, Qwen3 and their relatives share in transformers: dimensions, RoPE and its
// rescaling, the head's tying, special ids. `attention_bias` is up to the family.
// ffn_key: that of a dense layer's inner width.
ModelSpec read_llama_keys(const ModelFiles& files, const char* ffn_key = "intermediate_size");

// Mixtures of experts, in the keys of Qwen3-MoE and its relatives, of LLaDA-MoE and of LLaDA2: into spec.moe, and back.
void read_qwen3_moe_keys(const ModelFiles& files, ModelSpec& spec);
void read_llada_moe_keys(const ModelFiles& files, ModelSpec& spec);
void read_llada2_keys(const ModelFiles& files, ModelSpec& spec);
void read_gguf_experts(const ModelFiles& files, const std::string& arch, ModelSpec& spec);
void write_expert_keys(const ModelSpec& spec, Json& config);
void write_gguf_experts(const ModelSpec& spec, const std::string& arch, GgufPairs& pairs);
// Throws kCorrupt: more experts a row than there are, groups that do not divide, …
void check_experts(const ModelSpec& spec, const std::string& where);

// The mask token: mask_token_id of config.json, or the id that tokenizer_config.json's added_tokens_decoder has for `text`; -1 if
// neither knows.
int32_t find_mask_id(const ModelFiles& files, std::string_view text);
// The second half of it.
int32_t find_added_token(const ModelFiles& files, std::string_view text);
// … of the text that tokenizer_config.json calls its mask_token.
int32_t find_mask_id(const ModelFiles& files);
// Throws kCorrupt when a diffusion model's files name no mask token.
void require_mask(const ModelSpec& spec, const ModelFiles& files);

// Throws kCorrupt, naming what contradicts what: heads that do not divide, token ids outside the vocabulary, …
void check_spec(const ModelSpec& spec, const std::string& where);

// The config.json that read_spec() turns back into this spec.
Json to_config(const ModelSpec& spec);
// The GGUF metadata that read_spec() turns back into this spec, general.architecture first. Token ids included, the rest of
// a tokenizer not.
GgufPairs to_gguf_metadata(const ModelSpec& spec);

}  // namespace pent
