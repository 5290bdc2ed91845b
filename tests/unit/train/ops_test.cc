// Every fused operation against the same thing written with LibTorch's own, values and gradients; the optimiser against
// LibTorch's.
#include "train/nets/ops.h"

#include <gtest/gtest.h>

#include <cmath>

#include "train/nets/transformer.h"
#include "train/optimizer.h"

namespace pent::train {
namespace {

namespace F = torch::nn::functional;

Tensor leaf(std::vector<int64_t> shape, double scale = 1) {
  return (torch::randn(shape) * scale).set_requires_grad(true);
}

// Gradients of sum(output * cotangent) in the leaves, which are left without any.
std::vector<Tensor> gradients(const Tensor& output, const Tensor& cotangent, const std::vector<Tensor>& leaves) {
  (output.to(torch::kFloat32) * cotangent).sum().backward();
  std::vector<Tensor> out;
  for (const Tensor& each : leaves) {
    out.push_back(each.grad().clone());
    each.mutable_grad().reset();
  }
  return out;
}

void expect_close(const Tensor& a, const Tensor& b, double tolerance = 2e-5) {
  ASSERT_EQ(a.sizes(), b.sizes());
  const double scale = std::max(1.0, b.abs().max().item<double>());
  EXPECT_LE((a - b).abs().max().item<double>(), tolerance * scale);
}

void expect_same(const std::function<Tensor()>& fused, const std::function<Tensor()>& eager,
                 const std::vector<Tensor>& leaves) {
  const Tensor got = fused(), wanted = eager();
  expect_close(got.detach(), wanted.detach());
  const Tensor cotangent = torch::randn(wanted.sizes());
  const auto a = gradients(got, cotangent, leaves), b = gradients(wanted, cotangent, leaves);
  for (size_t i = 0; i < leaves.size(); ++i) {
    SCOPED_TRACE(i);
    expect_close(a[i], b[i]);
  }
}

class Ops : public ::testing::Test {
 protected:
  void SetUp() override { torch::manual_seed(1); }
};

Tensor eager_norm(const Tensor& x, const Tensor& weight) {
  return x * torch::rsqrt(x.pow(2).mean(-1, true) + 1e-5) * weight;
}

TEST_F(Ops, AddRmsNormIsTheEagerOne) {
  for (const auto& [n, d] : {std::pair<int64_t, int64_t>{1, 1}, {3, 16}, {33, 31}, {70, 130}}) {
    const Tensor residual = leaf({n, d}), branch = leaf({n, d}), weight = leaf({d});
    const auto both = [](const std::pair<Tensor, Tensor>& out) { return torch::cat({out.first, out.second}, 1); };
    expect_same([&] { return both(add_rms_norm(residual, branch, weight, 1e-5, torch::kFloat32)); },
                [&] { return torch::cat({residual + branch, eager_norm(residual + branch, weight)}, 1); },
                {residual, branch, weight});
    expect_same([&] { return add_rms_norm(residual, {}, weight, 1e-5, torch::kFloat32).second; },
                [&] { return eager_norm(residual, weight); }, {residual, weight});
  }
}

TEST_F(Ops, SwiGluIsTheEagerOne) {
  for (const auto& [n, f] : {std::pair<int64_t, int64_t>{1, 1}, {5, 17}, {40, 96}}) {
    const Tensor gate_up = leaf({n, 2 * f}, 4);
    expect_same([&] { return swiglu(gate_up); },
                [&, f = f] { return torch::silu(gate_up.narrow(1, 0, f)) * gate_up.narrow(1, f, f); }, {gate_up});
  }
}

TEST_F(Ops, ProjectAndEmbedAreTheEagerOnes) {
  const Tensor x = leaf({7, 13}), weight = leaf({5, 13}), table = leaf({11, 6});
  const Tensor ids = torch::tensor({3, 0, 10, 3}, torch::kInt64);
  expect_same([&] { return project(x, weight); }, [&] { return torch::mm(x, weight.t()); }, {x, weight});
  expect_same([&] { return embed(table, ids); }, [&] { return table.index_select(0, ids); }, {table});
}

Tensor eager_rotate(const Tensor& x, const Tensor& rope, int64_t half) {  // x [batch, heads, length, 2 half]
  const Tensor cosines = rope.narrow(1, 0, half).narrow(0, 0, x.size(2)),
               sines = rope.narrow(1, half, half).narrow(0, 0, x.size(2));
  const Tensor a = x.narrow(3, 0, half), b = x.narrow(3, half, half);
  return torch::cat({a * cosines - b * sines, b * cosines + a * sines}, 3);
}

Tensor eager_attention(const Tensor& qkv, const Tensor& rope, const Tensor& lengths, const AttentionShape& s) {
  const Tensor wide = qkv.view({s.batch, s.length, s.heads + 2 * s.kv_heads, s.head_dim}).transpose(1, 2);
  const Tensor q = eager_rotate(wide.narrow(1, 0, s.heads), rope, s.head_dim / 2);
  const Tensor k = eager_rotate(wide.narrow(1, s.heads, s.kv_heads), rope, s.head_dim / 2)
                       .repeat_interleave(s.heads / s.kv_heads, 1);
  const Tensor v = wide.narrow(1, s.heads + s.kv_heads, s.kv_heads).repeat_interleave(s.heads / s.kv_heads, 1);
  Tensor scores = torch::matmul(q, k.transpose(2, 3)) / std::sqrt(static_cast<double>(s.head_dim));
  const Tensor keys = torch::arange(s.length);
  scores = scores.masked_fill(keys.view({1, 1, 1, -1}) >= lengths.view({-1, 1, 1, 1}), -INFINITY);
  if (s.causal) scores = scores.masked_fill(keys.view({1, 1, 1, -1}) > keys.view({1, 1, -1, 1}), -INFINITY);
  return torch::matmul(torch::softmax(scores, -1), v)
      .transpose(1, 2)
      .reshape({s.batch * s.length, s.heads * s.head_dim});
}

TEST_F(Ops, AttentionIsTheEagerOneOverShapesAndLengths) {
  for (const bool causal : {false, true}) {
    for (const auto& s : {AttentionShape{1, 1, 1, 1, 2}, AttentionShape{2, 5, 2, 2, 6}, AttentionShape{3, 17, 4, 2, 8},
                          AttentionShape{2, 33, 6, 2, 16}, AttentionShape{1, 40, 3, 1, 32}}) {
      AttentionShape shape = s;
      shape.causal = causal;
      const Tensor qkv = leaf({s.batch * s.length, (s.heads + 2 * s.kv_heads) * s.head_dim});
      const Tensor rope = rope_table(s.length + 3, s.head_dim, 10000);
      const Tensor lengths = torch::full({s.batch}, s.length, torch::kInt32);
      if (s.batch > 1) lengths[1] = std::max<int64_t>(1, s.length / 2);
      SCOPED_TRACE(testing::Message() << s.length << " tokens, causal " << causal);
      expect_same([&] { return rope_attention(qkv, rope, lengths, shape); },
                  [&] { return eager_attention(qkv, rope, lengths, shape); }, {qkv});
    }
  }
}

TEST_F(Ops, CrossEntropyIsTheEagerOne) {
  for (const auto& [n, v] : {std::pair<int64_t, int64_t>{1, 2}, {9, 33}, {20, 257}}) {
    const Tensor hidden = leaf({n, 12}), table = leaf({v, 12}), targets = torch::randint(v, {n}, torch::kInt64),
                 weights = torch::rand({n});
    Tensor losses;
    expect_same([&] { return weighted_cross_entropy(hidden, table, targets, weights, &losses); },
                [&] {
                  return (F::cross_entropy(torch::mm(hidden, table.t()), targets,
                                           F::CrossEntropyFuncOptions().reduction(torch::kNone)) *
                          weights)
                      .sum();
                },
                {hidden, table});
    expect_close(losses, F::cross_entropy(torch::mm(hidden, table.t()), targets,
                                          F::CrossEntropyFuncOptions().reduction(torch::kNone))
                             .detach());
  }
}

TEST_F(Ops, AUniformModelLosesTheLogarithmOfTheVocabulary) {
  const Tensor hidden = torch::zeros({6, 8}), table = torch::randn({100, 8}), targets = torch::arange(6);
  EXPECT_NEAR(weighted_cross_entropy(hidden, table, targets, torch::full({6}, 1.0 / 6)).item<double>(), std::log(100.0),
              1e-5);
}

TEST_F(Ops, Bf16StaysNearF32) {
  const Tensor residual = torch::randn({20, 48}), branch = torch::randn({20, 48}), weight = torch::rand({48});
  const auto narrow = add_rms_norm(residual, branch.to(torch::kBFloat16), weight, 1e-5, torch::kBFloat16);
  const auto wide = add_rms_norm(residual, branch, weight, 1e-5, torch::kFloat32);
  expect_close(narrow.first, wide.first, 1e-2);
  expect_close(narrow.second.to(torch::kFloat32), wide.second, 2e-2);
  const Tensor gate_up = torch::randn({20, 64});
  expect_close(swiglu(gate_up.to(torch::kBFloat16)).to(torch::kFloat32), swiglu(gate_up), 2e-2);
}

// What the forward pass dropped gets no gradient, what it kept gets it scaled as the value was.
TEST_F(Ops, DropoutIsTheSameForwardAndBackward) {
  const Dropout dropout{.p = 0.3f, .key = 77};
  const int64_t n = 50, f = 64;
  const Tensor gate_up = leaf({n, 2 * f});
  const Tensor out = swiglu(gate_up, dropout);
  const Tensor mask =
      out.detach() / (torch::silu(gate_up.narrow(1, 0, f)) * gate_up.narrow(1, f, f)).detach();  // 0 or 1 / (1 - p)
  expect_close(mask, (mask > 0.5).to(torch::kFloat32) / 0.7, 1e-3);
  EXPECT_NEAR((mask < 0.5).to(torch::kFloat32).mean().item<double>(), 0.3, 0.03);
  const Tensor cotangent = torch::randn({n, f});
  const auto got = gradients(out, cotangent, {gate_up});
  const auto wanted = gradients(
      torch::silu(gate_up.narrow(1, 0, f)) * gate_up.narrow(1, f, f) * mask.round().gt(0).to(torch::kFloat32) / 0.7,
      cotangent, {gate_up});
  expect_close(got[0], wanted[0], 1e-4);

  const Tensor residual = leaf({n, f}), branch = leaf({n, f}), weight = leaf({f});
  const Tensor kept =
      ((add_rms_norm(residual, branch, weight, 1e-5, torch::kFloat32, dropout).first - residual) / branch).detach();
  const Tensor keep = (kept > 0.5).to(torch::kFloat32) / 0.7;
  expect_close(kept, keep, 1e-3);
  expect_same([&] { return add_rms_norm(residual, branch, weight, 1e-5, torch::kFloat32, dropout).second; },
              [&] { return eager_norm(residual + branch * keep, weight); }, {residual, branch, weight});
}

TEST_F(Ops, DropoutChangesWithItsKey) {
  const Tensor gate_up = torch::randn({8, 32});
  EXPECT_TRUE(torch::equal(swiglu(gate_up, {0.5f, 1}), swiglu(gate_up, {0.5f, 1})));
  EXPECT_FALSE(torch::equal(swiglu(gate_up, {0.5f, 1}), swiglu(gate_up, {0.5f, 2})));
}

TEST_F(Ops, ResultsDoNotDependOnTheThreads) {
  const int before = at::get_num_threads();
  const auto run = [](int threads) {
    at::set_num_threads(threads);
    ModelSpec spec{.family = "llada",
                   .vocab_size = 90,
                   .d_model = 32,
                   .n_layers = 2,
                   .n_heads = 4,
                   .n_kv_heads = 2,
                   .head_dim = 8,
                   .ffn_dim = 48,
                   .max_positions = 64,
                   .tied_head = true,
                   .mask_id = 89};
    const Transformer net(spec, torch::kFloat32, 3);
    const NetInput input{.ids = torch::arange(66).remainder(80),
                         .lengths = torch::tensor({33, 20}, torch::kInt32),
                         .batch = 2,
                         .length = 33,
                         .rows = torch::arange(50)};
    return net.forward(input, 0.1f, 0.1f, 5).detach();
  };
  const Tensor one = run(1);
  expect_close(run(2), one, 1e-5);
  at::set_num_threads(before);
}

TEST(Optimizer, IsLibTorchsAdamWWithClipping) {
  torch::manual_seed(2);
  std::vector<Transformer::Parameter> ours = {{"matrix", leaf({9, 7}), {9}}, {"norm", leaf({13}), {}}};
  std::vector<Tensor> theirs;
  for (const auto& parameter : ours) theirs.push_back(parameter.value.detach().clone().set_requires_grad(true));
  Recipe recipe;
  recipe.optimizer = {
      .lr = 0.01, .beta1 = 0.9, .beta2 = 0.95, .epsilon = 1e-8, .weight_decay = 0.3, .clip = 0.5, .ema = 0};
  Optimizer optimizer(ours, recipe);
  const auto options = [](double decay) {
    auto out = std::make_unique<torch::optim::AdamWOptions>(0.01);
    out->betas({0.9, 0.95}).eps(1e-8).weight_decay(decay);
    return out;
  };
  std::vector<torch::optim::OptimizerParamGroup> groups;
  groups.emplace_back(std::vector<Tensor>{theirs[0]}, options(0.3));
  groups.emplace_back(std::vector<Tensor>{theirs[1]}, options(0.0));
  torch::optim::AdamW reference(groups, torch::optim::AdamWOptions(0.01));
  for (int step = 0; step < 20; ++step) {
    for (size_t i = 0; i < ours.size(); ++i) {
      const Tensor gradient = torch::randn(ours[i].value.sizes()) * (step % 2 == 0 ? 1.0 : 0.01);  // clipped and not
      ours[i].value.mutable_grad() = gradient.clone();
      theirs[i].mutable_grad() = gradient.clone();
    }
    const double norm = torch::nn::utils::clip_grad_norm_(theirs, 0.5);
    reference.step();
    EXPECT_NEAR(optimizer.step(0.01), norm, 1e-4 * norm);
  }
  for (size_t i = 0; i < ours.size(); ++i) expect_close(ours[i].value.detach(), theirs[i].detach(), 1e-5);
}

TEST(Muon, OrthogonalizeBringsSingularValuesNearOneAndKeepsTheirDirections) {
  torch::manual_seed(3);
  for (const auto& [rows, columns] : {std::pair{48, 48}, {96, 32}, {17, 70}, {1, 5}}) {
    const Tensor matrix = torch::randn({rows, columns}) * 1e-3;
    const Tensor out = orthogonalize(matrix);
    ASSERT_EQ(out.sizes(), matrix.sizes());
    const Tensor values = torch::linalg_svdvals(out, c10::nullopt);
    EXPECT_LT(values.max().item<float>(), 1.35f) << rows << "x" << columns;
    // Newton-Schulz with five steps lifts all but the smallest singular values of a random matrix.
    EXPECT_GT(values.median().item<float>(), 0.6f) << rows << "x" << columns;
    const auto [u, s, vh] = torch::linalg_svd(matrix, /*full_matrices=*/false, c10::nullopt);
    const Tensor aligned = torch::matmul(torch::matmul(u.t(), out), vh.t());  // diagonal, but for bfloat16's rounding
    EXPECT_LT((aligned - torch::diag(torch::diagonal(aligned))).abs().max().item<float>(), 0.1f);
  }
  EXPECT_TRUE(torch::equal(orthogonalize(torch::zeros({4, 6})), torch::zeros({4, 6})));
}

TEST(Muon, UpdatesEachStackedMatrixByItsOwnOrthogonalisedMomentum) {
  torch::manual_seed(4);
  std::vector<Transformer::Parameter> ours = {{"stacked", leaf({12, 8}), {8, 4}}, {"norm", leaf({8}), {}}};
  std::vector<Transformer::Parameter> adamw = {{"norm", ours[1].value.detach().clone().set_requires_grad(true), {}}};
  Recipe recipe;
  recipe.optimizer.weight_decay = 0.2;
  recipe.optimizer.clip = 0;
  Optimizer reference(adamw, recipe);
  recipe.optimizer.kind = "muon";
  Optimizer optimizer(ours, recipe);
  Tensor weights = ours[0].value.detach().clone(), momentum = torch::zeros({12, 8});
  for (int step = 0; step < 5; ++step) {
    const Tensor gradient = torch::randn({12, 8}), other = torch::randn({8});
    ours[0].value.mutable_grad() = gradient.clone();
    ours[1].value.mutable_grad() = other.clone();
    adamw[0].value.mutable_grad() = other.clone();
    optimizer.step(0.02);
    reference.step(0.02);
    momentum = 0.95 * momentum + gradient;
    const Tensor direction = gradient + 0.95 * momentum;
    weights *= 1 - 0.02 * 0.2;
    const double scale = 0.02 * 0.2 * std::sqrt(8.0);
    weights -= scale * torch::cat({orthogonalize(direction.slice(0, 0, 8)), orthogonalize(direction.slice(0, 8, 12))});
  }
  expect_close(ours[0].value.detach(), weights, 1e-4);
  EXPECT_TRUE(torch::equal(ours[1].value.detach(), adamw[0].value.detach()));
}

TEST(Optimizer, AGradientThatIsNotFiniteChangesNothing) {
  std::vector<Transformer::Parameter> parameters = {{"matrix", torch::ones({3}).set_requires_grad(true), {3}}};
  Optimizer optimizer(parameters, Recipe{});
  parameters[0].value.mutable_grad() = torch::tensor({1.0f, NAN, 0.0f});
  EXPECT_FALSE(std::isfinite(optimizer.step(0.1)));
  EXPECT_TRUE(torch::equal(parameters[0].value.detach(), torch::ones({3})));
}

TEST(Optimizer, TheAverageFollowsAndSwapsBack) {
  std::vector<Transformer::Parameter> parameters = {{"matrix", torch::ones({3}).set_requires_grad(true), {}}};
  Recipe recipe;
  recipe.optimizer.ema = 0.9;
  Optimizer optimizer(parameters, recipe);
  for (int step = 0; step < 50; ++step) {
    parameters[0].value.mutable_grad() = torch::ones({3});
    optimizer.step(0.1);
  }
  const Tensor weights = parameters[0].value.detach().clone(), average = optimizer.best_estimate()[0].clone();
  EXPECT_GT((average - weights).min().item<float>(), 0.1f);  // the weights fall, the average lags
  optimizer.swap_average();
  EXPECT_TRUE(torch::equal(parameters[0].value.detach(), average));
  optimizer.swap_average();
  EXPECT_TRUE(torch::equal(parameters[0].value.detach(), weights));
}

}  // namespace
}  // namespace pent::train
