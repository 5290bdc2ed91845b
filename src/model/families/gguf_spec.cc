// The metadata and tensor names that llama.cpp's converter writes (spec 10 §14.2, §14.3).
#include <algorithm>

#include "base/error.h"
#include "io/tensor_table.h"
#include "model/families/config.h"
#include "model/families/family.h"
#include "model/rope.h"

namespace pent {
namespace {

// Llama 3's rescaling comes as a tensor of divisors, linear and YaRN as metadata.
void read_rope_scaling(const ModelFiles& files, const std::string& arch, ModelSpec& spec) {
  const GgufFile& gguf = *files.gguf;
  const std::string prefix = arch + ".rope.scaling.";
  const std::string type = gguf.get_string(prefix + "type").value_or("none");
  RopeScaling& scaling = spec.rope_scaling;
  scaling.factor = gguf.get_number(prefix + "factor").value_or(1);
  if (const TensorView* divisors = gguf.find("rope_freqs.weight")) {
    scaling.kind = RopeScaling::Kind::kDivisors;
    const int64_t pairs = spec.rotated_dim() / 2;
    if (divisors->dtype != DType::kF32 || divisors->shape != std::vector<int64_t>{pairs})
      throw error(ErrorKind::kCorrupt, "{}: tensor 'rope_freqs.weight' is {} {}, expected F32 [{}]", files.where,
                  dtype_info(divisors->dtype).name, shape_text(divisors->shape), pairs);
    scaling.divisors.resize(static_cast<size_t>(pairs));
    dequantize_rows(*divisors, 0, 1, scaling.divisors.data());
  } else if (type == "linear") {
    scaling.kind = RopeScaling::Kind::kLinear;
  } else if (type == "yarn") {
    scaling.kind = RopeScaling::Kind::kYarn;
    scaling.original_positions =
        checked_size(gguf.get_int(prefix + "original_context_length").value_or(spec.max_positions),
                     (prefix + "original_context_length").c_str(), files.where);
    scaling.beta_fast = gguf.get_number(prefix + "yarn_beta_fast").value_or(32);
    scaling.beta_slow = gguf.get_number(prefix + "yarn_beta_slow").value_or(1);
    scaling.magnitude = yarn_magnitude(scaling.factor, 0, 0) * gguf.get_number(prefix + "attn_factor").value_or(1);
  } else if (type != "none") {
    throw error(ErrorKind::kUnsupported, "{}: '{}type' is {}, which is not supported", files.where, prefix,
                printable(type));
  }
}

}  // namespace

ModelSpec read_gguf_spec(const ModelFiles& files, const std::string& arch, AttentionKind attention, bool experts) {
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
  const std::string epsilon = arch + ".attention.layer_norm_";  // … of RMSNorm, or of LayerNorm
  spec.rms_eps = static_cast<float>(
      gguf.get_number(epsilon + "rms_epsilon").value_or(gguf.get_number(epsilon + "epsilon").value_or(1e-5)));
  spec.rope_theta = gguf.get_number(arch + ".rope.freq_base").value_or(10000);
  const auto unsupported = [&](const std::string& key, const std::string& value) {
    throw error(ErrorKind::kUnsupported, "{}: '{}' is {}, which is not supported", files.where, key, value);
  };
  const int rope_dim = optional_size(arch + ".rope.dimension_count", spec.head_dim);
  if (rope_dim != spec.head_dim) {
    if (arch == "llama" || arch == "llada")
      unsupported(arch + ".rope.dimension_count", "not the whole head");  // permuted rows
    spec.rope_dim = rope_dim;
  }
  read_rope_scaling(files, arch, spec);
  spec.qkv_bias = gguf.find("blk.0.attn_q.bias") != nullptr || gguf.find("blk.0.attn_qkv.bias") != nullptr;
  spec.attn_out_bias = gguf.find("blk.0.attn_output.bias") != nullptr;
  spec.qk_norm = gguf.find("blk.0.attn_q_norm.weight") != nullptr;
  if (gguf.get_int(arch + ".attention.value_length").value_or(spec.head_dim) != spec.head_dim) {
    unsupported(arch + ".attention.value_length", "not the key length");
  }
  if (gguf.get_int(arch + ".expert_count").value_or(0) != 0) {
    if (!experts) unsupported(arch + ".expert_count", "not 0");
    read_gguf_experts(files, arch, spec);
  }
  const bool causal = gguf.get_bool(arch + ".attention.causal").value_or(attention == AttentionKind::kCausal);
  if (causal != (attention == AttentionKind::kCausal))
    unsupported(arch + ".attention.causal", causal ? "true" : "false");
  spec.shift = gguf.get_bool("diffusion.shift_logits").value_or(false);
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

constexpr TensorNames in_gguf(bool interleaved_rope, bool fused = false) {
  return {
      .embedding = "token_embd.weight",
      .final_norm = "output_norm.weight",
      .head = "output.weight",
      .attn_norm = "blk.{}.attn_norm.weight",
      .q = fused ? nullptr : "blk.{}.attn_q.weight",
      .k = fused ? nullptr : "blk.{}.attn_k.weight",
      .v = fused ? nullptr : "blk.{}.attn_v.weight",
      .attn_out = "blk.{}.attn_output.weight",
      .ffn_norm = "blk.{}.ffn_norm.weight",
      .gate = "blk.{}.ffn_gate.weight",
      .up = "blk.{}.ffn_up.weight",
      .down = "blk.{}.ffn_down.weight",
      .interleaved_rope = interleaved_rope,
      .q_bias = "blk.{}.attn_q.bias",
      .k_bias = "blk.{}.attn_k.bias",
      .v_bias = "blk.{}.attn_v.bias",
      .attn_out_bias = "blk.{}.attn_output.bias",
      .q_norm = "blk.{}.attn_q_norm.weight",
      .k_norm = "blk.{}.attn_k_norm.weight",
      .qkv = fused ? "blk.{}.attn_qkv.weight" : nullptr,
      .qkv_bias = fused ? "blk.{}.attn_qkv.bias" : nullptr,
      .experts = {.router = "blk.{}.ffn_gate_inp.weight",
                  .bias = "blk.{}.exp_probs_b.bias",
                  .gate = "blk.{}.ffn_gate_exps.weight",
                  .up = "blk.{}.ffn_up_exps.weight",
                  .down = "blk.{}.ffn_down_exps.weight",
                  .shared_gate = "blk.{}.ffn_gate_shexp.weight",
                  .shared_up = "blk.{}.ffn_up_shexp.weight",
                  .shared_down = "blk.{}.ffn_down_shexp.weight",
                  .stacked = true},
      .positions = "position_embd.weight",
      .final_norm_bias = "output_norm.bias",
      .attn_norm_bias = "blk.{}.attn_norm.bias",
      .ffn_norm_bias = "blk.{}.ffn_norm.bias",
      .up_bias = "blk.{}.ffn_up.bias",
      .down_bias = "blk.{}.ffn_down.bias",
  };
}

const TensorNames kGgufNames = in_gguf(/*interleaved_rope=*/false);
const TensorNames kGgufInterleavedNames = in_gguf(/*interleaved_rope=*/true);
const TensorNames kGgufFusedNames = in_gguf(/*interleaved_rope=*/false, /*fused=*/true);

}  // namespace pent
