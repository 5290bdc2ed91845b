// Dream, DiffuCoder, Dream-Coder (spec 10 §4): Qwen2.5 seen whole, its logits shifted by one.
#include "base/error.h"
#include "model/families/config.h"
#include "model/families/family.h"

namespace pent {
namespace {

bool matches(const ModelFiles& files) { return has_architecture(files, kDreamFamily); }

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
  check_spec(spec, files.where);
  return spec;
}

}  // namespace

const Family kDreamFamily = {
    .name = "dream",
    .summary = "Dream 7B, DiffuCoder, Dream-Coder: masked diffusion, full attention, shifted logits",
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
