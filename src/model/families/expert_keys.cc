// How configs say a mixture of experts (spec 10 §2, §3, §6, §11, §14.2).
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "model/families/config.h"
#include "model/families/family.h"

namespace pent {
namespace {

// Layers that a list of layer numbers, or of flags, names. Numbers beyond the last layer name none.
std::vector<int> listed_layers(const ConfigReader& config, const char* key) {
  std::vector<int> layers;
  if (!config.has(key)) return layers;
  const Json& list = config.config().at(key);
  if (!list.is_array()) throw error(ErrorKind::kCorrupt, "{}: '{}' is not a list", config.where(), key);
  for (const Json& entry : list) {
    if (!entry.is_number_integer() || entry.get<int64_t>() < 0 || entry.get<int64_t>() > kMaxConfigSize)
      throw error(ErrorKind::kCorrupt, "{}: '{}' lists something that is no layer", config.where(), key);
    layers.push_back(entry.get<int>());
  }
  return layers;
}

void first_layers_are_dense(int count, ModelSpec& spec) {
  for (int layer = 0; layer < std::min(count, spec.n_layers); ++layer) spec.moe.dense_layers.push_back(layer);
}

// A count that may be 0.
int count_or_zero(const ConfigReader& config, const char* key) {
  const auto value = get_int(config.config(), key, config.where()).value_or(0);
  return value == 0 ? 0 : checked_size(value, key, config.where());
}

}  // namespace

void read_qwen3_moe_keys(const ModelFiles& files, ModelSpec& spec) {
  const ConfigReader config(files);
  MoeSpec& moe = spec.moe;
  moe.n_experts = config.size("num_experts");
  moe.top_k = config.size("num_experts_per_tok");
  moe.expert_dim = config.size("moe_intermediate_size");
  moe.normalize = config.flag("norm_topk_prob", false);
  const int step = config.size("decoder_sparse_step", 1);
  const std::vector<int> listed = listed_layers(config, "mlp_only_layers");
  for (int layer = 0; layer < std::min(spec.n_layers, 1 << 16); ++layer)
    if ((layer + 1) % step != 0 || std::find(listed.begin(), listed.end(), layer) != listed.end())
      moe.dense_layers.push_back(layer);
}

// The published code never divides the weights by their sum, whatever norm_topk_prob says, and leaves the bias in them.
void read_llada_moe_keys(const ModelFiles& files, ModelSpec& spec) {
  const ConfigReader config(files);
  config.require_text("moe_router_score_function", "softmax");
  if (count_or_zero(config, "shared_expert_intermediate_size") != 0)
    throw error(ErrorKind::kUnsupported, "{}: 'shared_expert_intermediate_size' is not 0", config.where());
  MoeSpec& moe = spec.moe;
  moe.n_experts = config.size("num_experts");
  moe.top_k = config.size("num_experts_per_tok");
  moe.expert_dim = config.size("expert_intermediate_size");
  moe.normalize = false;
  moe.scale = static_cast<float>(config.number("routed_scaling_factor", 1));
  moe.expert_bias = moe.bias_in_weights = config.flag("moe_router_enable_expert_bias", false);
  const std::vector<int> experts_in = listed_layers(config, "moe_layer_freq");
  for (size_t layer = 0; layer < experts_in.size(); ++layer)
    if (experts_in[layer] == 0) moe.dense_layers.push_back(static_cast<int>(layer));
}

void read_llada2_keys(const ModelFiles& files, ModelSpec& spec) {
  const ConfigReader config(files);
  config.require_text("score_function", "sigmoid");
  config.require_flag("norm_head", false);
  config.require_flag("use_bias", false);
  MoeSpec& moe = spec.moe;
  moe.n_experts = config.size("num_experts");
  moe.top_k = config.size("num_experts_per_tok");
  moe.expert_dim = config.size("moe_intermediate_size");
  const int64_t shared = int64_t{count_or_zero(config, "num_shared_experts")} * moe.expert_dim;
  moe.shared_dim = shared == 0 ? 0 : checked_size(shared, "num_shared_experts", config.where());
  moe.scores = MoeSpec::Scores::kSigmoid;
  moe.expert_bias = config.flag("moe_router_enable_expert_bias", true);
  moe.normalize = config.flag("norm_topk_prob", true);
  moe.scale = static_cast<float>(config.number("routed_scaling_factor", 1));
  moe.n_groups = config.size("n_group", 1);
  moe.top_groups = config.size("topk_group", 1);
  moe.block_pool = count_or_zero(config, "expert_capacity");  // LLaDA2.2: in place of groups (spec 23 §3.1)
  if (moe.block_pool > 0) moe.n_groups = moe.top_groups = 1;
  first_layers_are_dense(count_or_zero(config, "first_k_dense_replace"), spec);
}

void read_gguf_experts(const ModelFiles& files, const std::string& arch, ModelSpec& spec) {
  const GgufFile& gguf = *files.gguf;
  const auto size = [&](const char* key, int64_t fallback) {
    const std::string name = arch + "." + key;
    return checked_size(gguf.get_int(name).value_or(fallback), name.c_str(), files.where);
  };
  MoeSpec& moe = spec.moe;
  moe.n_experts = size("expert_count", 0);
  moe.top_k = size("expert_used_count", 0);
  moe.expert_dim = size("expert_feed_forward_length", 0);
  const int64_t shared = gguf.get_int(arch + ".expert_shared_count").value_or(0);
  if (shared != 0)
    moe.shared_dim = size("expert_shared_feed_forward_length",
                          int64_t{checked_size(shared, "expert_shared_count", files.where)} * moe.expert_dim);
  const int64_t gating = gguf.get_int(arch + ".expert_gating_func").value_or(1);
  if (gating != 1 && gating != 2)
    throw error(ErrorKind::kUnsupported, "{}: '{}.expert_gating_func' is {}; 1 (softmax) and 2 (sigmoid) are supported",
                files.where, arch, gating);
  moe.scores = gating == 2 ? MoeSpec::Scores::kSigmoid : MoeSpec::Scores::kSoftmax;
  moe.normalize = gguf.get_bool(arch + ".expert_weights_norm").value_or(true);
  moe.scale = static_cast<float>(gguf.get_number(arch + ".expert_weights_scale").value_or(1));
  moe.n_groups = size("expert_group_count", 1);
  moe.top_groups = size("expert_group_used_count", 1);
  const int64_t dense = gguf.get_int(arch + ".leading_dense_block_count").value_or(0);
  if (dense != 0) first_layers_are_dense(checked_size(dense, "leading_dense_block_count", files.where), spec);
  const int first = static_cast<int>(moe.dense_layers.size());
  moe.expert_bias = gguf.find(fmt::format("blk.{}.exp_probs_b.bias", first)) != nullptr;
}

void write_expert_keys(const ModelSpec& spec, Json& config) {
  const MoeSpec& moe = spec.moe;
  if (moe.n_experts == 0) return;
  config["num_experts"] = moe.n_experts;
  config["num_experts_per_tok"] = moe.top_k;
  if (spec.family == kLladaMoeFamily.name) {
    std::vector<int> frequency(static_cast<size_t>(spec.n_layers), 1);
    for (const int layer : moe.dense_layers) frequency[static_cast<size_t>(layer)] = 0;
    config["moe_layer_freq"] = frequency;
    config["expert_intermediate_size"] = moe.expert_dim;
    config["dense_intermediate_size"] = spec.ffn_dim;
    config["moe_router_enable_expert_bias"] = moe.expert_bias;
    config["routed_scaling_factor"] = moe.scale;
    config["qk_layernorm"] = spec.qk_norm;
    return;
  }
  config["moe_intermediate_size"] = moe.expert_dim;
  config["norm_topk_prob"] = moe.normalize;
  if (spec.family != kLlada2Family.name) {
    config["mlp_only_layers"] = moe.dense_layers;
    config["decoder_sparse_step"] = 1;
    return;
  }
  config["score_function"] = "sigmoid";
  config["num_shared_experts"] = moe.shared_dim / moe.expert_dim;
  config["moe_router_enable_expert_bias"] = moe.expert_bias;
  config["routed_scaling_factor"] = moe.scale;
  if (moe.block_pool > 0) config["expert_capacity"] = moe.block_pool;
  config["n_group"] = moe.n_groups;
  config["topk_group"] = moe.top_groups;
  config["first_k_dense_replace"] = moe.dense_layers.size();
  config["use_qk_norm"] = spec.qk_norm;
  config["use_qkv_bias"] = spec.qkv_bias;
}

void write_gguf_experts(const ModelSpec& spec, const std::string& arch, GgufPairs& pairs) {
  const MoeSpec& moe = spec.moe;
  if (moe.n_experts == 0) return;
  if (moe.block_pool > 0)
    throw error(ErrorKind::kUnsupported,
                "GGUF has no key that says that experts are chosen by block (expert_capacity)");
  const auto size = [&](const char* key, int value) {
    pairs.emplace_back(arch + "." + key, static_cast<uint32_t>(value));
  };
  size("expert_count", moe.n_experts);
  size("expert_used_count", moe.top_k);
  size("expert_feed_forward_length", moe.expert_dim);
  if (moe.shared_dim > 0) {
    size("expert_shared_count", std::max(1, moe.shared_dim / moe.expert_dim));
    size("expert_shared_feed_forward_length", moe.shared_dim);
  }
  size("expert_gating_func", moe.scores == MoeSpec::Scores::kSigmoid ? 2 : 1);
  pairs.emplace_back(arch + ".expert_weights_norm", moe.normalize);
  pairs.emplace_back(arch + ".expert_weights_scale", moe.scale);
  size("expert_group_count", moe.n_groups);
  size("expert_group_used_count", moe.top_groups);
  if (!moe.dense_layers.empty()) size("leading_dense_block_count", static_cast<int>(moe.dense_layers.size()));
}

void check_experts(const ModelSpec& spec, const std::string& where) {
  constexpr int kMaxExperts = 4096;
  constexpr int64_t kMaxExpertsWidth = int64_t{1}
                                       << 26;  // times 3 matrices, 2^20 columns, 4096 layers, 4 bytes: 62 bits
  const MoeSpec& moe = spec.moe;
  if (moe.n_experts == 0) return;
  const auto refuse = [&](const std::string& what) { throw error(ErrorKind::kCorrupt, "{}: {}", where, what); };
  if (moe.n_experts > kMaxExperts)
    refuse(fmt::format("{} experts, at most {} are accepted", moe.n_experts, kMaxExperts));
  if (std::max(moe.expert_dim, moe.shared_dim) > (1 << 20))
    refuse(fmt::format("an expert {} wide, at most {} is accepted", std::max(moe.expert_dim, moe.shared_dim), 1 << 20));
  if (int64_t{moe.n_experts} * moe.expert_dim > kMaxExpertsWidth)
    refuse(fmt::format("{} experts, each {} wide; at most {} are accepted in all", moe.n_experts, moe.expert_dim,
                       kMaxExpertsWidth));
  if (moe.n_experts % moe.n_groups != 0)
    refuse(fmt::format("{} experts cannot form {} equal groups", moe.n_experts, moe.n_groups));
  if (moe.top_groups > moe.n_groups) refuse(fmt::format("{} of {} expert groups", moe.top_groups, moe.n_groups));
  const int group = moe.n_experts / moe.n_groups;
  if (moe.n_groups > 1 && group < 2) refuse("groups of a single expert; a group is judged by its two best");
  if (moe.top_k > moe.top_groups * group)
    refuse(fmt::format("{} experts a row, of {} that can be chosen", moe.top_k, moe.top_groups * group));
  if (moe.block_pool != 0 && (moe.block_pool < moe.top_k || moe.block_pool > moe.n_experts))
    refuse(fmt::format("a pool of {} experts (expert_capacity) for rows that choose {} of {}", moe.block_pool,
                       moe.top_k, moe.n_experts));
  if (moe.block_pool > 0 && spec.block_size < 1) refuse("experts chosen by block, without a block size");
  if (!std::isfinite(moe.scale)) refuse(fmt::format("the experts' scaling factor is {}", moe.scale));
  if (static_cast<int>(moe.dense_layers.size()) > spec.n_layers ||
      (!moe.dense_layers.empty() && moe.dense_layers.back() >= spec.n_layers))
    refuse(fmt::format("dense layers beyond the model's {}", spec.n_layers));
}

}  // namespace pent
