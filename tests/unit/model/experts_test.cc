// Mixtures of experts: the router on scores made by hand, and whole models with random weights against a float64 reference that
// sends every row by itself through every expert it chooses.
#include "model/experts.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/random.h"
#include "model/denoiser.h"
#include "model/families/config.h"
#include "model/synth.h"
#include "support/temp_dir.h"
#include "unit/model/reference.h"

namespace pent {
namespace {

std::vector<RoutedExpert> routed(const MoeSpec& moe, const std::vector<float>& logits,
                                 const std::vector<float>& bias = {}) {
  RouterScratch scratch;
  std::vector<RoutedExpert> out(static_cast<size_t>(moe.top_k));
  route_row(moe, logits.data(), bias.empty() ? nullptr : bias.data(), scratch, out.data());
  return out;
}

std::vector<int> experts_of(const std::vector<RoutedExpert>& routes) {
  std::vector<int> experts;
  for (const RoutedExpert& route : routes) experts.push_back(route.expert);
  return experts;
}

using Scores = MoeSpec::Scores;

TEST(Router, SoftmaxWeightsOfTheChosenAreDividedByTheirSum) {
  const MoeSpec moe = {.n_experts = 4, .top_k = 2, .expert_dim = 1};
  const auto routes = routed(moe, {std::log(1.f), std::log(4.f), std::log(2.f), std::log(3.f)});
  ASSERT_EQ(experts_of(routes), (std::vector<int>{1, 3}));
  EXPECT_FLOAT_EQ(routes[0].weight, 4.f / 7);
  EXPECT_FLOAT_EQ(routes[1].weight, 3.f / 7);
}

TEST(Router, UnnormalisedWeightsAreProbabilitiesOverAllExperts) {
  const MoeSpec moe = {.n_experts = 4, .top_k = 2, .expert_dim = 1, .normalize = false, .scale = 2};
  const auto routes = routed(moe, {std::log(1.f), std::log(4.f), std::log(2.f), std::log(3.f)});
  EXPECT_FLOAT_EQ(routes[0].weight, 0.8f);
  EXPECT_FLOAT_EQ(routes[1].weight, 0.6f);
}

TEST(Router, TheLowerOfEquallyGoodExpertsIsChosen) {
  const MoeSpec moe = {.n_experts = 6, .top_k = 3, .expert_dim = 1};
  EXPECT_EQ(experts_of(routed(moe, {0, 1, 0, 0, 0, 0})), (std::vector<int>{0, 1, 2}));
}

TEST(Router, BiasDecidesTheChoiceButIsNotInTheWeights) {
  MoeSpec moe = {
      .n_experts = 3, .top_k = 1, .expert_dim = 1, .scores = Scores::kSigmoid, .expert_bias = true, .normalize = false};
  const auto routes = routed(moe, {0, 2, 0}, {0, 0, 1});
  EXPECT_EQ(routes[0].expert, 2);
  EXPECT_FLOAT_EQ(routes[0].weight, 0.5f);
  moe.bias_in_weights = true;
  EXPECT_FLOAT_EQ(routed(moe, {0, 2, 0}, {0, 0, 1})[0].weight, 1.5f);
}

TEST(Router, OnlyTheBestGroupsByTheirTwoBestScoresCanBeChosen) {
  const MoeSpec moe = {
      .n_experts = 6, .top_k = 2, .expert_dim = 1, .scores = Scores::kSigmoid, .n_groups = 3, .top_groups = 1};
  // Expert 0 is the best of all; its group is not.
  const auto routes = routed(moe, {3, -9, 1, 1.5f, 2, -9});
  EXPECT_EQ(experts_of(routes), (std::vector<int>{2, 3}));
  EXPECT_FLOAT_EQ(routes[0].weight + routes[1].weight, 1.0f);
}

TEST(Router, NegativeScoresInTheBestGroupsComeBeforeAllOthers) {
  const MoeSpec moe = {.n_experts = 4,
                       .top_k = 2,
                       .expert_dim = 1,
                       .scores = Scores::kSigmoid,
                       .expert_bias = true,
                       .n_groups = 2,
                       .top_groups = 1};
  EXPECT_EQ(experts_of(routed(moe, {0, 0, 0, 0}, {-5, -5, -4, -9})), (std::vector<int>{0, 1}));
}

// Expert 3 is nobody's first choice, but second best over the block's rows: 0 and 3 are admitted, 1 and 2 not.
TEST(Router, ABlocksRowsChooseAmongItsBestExperts) {
  const MoeSpec moe = {
      .n_experts = 4, .top_k = 1, .expert_dim = 1, .scores = Scores::kSigmoid, .normalize = false, .block_pool = 2};
  const std::vector<float> logits = {4, 0, 1, 3, -2, 0, 1, -1};
  RouterScratch scratch;
  std::vector<RoutedExpert> out(2);
  route_block(moe, logits.data(), 2, nullptr, scratch, out.data());
  EXPECT_EQ(experts_of(out), (std::vector<int>{0, 3}));
  EXPECT_FLOAT_EQ(out[1].weight, 1 / (1 + std::exp(1.f)));
  route_block(moe, logits.data() + 4, 1, nullptr, scratch, out.data());  // alone it has its own best
  EXPECT_EQ(out[0].expert, 2);
}

TEST(Router, OfEquallyGoodExpertsTheLowerIsAdmitted) {
  const MoeSpec moe = {.n_experts = 5, .top_k = 2, .expert_dim = 1, .scores = Scores::kSigmoid, .block_pool = 3};
  RouterScratch scratch;
  std::vector<RoutedExpert> out(4);
  const std::vector<float> logits = {1, 1, 1, 1, 1, 0, 0, 0, 9, 0};
  route_block(moe, logits.data(), 2, nullptr, scratch, out.data());
  EXPECT_EQ(experts_of(out), (std::vector<int>{0, 1, 0, 3}));
}

// Odd on purpose: no width is a multiple of a panel or a group.
// "llada2" or, after a plus, a variant of it.
ModelSpec small_spec(const std::string& name) {
  const std::string family = name.substr(0, name.find('+'));
  ModelSpec spec;
  spec.family = family;
  spec.attention = family == "qwen3moe"                        ? AttentionKind::kCausal
                   : family == "rnd1" || family == "llada-moe" ? AttentionKind::kFull
                                                               : AttentionKind::kBlockCausal;
  spec.block_size = spec.attention == AttentionKind::kBlockCausal ? 4 : 0;
  spec.vocab_size = 101;
  spec.n_heads = 6;
  spec.n_kv_heads = 2;
  spec.head_dim = 8;
  spec.d_model = 44;
  spec.ffn_dim = 77;
  spec.n_layers = 3;
  spec.max_positions = 128;
  spec.rope_theta = 1000;
  spec.qk_norm = true;
  spec.shift = family == "rnd1";
  spec.mask_id = family == "qwen3moe" ? -1 : 100;
  spec.eos_id = 1;
  spec.stop_ids = {1};
  spec.moe = {.n_experts = 8, .top_k = 3, .expert_dim = 21, .dense_layers = {1}};
  if (family == "llada-moe") {
    spec.moe.normalize = false;
    spec.moe.expert_bias = spec.moe.bias_in_weights = true;
  } else if (family == "llada2") {
    spec.rope_dim = 4;
    spec.moe.shared_dim = 42;
    spec.moe.scores = Scores::kSigmoid;
    spec.moe.expert_bias = true;
    spec.moe.scale = 2.5f;
    if (name == "llada2+pool") {
      spec.moe.block_pool = 5;
    } else {
      spec.moe.n_groups = 4;
      spec.moe.top_groups = 2;
    }
    spec.moe.dense_layers = {0};
  }
  return spec;
}

std::vector<int32_t> some_tokens(int n, int salt = 0) {
  std::vector<int32_t> tokens(static_cast<size_t>(n));
  for (int i = 0; i < n; ++i) tokens[static_cast<size_t>(i)] = (i * 37 + salt * 11 + 5) % 101;
  return tokens;
}

void add_by_kind(const ModelSpec& spec, PassPlan& plan, int32_t sequence, std::span<const int32_t> tokens,
                 int first = 0) {
  switch (spec.attention) {
    case AttentionKind::kFull: plan.add_full(sequence, tokens, first); break;
    case AttentionKind::kCausal: plan.add_causal(sequence, tokens, first); break;
    case AttentionKind::kBlockCausal: plan.add_block_causal(sequence, tokens, spec.block_size, first); break;
  }
}

std::vector<float> logits_of(Denoiser& denoiser, PassPlan& plan) {
  plan.head_rows.clear();
  for (uint32_t row = 0; row < plan.rows.size(); ++row) plan.head_rows.push_back(row);
  PassResult result;
  HeadRequest request;
  request.full_logits = true;
  denoiser.forward(plan, request, result);
  return result.logits;
}

std::vector<float> logits_alone(Denoiser& denoiser, const std::vector<int32_t>& tokens) {
  const int32_t sequence = denoiser.open_sequence(static_cast<int32_t>(tokens.size()));
  PassPlan plan;
  add_by_kind(denoiser.spec(), plan, sequence, tokens);
  const std::vector<float> logits = logits_of(denoiser, plan);
  denoiser.close_sequence(sequence);
  return logits;
}

class ExpertModels : public testing::TestWithParam<const char*> {
 protected:
  ModelFiles files_ = make_random_model(small_spec(GetParam()), 7);
  ThreadPool pool_{2};
};
INSTANTIATE_TEST_SUITE_P(Families, ExpertModels,
                         testing::Values("qwen3moe", "rnd1", "sdar-moe", "llada-moe", "llada2", "llada2+pool"));

TEST_P(ExpertModels, PreciseLogitsEqualRowsSentThroughTheirExpertsOneByOne) {
  const auto denoiser = load_native(files_, pool_, {.precise = true});
  const auto tokens = some_tokens(23);
  std::vector<int32_t> positions;
  for (int i = 0; i < 23; ++i) positions.push_back(i);
  const ModelSpec& spec = denoiser->spec();
  const auto expected = test::reference_logits(files_, tokens, positions, [&](int i, int j) {
    if (spec.attention == AttentionKind::kFull) return true;
    return spec.attention == AttentionKind::kCausal ? j <= i : j / spec.block_size <= i / spec.block_size;
  });
  const auto logits = logits_alone(*denoiser, tokens);
  ASSERT_EQ(logits.size(), expected.size());
  double worst = 0;
  for (size_t i = 0; i < logits.size(); ++i) worst = std::max(worst, std::abs(logits[i] - expected[i]));
  EXPECT_LT(worst, 2e-4);
}

TEST_P(ExpertModels, RowsAreTheSameBitsAloneAndInAnyCompany) {
  for (const bool precise : {true, false}) {
    const auto denoiser = load_native(files_, pool_, {.precise = precise});
    const auto a = some_tokens(19), b = some_tokens(150 % 101, 3), c = some_tokens(1, 5);
    const int32_t first = denoiser->open_sequence(19), second = denoiser->open_sequence(128),
                  third = denoiser->open_sequence(1);
    PassPlan plan;
    add_by_kind(denoiser->spec(), plan, first, a);
    add_by_kind(denoiser->spec(), plan, second, b);
    add_by_kind(denoiser->spec(), plan, third, c);
    std::vector<float> expected = logits_alone(*denoiser, a);
    for (const auto& tokens : {b, c}) {
      const auto more = logits_alone(*denoiser, tokens);
      expected.insert(expected.end(), more.begin(), more.end());
    }
    EXPECT_EQ(logits_of(*denoiser, plan), expected) << "precise " << precise;
  }
}

TEST_P(ExpertModels, ThreadsDoNotChangeABit) {
  for (const bool precise : {true, false}) {
    ThreadPool one(1), three(3);
    const auto tokens = some_tokens(40);
    EXPECT_EQ(logits_alone(*load_native(files_, one, {.precise = precise}), tokens),
              logits_alone(*load_native(files_, three, {.precise = precise}), tokens));
  }
}

TEST_P(ExpertModels, BlocksAfterAKeptPrefixEqualAllAtOnce) {
  if (small_spec(GetParam()).attention == AttentionKind::kFull) GTEST_SKIP() << "full attention: no prefix is final";
  for (const bool precise : {true, false}) {
    const auto denoiser = load_native(files_, pool_, {.precise = precise});
    const auto tokens = some_tokens(24);
    const int32_t sequence = denoiser->open_sequence(24);
    std::vector<float> logits;
    for (int begin = 0; begin < 24; begin += 8) {
      PassPlan plan;
      add_by_kind(denoiser->spec(), plan, sequence, std::span(tokens).subspan(static_cast<size_t>(begin), 8), begin);
      const auto part = logits_of(*denoiser, plan);
      logits.insert(logits.end(), part.begin(), part.end());
    }
    EXPECT_EQ(logits, logits_alone(*denoiser, tokens)) << "precise " << precise;
  }
}

TEST_P(ExpertModels, ASpecSurvivesBeingWrittenAsConfigAndRead) {
  const ModelSpec spec = small_spec(GetParam()), again = read_spec(files_);
  EXPECT_EQ(again.moe, spec.moe);
  EXPECT_EQ(again.attention, spec.attention);
  EXPECT_EQ(again.block_size, spec.block_size);
  EXPECT_EQ(again.shift, spec.shift);
  EXPECT_EQ(again.parameters(), spec.parameters());
  int64_t stored = 0;
  for (const std::string& name : files_.weights->names()) stored += files_.weights->find(name)->elements();
  EXPECT_EQ(spec.parameters(), stored);
  EXPECT_LT(spec.active_parameters(), spec.parameters());
}

TEST(Experts, GgufStacksGiveTheMatricesThatTheFileSays) {
  // The same file, its blocks in 4 bits: precise reads them as floats, the other path multiplies them as they are.
  const TempDir folder;
  ThreadPool pool(2);
  for (const std::string family : {"llada2", "qwen3moe", "rnd1", "llada-moe"}) {
    RandomGguf model;
    model.spec = small_spec(family);
    model.spec.d_model = 64;
    model.spec.head_dim = 32;
    model.spec.rope_dim = family == "llada2" ? 16 : 0;
    model.spec.ffn_dim = 96;
    model.spec.moe.expert_dim = 32;
    if (model.spec.moe.shared_dim > 0) model.spec.moe.shared_dim = 64;
    model.spec.moe.dense_layers.clear();
    if (family == "llada2") model.spec.moe.dense_layers = {0};
    model.type = DType::kQ4_0;
    for (int i = 0; i < 101; ++i) model.vocabulary.push_back(std::to_string(i));
    const auto path = folder.path() / (family + ".gguf");
    write_random_gguf(model, path, pool);
    const ModelFiles files = open_model_files(path);
    EXPECT_EQ(read_spec(files).moe, model.spec.moe) << family;
    EXPECT_EQ(read_spec(files).parameters(), model.spec.parameters()) << family;
    const auto exact = logits_alone(*load_native(files, pool, {.precise = true}), some_tokens(9));
    const auto fast = logits_alone(*load_native(files, pool), some_tokens(9));
    double off = 0, spread = 0;
    for (size_t i = 0; i < exact.size(); ++i) {
      off += (exact[i] - fast[i]) * (exact[i] - fast[i]);
      spread += exact[i] * exact[i];
    }
    EXPECT_LT(std::sqrt(off / spread), 0.25) << family;  // a row near a tie may go to another expert

    // The second start maps what the first packed.
    NativeOptions keeping;
    keeping.packed_cache = {.folder = folder.path() / "packed", .at_least = 0};
    EXPECT_EQ(logits_alone(*load_native(files, pool, keeping), some_tokens(9)), fast) << family;
    EXPECT_EQ(logits_alone(*load_native(files, pool, keeping), some_tokens(9)), fast) << family;
  }
}

TEST(Experts, AConfigThatContradictsItselfIsRefused) {
  const auto refused = [](auto change) {
    ModelSpec spec = small_spec("llada2");
    change(spec.moe);
    EXPECT_THROW(check_spec(spec, "config.json"), Error);
  };
  check_spec(small_spec("llada2"), "config.json");
  refused([](MoeSpec& moe) { moe.top_k = 5; });  // two groups of two can be chosen
  refused([](MoeSpec& moe) { moe.n_groups = 3; });
  refused([](MoeSpec& moe) { moe.top_groups = 5; });
  refused([](MoeSpec& moe) { moe.n_groups = 8, moe.top_groups = 8; });
  refused([](MoeSpec& moe) { moe.n_experts = 1 << 20; });
  refused([](MoeSpec& moe) { moe.expert_dim = 1 << 22; });
  refused([](MoeSpec& moe) { moe.n_experts = 4096, moe.expert_dim = 1 << 20; });
  refused([](MoeSpec& moe) { moe.scale = INFINITY; });
  refused([](MoeSpec& moe) { moe.block_pool = 2; });
  refused([](MoeSpec& moe) { moe.block_pool = 9; });
  refused([](MoeSpec& moe) { moe.dense_layers = {7}; });
}

// Other programs would compute something else from such a file.
TEST(Experts, RoutingByBlockIsNotWrittenAsGguf) { EXPECT_THROW(to_gguf_metadata(small_spec("llada2+pool")), Error); }

TEST(Experts, PublishedSizesGiveThePublishedCounts) {
  ModelSpec mini;
  mini.vocab_size = 157184, mini.d_model = 2048, mini.n_layers = 20, mini.n_heads = 16, mini.n_kv_heads = 4,
  mini.head_dim = 128;
  mini.ffn_dim = 5120, mini.qk_norm = true;
  mini.moe = {
      .n_experts = 256, .top_k = 8, .expert_dim = 512, .shared_dim = 512, .expert_bias = true, .dense_layers = {0}};
  EXPECT_NEAR(static_cast<double>(mini.parameters()), 16.3e9, 0.2e9);
  EXPECT_NEAR(static_cast<double>(mini.active_parameters()), 1.44e9, 0.02e9);
}

}  // namespace
}  // namespace pent
