#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "model/denoiser.h"
#include "model/synth.h"
#include "unit/model/reference.h"

namespace pent {
namespace {

// Odd on purpose: nothing is a multiple of a panel, a group or a vector.
// "llama" or, after a plus, a variant of it.
ModelSpec small_spec(const std::string& name) {
  const std::string family = name.substr(0, name.find('+'));
  ModelSpec spec;
  spec.family = family;
  spec.qkv_bias = family == "qwen2" || name == "llama+bias";
  spec.attn_out_bias = name == "llama+bias";
  spec.qk_norm = family == "qwen3";
  spec.rope_dim = name == "qwen3+partial" ? 6 : 0;
  spec.attention = family == "llada" ? AttentionKind::kFull : AttentionKind::kCausal;
  spec.vocab_size = 101;
  spec.n_heads = 6;
  spec.n_kv_heads = 2;
  spec.head_dim = 10;
  spec.d_model = family == "qwen3" ? 44 : 60;
  spec.ffn_dim = 77;
  spec.n_layers = 3;
  spec.max_positions = 128;
  spec.rope_theta = 1000;
  spec.tied_head = family == "llama";
  spec.mask_id = family == "llada" ? 100 : -1;
  spec.eos_id = 1;
  spec.stop_ids = {1};
  if (family == "gpt2" || family == "diffugpt") {
    spec.layer_norm = spec.learned_positions = spec.qkv_bias = spec.attn_out_bias = spec.tied_head = true;
    spec.ffn = FfnKind::kGelu;
    spec.n_kv_heads = spec.n_heads;
  }
  if (family == "diffugpt") {
    spec.attention = AttentionKind::kFull;
    spec.shift = true;
    spec.mask_id = 100;
  }
  return spec;
}

std::vector<int32_t> some_tokens(int n, int salt = 0) {
  std::vector<int32_t> tokens(n);
  for (int i = 0; i < n; ++i) tokens[i] = (i * 37 + salt * 11 + 5) % 101;
  return tokens;
}

std::vector<int32_t> positions_from(int first, int n) {
  std::vector<int32_t> positions(n);
  for (int i = 0; i < n; ++i) positions[i] = first + i;
  return positions;
}

void ask_every_row(PassPlan& plan) {
  plan.head_rows.clear();
  for (uint32_t row = 0; row < plan.rows.size(); ++row) plan.head_rows.push_back(row);
}

std::vector<float> all_logits(Denoiser& denoiser, PassPlan& plan) {
  ask_every_row(plan);
  PassResult result;
  HeadRequest request;
  request.full_logits = true;
  denoiser.forward(plan, request, result);
  return result.logits;
}

std::vector<float> full_logits(Denoiser& denoiser, const std::vector<int32_t>& tokens) {
  const int32_t sequence = denoiser.open_sequence(static_cast<int32_t>(tokens.size()));
  PassPlan plan;
  if (denoiser.spec().attention == AttentionKind::kFull)
    plan.add_full(sequence, tokens);
  else
    plan.add_causal(sequence, tokens);
  const std::vector<float> logits = all_logits(denoiser, plan);
  denoiser.close_sequence(sequence);
  return logits;
}

double largest_difference(const std::vector<float>& a, const std::vector<double>& b) {
  EXPECT_EQ(a.size(), b.size());
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}

double cosine(const std::vector<float>& a, const std::vector<double>& b) {
  double ab = 0, aa = 0, bb = 0;
  for (size_t i = 0; i < a.size(); ++i) ab += a[i] * b[i], aa += double{a[i]} * a[i], bb += b[i] * b[i];
  return ab / std::sqrt(aa * bb);
}

class NativeForward : public testing::TestWithParam<const char*> {
 protected:
  ModelFiles files_ = make_random_model(small_spec(GetParam()), 7);
  ThreadPool pool_{2};
};
INSTANTIATE_TEST_SUITE_P(Families, NativeForward,
                         testing::Values("llada", "llama", "llama+bias", "qwen2", "qwen3", "qwen3+partial", "gpt2",
                                         "diffugpt"));

TEST_P(NativeForward, PrecisePathAgreesWithTheFloat64Reference) {
  const auto denoiser = load_native(files_, pool_, {.precise = true});
  const bool full = denoiser->spec().attention == AttentionKind::kFull;
  for (const int n : {1, 2, 17, 40}) {
    const auto tokens = some_tokens(n);
    const auto expected =
        test::reference_logits(files_, tokens, positions_from(0, n), [&](int i, int j) { return full || j <= i; });
    EXPECT_LT(largest_difference(full_logits(*denoiser, tokens), expected), 1e-4) << n;
  }
}

TEST_P(NativeForward, Int8PathIsCloseToTheFloat64Reference) {
  const auto denoiser = load_native(files_, pool_);
  const bool full = denoiser->spec().attention == AttentionKind::kFull;
  const auto tokens = some_tokens(33);
  const auto expected =
      test::reference_logits(files_, tokens, positions_from(0, 33), [&](int i, int j) { return full || j <= i; });
  const auto logits = full_logits(*denoiser, tokens);
  const double scale = std::abs(*std::max_element(expected.begin(), expected.end()));
  EXPECT_GT(cosine(logits, expected), 0.999);
  EXPECT_LT(largest_difference(logits, expected), 0.05 * scale);
}

TEST_P(NativeForward, BlockCausalRowsSeeTheirBlockAndWhatIsBefore) {
  const auto denoiser = load_native(files_, pool_, {.precise = true});
  const auto tokens = some_tokens(22);
  const auto expected =
      test::reference_logits(files_, tokens, positions_from(0, 22), [](int i, int j) { return j / 5 <= i / 5; });
  const int32_t sequence = denoiser->open_sequence(22);
  PassPlan plan;
  plan.add_block_causal(sequence, tokens, 5);
  EXPECT_LT(largest_difference(all_logits(*denoiser, plan), expected), 1e-4);
}

// Why keys of finished blocks may be kept for good.
TEST_P(NativeForward, BlockAfterBlockEqualsAllAtOnceBitForBit) {
  for (const bool precise : {true, false}) {
    const auto denoiser = load_native(files_, pool_, {.precise = precise});
    const auto tokens = some_tokens(22);
    const int32_t whole = denoiser->open_sequence(22), stepwise = denoiser->open_sequence(22);
    PassPlan plan;
    plan.add_block_causal(whole, tokens, 5);
    const std::vector<float> expected = all_logits(*denoiser, plan);
    std::vector<float> logits;
    for (int begin = 0, end = 10; begin < 22; begin = end, end = std::min(22, end + 5)) {
      plan.clear();
      plan.add_block_causal(stepwise, std::span(tokens).subspan(begin, end - begin), 5, begin);
      const auto part = all_logits(*denoiser, plan);
      logits.insert(logits.end(), part.begin(), part.end());
    }
    EXPECT_EQ(logits, expected) << "precise " << precise;
  }
}

TEST_P(NativeForward, CausalPrefixThenRowByRowEqualsAllAtOnce) {
  for (const bool precise : {true, false}) {
    const auto denoiser = load_native(files_, pool_, {.precise = precise});
    const auto tokens = some_tokens(37);
    const int32_t whole = denoiser->open_sequence(37), stepwise = denoiser->open_sequence(37);
    PassPlan plan;
    plan.add_causal(whole, tokens);
    const std::vector<float> expected = all_logits(*denoiser, plan);
    std::vector<float> logits;
    for (int begin = 0; begin < 37;) {
      const int end = begin == 0 ? 19 : begin + 1;
      plan.clear();
      plan.add_causal(stepwise, std::span(tokens).subspan(begin, end - begin), begin);
      const auto part = all_logits(*denoiser, plan);
      logits.insert(logits.end(), part.begin(), part.end());
      begin = end;
    }
    EXPECT_EQ(logits, expected) << "precise " << precise;
  }
}

TEST_P(NativeForward, RowsDoNotDependOnThreadsOrOnWhatElseIsInTheBatch) {
  for (const bool precise : {true, false}) {
    std::vector<std::vector<float>> by_threads;
    for (const int threads : {1, 2, 3}) {
      ThreadPool pool(threads);
      const auto denoiser = load_native(files_, pool, {.precise = precise});
      const auto a = some_tokens(13, 1), b = some_tokens(40, 2), c = some_tokens(1, 3);
      PassPlan plan;
      const int32_t sequences[] = {denoiser->open_sequence(50), denoiser->open_sequence(40),
                                   denoiser->open_sequence(3)};
      const bool full = denoiser->spec().attention == AttentionKind::kFull;
      const auto add = [&](int32_t sequence, const std::vector<int32_t>& tokens) {
        full ? plan.add_full(sequence, tokens) : plan.add_causal(sequence, tokens);
      };
      add(sequences[0], a);
      add(sequences[1], b);
      add(sequences[2], c);
      const auto together = all_logits(*denoiser, plan);
      std::vector<float> alone;
      for (const auto* tokens : {&a, &b, &c}) {
        const auto logits = full_logits(*denoiser, *tokens);
        alone.insert(alone.end(), logits.begin(), logits.end());
      }
      EXPECT_EQ(together, alone) << threads << " threads, precise " << precise;
      by_threads.push_back(together);
    }
    EXPECT_EQ(by_threads[0], by_threads[1]);
    EXPECT_EQ(by_threads[0], by_threads[2]);
  }
}

TEST_P(NativeForward, PositionsSlotsAndRangesAreIndependent) {
  // Two cells of five are hidden from the rest, the slots lie in reverse, the positions have gaps.
  const auto denoiser = load_native(files_, pool_, {.precise = true});
  const auto tokens = some_tokens(5);
  const std::vector<int32_t> positions = {3, 4, 9, 20, 21};
  const int32_t sequence = denoiser->open_sequence(40);
  PassPlan plan;
  plan.ranges = {{33, 35}, {31, 32}, {31, 36}};  // slots of tokens 2, 1 and 4; of all (token i has slot 35 - i)
  for (int i = 0; i < 5; ++i) {
    plan.rows.push_back({tokens[i], positions[i], 35 - i, i < 3 ? 0u : 2u, i < 3 ? 2u : 1u});
  }
  plan.sequences.push_back({sequence, 0, 5});
  const auto expected =
      test::reference_logits(files_, tokens, positions, [](int i, int j) { return i >= 3 || (j != 0 && j != 3); });
  EXPECT_LT(largest_difference(all_logits(*denoiser, plan), expected), 1e-4);
}

TEST_P(NativeForward, CachedRowsAreSeenWithoutBeingComputedAgain) {
  const auto denoiser = load_native(files_, pool_, {.precise = true});
  const auto tokens = some_tokens(20);
  const int32_t sequence = denoiser->open_sequence(20);
  PassPlan plan;
  plan.add_full(sequence, tokens);
  const auto expected = all_logits(*denoiser, plan);
  plan.clear();
  plan.add_full(sequence, std::span(tokens).subspan(12), 12);  // nothing changed: the same keys and values again
  const auto again = all_logits(*denoiser, plan);
  EXPECT_TRUE(std::equal(again.begin(), again.end(), expected.begin() + 12 * 101));
}

TEST_P(NativeForward, OnlyHeadRowsAreAnswered) {
  const auto denoiser = load_native(files_, pool_);
  const auto tokens = some_tokens(20);
  const int32_t sequence = denoiser->open_sequence(20);
  PassPlan plan;
  plan.add_full(sequence, tokens);
  const auto everything = all_logits(*denoiser, plan);
  plan.head_rows = {3, 11};
  PassResult result;
  HeadRequest request;
  request.targets = {17, -1};
  denoiser->forward(plan, request, result);
  ASSERT_EQ(result.rows.size(), 2u);
  EXPECT_TRUE(result.logits.empty());
  EXPECT_EQ(result.rows[0].target_logit, everything[3 * 101 + 17]);
  EXPECT_EQ(result.rows[1].max_logit, *std::max_element(everything.begin() + 11 * 101, everything.begin() + 12 * 101));
}

TEST_P(NativeForward, GuidanceMixesTheLogitsOfTwins) {
  const auto denoiser = load_native(files_, pool_, {.precise = true});
  const auto tokens = some_tokens(12), others = some_tokens(12, 3);
  const auto guided = full_logits(*denoiser, tokens), free = full_logits(*denoiser, others);
  OpenSequence first(*denoiser, 12), second(*denoiser, 12);
  PassPlan plan;
  for (const auto& [sequence, text] : {std::pair(&first, tokens), std::pair(&second, others)}) {
    if (denoiser->spec().attention == AttentionKind::kFull)
      plan.add_full(sequence->handle(), text);
    else
      plan.add_causal(sequence->handle(), text);
  }
  plan.head_rows = {2, 7};
  plan.twin_rows = {12 + 2, 12 + 7};
  HeadRequest request;
  request.full_logits = true;
  request.guidance = 1.5f;
  PassResult result;
  denoiser->forward(plan, request, result);
  ASSERT_EQ(result.logits.size(), 2u * 101);
  for (size_t head = 0; head < 2; ++head)
    for (size_t v = 0; v < 101; ++v) {
      const size_t at = plan.head_rows[head] * 101 + v;
      EXPECT_NEAR(result.logits[head * 101 + v], free[at] + 2.5f * (guided[at] - free[at]), 1e-4);
    }
  plan.twin_rows = {14};
  EXPECT_THROW(denoiser->forward(plan, request, result), Error);
  plan.twin_rows = {14, 24};
  EXPECT_THROW(denoiser->forward(plan, request, result), Error);
}

// The last layer computes what is asked for only, but a later pass may look at any row.
TEST_P(NativeForward, RowsNobodyAskedAboutLeaveTheirKeysAndValues) {
  const auto tokens = some_tokens(20);
  std::vector<std::vector<float>> logits;
  for (const std::vector<uint32_t>& asked :
       {std::vector<uint32_t>{}, {2, 3, 17}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 19}}) {
    const auto denoiser = load_native(files_, pool_);
    const int32_t sequence = denoiser->open_sequence(20);
    PassPlan plan;
    PassResult result;
    plan.add_full(sequence, tokens);
    plan.head_rows = asked;
    denoiser->forward(plan, {}, result);
    plan.clear();
    plan.add_window(sequence, std::span(tokens).subspan(5, 4), 5, 20);
    logits.push_back(all_logits(*denoiser, plan));
  }
  EXPECT_EQ(logits[1], logits[0]);
  EXPECT_EQ(logits[2], logits[0]);
}

TEST_P(NativeForward, PlansThatDoNotFitAreRefusedByName) {
  const auto denoiser = load_native(files_, pool_);
  const int32_t sequence = denoiser->open_sequence(8);
  const auto refused = [&](const std::string& word, const std::function<void(PassPlan&)>& spoil) {
    PassPlan plan;
    plan.add_full(sequence, some_tokens(4));
    ask_every_row(plan);
    spoil(plan);
    PassResult result;
    try {
      denoiser->forward(plan, {}, result);
      ADD_FAILURE() << "accepted: " << word;
    } catch (const Error& failure) {
      EXPECT_EQ(failure.kind(), ErrorKind::kInvalidArgument);
      EXPECT_NE(std::string(failure.what()).find(word), std::string::npos) << failure.what();
    }
  };
  refused("token 101", [](PassPlan& plan) { plan.rows[1].token = 101; });
  refused("token -1", [](PassPlan& plan) { plan.rows[1].token = -1; });
  refused("position 128", [](PassPlan& plan) { plan.rows[2].position = 128; });
  refused("slot 8", [](PassPlan& plan) { plan.rows[2].slot = 8; });
  refused("slot 1 is written twice", [](PassPlan& plan) { plan.rows[2].slot = 1; });
  refused("slots [0, 9)", [](PassPlan& plan) { plan.ranges[0].end = 9; });
  refused("ranges", [](PassPlan& plan) { plan.rows[0].ranges_begin = 5; });
  refused("sees no slot", [](PassPlan& plan) { plan.rows[0].ranges_count = 0; });
  refused("head row 4", [](PassPlan& plan) { plan.head_rows.back() = 4; });
  refused("not open", [](PassPlan& plan) { plan.sequences[0].sequence = 3; });
  refused("belongs to no sequence", [](PassPlan& plan) { plan.sequences[0].row_end = 3; });
}

TEST_P(NativeForward, AnEmptyPlanAnswersNothing) {
  const auto denoiser = load_native(files_, pool_);
  PassResult result;
  denoiser->forward({}, {}, result);
  EXPECT_TRUE(result.rows.empty());
}

TEST_P(NativeForward, ASequenceLargerThanMemoryIsRefused) {
  ModelSpec spec = small_spec(GetParam());
  const auto denoiser = load_native(files_, pool_);
  try {
    denoiser->open_sequence(std::numeric_limits<int32_t>::max());
    FAIL();
  } catch (const Error& failure) {
    EXPECT_EQ(failure.kind(), ErrorKind::kResourceExhausted) << failure.what();
  }
}

TEST_P(NativeForward, HandlesAreReused) {
  const auto denoiser = load_native(files_, pool_);
  const int32_t a = denoiser->open_sequence(4), b = denoiser->open_sequence(4);
  denoiser->close_sequence(a);
  EXPECT_EQ(denoiser->open_sequence(9), a);
  EXPECT_NE(a, b);
}

}  // namespace
}  // namespace pent
