// Dream, DiffuCoder, Dream-Coder (spec 10 §4): Qwen2.5 seen whole, its logits shifted by one. DreamOn (spec 44 §1) is Dream-Coder with a
// token more.
#include <algorithm>

#include "base/error.h"
#include "model/families/config.h"
#include "model/families/family.h"

namespace pent {
namespace {

bool matches(const ModelFiles& files) { return has_architecture(files, kDreamFamily); }

// Its config names the token that makes one mask two (expand_token_id, as its generation config does), or the tokenizer has it; the end
// token deletes unless it names another.
void read_expansion(const ModelFiles& files, ModelSpec& spec) {
  const ConfigReader config(files);
  spec.expand_id = config.token("expand_token_id");
  if (spec.expand_id < 0) spec.expand_id = find_added_token(files, "<|expand|>");
  if (spec.expand_id < 0) return;
  if (spec.eos_id < 0 && !spec.stop_ids.empty()) spec.eos_id = spec.stop_ids.front();
  spec.delete_id = config.token("delete_token_id");
  if (spec.delete_id < 0) spec.delete_id = spec.eos_id;
  if (spec.eos_id < 0 || spec.expand_id == spec.delete_id || spec.expand_id == spec.mask_id ||
      spec.delete_id == spec.mask_id || std::max(spec.expand_id, spec.delete_id) >= spec.vocab_size)
    throw error(
        ErrorKind::kCorrupt,
        "{}: 'expand_token_id' is {} and the token that deletes (delete_token_id, or the end token) {}; expected "
        "two tokens of the {}, neither the mask",
        files.where, spec.expand_id, spec.delete_id, spec.vocab_size);
}

ModelSpec read(const ModelFiles& files) {
  ModelSpec spec;
  if (files.gguf) {
    spec = read_gguf_spec(files, "dream", AttentionKind::kFull);
    spec.shift = files.gguf->get_bool("diffusion.shift_logits").value_or(true);  // llama.cpp's converter writes nothing
  } else {
    spec = read_llama_keys(files);
    spec.mask_id = find_mask_id(files, "<|mask|>");
    spec.shift = true;
  }
  spec.family = kDreamFamily.name;
  spec.attention = AttentionKind::kFull;
  spec.qkv_bias = true;
  spec.default_preset = "dream";
  if (spec.vocab_size == 152064) {  // Qwen2.5's ids, of which no file of Dream lists both
    add_stop(spec, 151643);         // <|endoftext|>
    add_stop(spec, 151645);         // <|im_end|>
  }
  require_mask(spec, files);
  if (!files.gguf) read_expansion(files, spec);
  if (spec.expands_holes()) spec.default_preset = "dreamon";
  check_spec(spec, files.where);
  return spec;
}

}  // namespace

const Family kDreamFamily = {
    .name = "dream",
    .summary = "Dream 7B, DiffuCoder, Dream-Coder, DreamOn: masked diffusion, full attention, shifted logits",
    .architecture = "DreamModel",
    .model_type = "Dream",
    .gguf = "dream",
    .names = &kLlamaNames,
    .gguf_names = &kGgufNames,
    .matches = matches,
    .read_spec = read,
    .proof = "transformers' Qwen2 with a full 4-D mask (tiny-dream)",
};

}  // namespace pent
