#include "unit/model/reference.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "model/denoiser.h"
#include "model/families/family.h"

namespace pent::test {
namespace {

using Rows = std::vector<std::vector<double>>;

struct Net {
  const ModelFiles& files;

  // y = W x for every row; with `turned` W is stored as its transpose.
  Rows linear(const std::string& name, const Rows& x, bool turned = false) const {
    const TensorView& w = *files.weights->find(name);
    std::vector<float> values(w.elements());
    dequantize_rows(w, 0, w.rows(), values.data());
    const int64_t outputs = turned ? w.cols() : w.rows(), inputs = turned ? w.rows() : w.cols();
    Rows y;
    for (const auto& row : x) {
      auto& out = y.emplace_back(outputs, 0.0);
      for (int64_t n = 0; n < outputs; ++n) {
        for (int64_t k = 0; k < inputs; ++k)
          out[n] += double{values[turned ? k * outputs + n : n * inputs + k]} * row[k];
      }
    }
    return y;
  }

  std::vector<double> vector(const std::string& name) const {
    const TensorView& w = *files.weights->find(name);
    std::vector<float> values(w.elements());
    dequantize_rows(w, 0, 1, values.data());
    return {values.begin(), values.end()};
  }

  // y = W x + b.
  Rows linear(const std::string& name, const std::string& bias_name, const Rows& x, bool turned = false) const {
    Rows y = linear(name, x, turned);
    const std::vector<double> bias = vector(bias_name);
    for (auto& row : y)
      for (size_t i = 0; i < row.size(); ++i) row[i] += bias[i];
    return y;
  }

  Rows ffn(const std::string& gate_name, const std::string& up_name, const std::string& down_name,
           const Rows& x) const {
    Rows gate = linear(gate_name, x);
    const Rows up = linear(up_name, x);
    for (size_t i = 0; i < gate.size(); ++i)
      for (size_t j = 0; j < gate[i].size(); ++j) gate[i][j] = gate[i][j] / (1 + std::exp(-gate[i][j])) * up[i][j];
    return linear(down_name, gate);
  }

  // GPT-2's.
  Rows gelu_ffn(const std::string& up, const std::string& up_bias, const std::string& down,
                const std::string& down_bias, const Rows& x, bool turned) const {
    Rows inner = linear(up, up_bias, x, turned);
    for (auto& row : inner)
      for (double& v : row) v *= 0.5 * (1 + std::tanh(std::sqrt(2 / M_PI) * (v + 0.044715 * v * v * v)));
    return linear(down, down_bias, inner, turned);
  }

  // LayerNorm if there is a bias, else RMSNorm.
  Rows norm(const std::string& name, const std::string& bias_name, const Rows& x, double eps) const {
    if (bias_name.empty()) return norm(name, x, eps);
    const std::vector<double> weight = vector(name), bias = vector(bias_name);
    Rows y = x;
    for (auto& row : y) {
      double mean = 0, variance = 0;
      for (const double v : row) mean += v / static_cast<double>(row.size());
      for (const double v : row) variance += (v - mean) * (v - mean) / static_cast<double>(row.size());
      for (size_t i = 0; i < row.size(); ++i)
        row[i] = (row[i] - mean) / std::sqrt(variance + eps) * weight[i] + bias[i];
    }
    return y;
  }

  Rows norm(const std::string& name, const Rows& x, double eps) const {
    const TensorView& w = *files.weights->find(name);
    std::vector<float> weight(w.elements());
    dequantize_rows(w, 0, 1, weight.data());
    Rows y = x;
    for (auto& row : y) {
      double sum = 0;
      for (const double v : row) sum += v * v;
      const double factor = 1 / std::sqrt(sum / row.size() + eps);
      for (size_t i = 0; i < row.size(); ++i) row[i] *= factor * weight[i];
    }
    return y;
  }
};

// The first `turning` channels of each head.
void rotate(Rows& x, const std::vector<int32_t>& positions, int head_dim, int turning, double theta) {
  const int half = turning / 2;
  for (size_t row = 0; row < x.size(); ++row) {
    for (size_t head = 0; head < x[row].size(); head += head_dim) {
      for (int i = 0; i < half; ++i) {
        const double angle = positions[row] * std::pow(theta, -2.0 * i / turning);
        const double a = x[row][head + i], b = x[row][head + i + half];
        x[row][head + i] = a * std::cos(angle) - b * std::sin(angle);
        x[row][head + i + half] = b * std::cos(angle) + a * std::sin(angle);
      }
    }
  }
}

// Each head normed by itself.
void norm_heads(Rows& x, const std::vector<double>& weight, double eps) {
  for (auto& row : x) {
    for (size_t head = 0; head < row.size(); head += weight.size()) {
      double sum = 0;
      for (size_t i = 0; i < weight.size(); ++i) sum += row[head + i] * row[head + i];
      const double factor = 1 / std::sqrt(sum / static_cast<double>(weight.size()) + eps);
      for (size_t i = 0; i < weight.size(); ++i) row[head + i] *= factor * weight[i];
    }
  }
}

void add(Rows& x, const Rows& y) {
  for (size_t i = 0; i < x.size(); ++i) {
    for (size_t j = 0; j < x[i].size(); ++j) x[i][j] += y[i][j];
  }
}

// Every row by itself through every expert that it chooses, as the published models' code says it.
Rows mixture(const Net& net, const ModelSpec& spec, const ExpertNames& names, int layer, const Rows& x,
             const std::vector<int32_t>& positions) {
  const MoeSpec& moe = spec.moe;
  const auto name = [&](const char* pattern, int expert = 0) {
    return fmt::format(fmt::runtime(pattern), layer, expert);
  };
  const size_t n = static_cast<size_t>(moe.n_experts), size = n / static_cast<size_t>(moe.n_groups);
  const Rows logits = net.linear(name(names.router), x);
  Rows all_scores, all_choices;
  for (size_t row = 0; row < x.size(); ++row) {
    std::vector<double> scores(n), choice;
    double total = 0;
    for (size_t i = 0; i < n; ++i) total += scores[i] = std::exp(logits[row][i]);
    for (double& s : scores) s = moe.scores == MoeSpec::Scores::kSigmoid ? s / (1 + s) : s / total;
    choice = scores;
    if (moe.expert_bias) {
      const std::vector<double> bias = net.vector(name(names.bias));
      for (size_t i = 0; i < n; ++i) choice[i] += bias[i];
      if (moe.bias_in_weights) scores = choice;
    }
    all_scores.push_back(scores);
    all_choices.push_back(choice);
  }
  Rows out;
  for (size_t row = 0; row < x.size(); ++row) {
    const std::vector<double>& scores = all_scores[row];
    std::vector<double> choice = all_choices[row];
    if (moe.block_pool > 0) {  // an expert is out if as many as the pool holds are better in the block's best row
      std::vector<double> peaks(n, -1e300);
      for (size_t other = 0; other < x.size(); ++other)
        for (size_t i = 0; i < n && positions[other] / spec.block_size == positions[row] / spec.block_size; ++i)
          peaks[i] = std::max(peaks[i], all_choices[other][i]);
      for (size_t i = 0; i < n; ++i)
        if (std::count_if(peaks.begin(), peaks.end(), [&](double peak) { return peak > peaks[i]; }) >= moe.block_pool)
          choice[i] = -1e300;
    }
    if (moe.n_groups > 1) {  // by rank: a group stays if fewer than top_groups are better
      std::vector<double> groups;
      for (size_t g = 0; g < n; g += size) {
        std::vector<double> sorted(choice.begin() + g, choice.begin() + g + size);
        std::sort(sorted.rbegin(), sorted.rend());
        groups.push_back(sorted[0] + sorted[1]);
      }
      for (size_t g = 0; g < groups.size(); ++g)
        if (std::count_if(groups.begin(), groups.end(), [&](double other) { return other > groups[g]; }) >=
            moe.top_groups)
          std::fill_n(choice.begin() + g * size, size, -1e300);
    }
    std::vector<size_t> chosen;
    double sum = 0;
    for (size_t i = 0; i < n; ++i) {
      if (std::count_if(choice.begin(), choice.end(), [&](double other) { return other > choice[i]; }) >= moe.top_k)
        continue;
      chosen.push_back(i);
      sum += scores[i];
    }
    EXPECT_EQ(chosen.size(), static_cast<size_t>(moe.top_k));
    Rows y(1, std::vector<double>(x[row].size(), 0.0));
    for (const size_t i : chosen) {
      const int e = static_cast<int>(i);
      const Rows share = net.ffn(name(names.gate, e), name(names.up, e), name(names.down, e), {x[row]});
      for (size_t j = 0; j < y[0].size(); ++j)
        y[0][j] += share[0][j] * scores[i] * moe.scale / (moe.normalize ? sum : 1);
    }
    if (moe.shared_dim > 0)
      add(y, net.ffn(name(names.shared_gate), name(names.shared_up), name(names.shared_down), {x[row]}));
    out.push_back(y[0]);
  }
  return out;
}

Rows attention(const ModelSpec& spec, const Rows& q, const Rows& k, const Rows& v,
               const std::function<bool(int, int)>& sees) {
  Rows out(q.size(), std::vector<double>(q[0].size(), 0.0));
  const int group = spec.n_heads / spec.n_kv_heads, d = spec.head_dim;
  for (size_t i = 0; i < q.size(); ++i) {
    for (int head = 0; head < spec.n_heads; ++head) {
      std::vector<double> weights(k.size(), 0.0);
      double total = 0;
      for (size_t j = 0; j < k.size(); ++j) {
        if (!sees(static_cast<int>(i), static_cast<int>(j))) continue;
        double dot = 0;
        for (int c = 0; c < d; ++c) dot += q[i][head * d + c] * k[j][head / group * d + c];
        total += weights[j] = std::exp(dot / std::sqrt(double(d)));
      }
      for (size_t j = 0; j < k.size(); ++j) {
        for (int c = 0; c < d; ++c) out[i][head * d + c] += weights[j] / total * v[j][head / group * d + c];
      }
    }
  }
  return out;
}

}  // namespace

std::vector<double> reference_logits(const ModelFiles& files, const std::vector<int32_t>& tokens,
                                     const std::vector<int32_t>& positions, const std::function<bool(int, int)>& sees) {
  const Net net{files};
  const ModelSpec spec = read_spec(files);
  const TensorNames& names = tensor_names(files, spec);
  const TensorView& embedding = *files.weights->find(names.embedding);
  Rows x;
  for (const int32_t token : tokens) {
    std::vector<float> row(spec.d_model);
    dequantize_rows(embedding, token, token + 1, row.data());
    x.emplace_back(row.begin(), row.end());
  }
  for (size_t i = 0; spec.learned_positions && i < x.size(); ++i) {
    std::vector<float> row(spec.d_model);
    dequantize_rows(*files.weights->find(names.positions), positions[i], positions[i] + 1, row.data());
    for (size_t j = 0; j < row.size(); ++j) x[i][j] += row[j];
  }
  for (int layer = 0; layer < spec.n_layers; ++layer) {
    const auto name = [&](const char* pattern) { return fmt::format(fmt::runtime(pattern), layer); };
    const auto norm_bias = [&](const char* bias) { return spec.layer_norm ? name(bias) : std::string(); };
    const Rows h = net.norm(name(names.attn_norm), norm_bias(names.attn_norm_bias), x, spec.rms_eps);
    const auto project = [&](const char* weight, const char* bias, bool has_bias, const Rows& in) {
      return has_bias ? net.linear(name(weight), name(bias), in, names.transposed)
                      : net.linear(name(weight), in, names.transposed);
    };
    Rows q, k, v;
    if (names.qkv != nullptr) {
      const size_t q_width = static_cast<size_t>(spec.n_heads) * spec.head_dim,
                   kv_width = q_width / spec.n_heads * spec.n_kv_heads;
      for (const auto& row : project(names.qkv, names.qkv_bias, spec.qkv_bias, h)) {
        const auto k_at = row.begin() + q_width, v_at = k_at + kv_width;
        q.emplace_back(row.begin(), k_at);
        k.emplace_back(k_at, v_at);
        v.emplace_back(v_at, row.end());
      }
    } else {
      q = project(names.q, names.q_bias, spec.qkv_bias, h);
      k = project(names.k, names.k_bias, spec.qkv_bias, h);
      v = project(names.v, names.v_bias, spec.qkv_bias, h);
    }
    if (spec.qk_norm) {
      norm_heads(q, net.vector(name(names.q_norm)), spec.rms_eps);
      norm_heads(k, net.vector(name(names.k_norm)), spec.rms_eps);
    }
    const int turning = spec.learned_positions ? 0 : spec.rope_dim > 0 ? spec.rope_dim : spec.head_dim;
    rotate(q, positions, spec.head_dim, turning, spec.rope_theta);
    rotate(k, positions, spec.head_dim, turning, spec.rope_theta);
    add(x, project(names.attn_out, names.attn_out_bias, spec.attn_out_bias, attention(spec, q, k, v, sees)));
    const Rows f = net.norm(name(names.ffn_norm), norm_bias(names.ffn_norm_bias), x, spec.rms_eps);
    if (spec.has_experts(layer))
      add(x, mixture(net, spec, names.experts, layer, f, positions));
    else if (spec.ffn == FfnKind::kGelu)
      add(x, net.gelu_ffn(name(names.up), name(names.up_bias), name(names.down), name(names.down_bias), f,
                          names.transposed));
    else
      add(x, net.ffn(name(names.gate), name(names.up), name(names.down), f));
  }
  std::vector<double> logits;
  const Rows last = net.norm(names.final_norm, spec.layer_norm ? names.final_norm_bias : "", x, spec.rms_eps);
  for (const auto& row : net.linear(spec.tied_head ? names.embedding : names.head, last)) {
    for (const double z : row) logits.push_back(z * spec.logit_scale);
  }
  return logits;
}

}  // namespace pent::test
