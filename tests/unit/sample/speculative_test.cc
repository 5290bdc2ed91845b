// Speculation writes what autoregression writes: greedy and drawn, whatever is drafted and whoever drafts it.
#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "sample/decode.h"
#include "support/expect_error.h"
#include "support/fake_denoiser.h"

namespace pent {
namespace {

using Ids = std::vector<int32_t>;

struct Written {
  Ids tokens;
  DecodeOutcome outcome;
  DraftCount draft;
  std::vector<int32_t> steps;  // of each token
};

Written write(Denoiser& denoiser, const Ids& prompt, const SamplingParams& params, Drafting drafting,
              const TraceSink& trace = {}) {
  std::vector<std::unique_ptr<Sampler>> samplers;
  samplers.push_back(make_ar_sampler(prompt, params, denoiser.spec().stop_ids, std::move(drafting)));
  Written written;
  written.outcome =
      decode(denoiser, samplers, params,
             {.banned = unwritable_tokens(denoiser.spec(), denoiser.spec().vocab_size), .trace = trace})[0];
  written.tokens = samplers[0]->completion();
  written.draft = samplers[0]->draft_count();
  const Canvas& canvas = samplers[0]->canvas();
  for (size_t i = 0; i < written.tokens.size(); ++i)
    written.steps.push_back(canvas[static_cast<int32_t>(prompt.size() + i)].step);
  return written;
}

Written write(Denoiser& denoiser, const Ids& prompt, GenerationOptions options, int draft_length) {
  if (draft_length > 0) options.mode = "speculative", options.block_length = draft_length;
  if (draft_length == 0) options.mode = "ar";
  const SamplingParams params = resolve(options, denoiser.spec(), static_cast<int>(prompt.size()));
  Drafting drafting;
  if (draft_length > 0) drafting = {make_mask_drafter(denoiser.spec()), make_fixed_planner(params.draft_length)};
  return write(denoiser, prompt, params, std::move(drafting));
}

// A row's logits are a function of its position, and with `doubt` of what it sees: then a draft is right now and then.
FakeDenoiser::Logits half_certain_logits(int vocab_size, double doubt, double spread = 2) {
  const auto by_position = scrambled_logits(vocab_size, spread),
             by_sight = scrambled_logits(vocab_size, spread * doubt);
  return [=](const Ids& seen, int32_t position) {
    std::vector<float> logits = by_position({}, position);
    const std::vector<float> more = by_sight(seen, position);
    for (size_t i = 0; i < logits.size(); ++i) logits[i] += more[i];
    return logits;
  };
}

ModelSpec shifted_spec(int vocab_size) {
  ModelSpec spec = fake_diffusion_spec(vocab_size);
  spec.shift = true;
  return spec;
}

TEST(Speculative, GreedyIsAutoregressionTokenForToken) {
  int64_t accepted = 0, drafted = 0;
  for (const ModelSpec& spec : {fake_ar_spec(), shifted_spec(16)})
    for (const double doubt : {0.0, 0.3, 1.0})
      for (int32_t first = 1; first < 12; ++first)
        for (const int draft_length : {1, 2, 3, 8}) {
          FakeDenoiser model(spec, half_certain_logits(16, doubt));
          const GenerationOptions options{.max_tokens = 20, .temperature = 0};
          const Written expected = write(model, {first, 3}, options, 0);
          const Written result = write(model, {first, 3}, options, draft_length);
          EXPECT_EQ(result.tokens, expected.tokens) << doubt << " " << first << " " << draft_length;
          EXPECT_EQ(result.outcome.finish_reason, expected.outcome.finish_reason);
          EXPECT_LE(result.outcome.nfe, expected.outcome.nfe);
          accepted += result.draft.accepted;
          drafted += result.draft.drafted;
        }
  EXPECT_GT(accepted, drafted / 10) << "the models draft something right";
  EXPECT_LT(accepted, drafted * 9 / 10) << "and something wrong";
}

TEST(Speculative, DrawnTokensAreThoseOfAutoregressionWithTheSeed) {
  for (const double doubt : {0.0, 0.5})
    for (uint64_t seed = 0; seed < 40; ++seed)
      for (const int draft_length : {1, 3, 6}) {
        FakeDenoiser model(fake_ar_spec(), half_certain_logits(16, doubt));
        const GenerationOptions options{.max_tokens = 16,
                                        .temperature = 0.9,
                                        .top_p = 0.95,
                                        .top_k = 9,
                                        .repetition_penalty = 1.3,
                                        .repetition_window = 5,
                                        .seed = seed};
        EXPECT_EQ(write(model, {2, 3}, options, draft_length).tokens, write(model, {2, 3}, options, 0).tokens)
            << "seed " << seed << ", drafts of " << draft_length;
      }
}

// What is certain is drafted rightly: a forward writes and drafts, the next takes the draft and a token more.
TEST(Speculative, ForwardsTakeTurnsAtDraftingAndVerifying) {
  ModelSpec spec = fake_ar_spec();
  spec.stop_ids = {};
  FakeDenoiser model(spec, half_certain_logits(16, 0));
  std::vector<int> rows;
  model.on_forward = [&] { rows.push_back(model.rows_computed); };
  const Written result = write(model, {1, 2, 3}, {.max_tokens = 14, .temperature = 0}, 4);
  for (size_t i = rows.size(); i-- > 1;) rows[i] -= rows[i - 1];
  // The prompt and 4 masks; a token and 4 drafts, all right; the fifth of these and 4 masks; …; of the last two tokens none is drafted.
  EXPECT_EQ(rows, (std::vector<int>{3 + 4, 1 + 4, 1 + 4, 1 + 4, 1, 1}));
  EXPECT_EQ(result.draft, (DraftCount{8, 8}));
  EXPECT_EQ(result.outcome.nfe, 6);
  EXPECT_EQ(result.steps, (std::vector<int32_t>{0, 1, 1, 1, 1, 1, 2, 3, 3, 3, 3, 3, 4, 5}));
  EXPECT_EQ(result.outcome.rows, 7 + 5 + 5 + 5 + 1 + 1);
}

// Drafts what a test tells it, without a row of the model.
class ToldDrafter : public Drafter {
 public:
  explicit ToldDrafter(std::function<int32_t(size_t place)> token_of) : token_of_(std::move(token_of)) {}
  void plan(int32_t, int32_t, int, PassPlan&) const override {}
  std::vector<int32_t> draft(std::span<const int32_t> tokens, std::span<const RowStats> rows, int length) override {
    EXPECT_TRUE(rows.empty());
    std::vector<int32_t> draft;
    for (int i = 0; i < length; ++i) draft.push_back(token_of_(tokens.size() + static_cast<size_t>(i)));
    return draft;
  }

 private:
  std::function<int32_t(size_t place)> token_of_;
};

TEST(Speculative, ADrafterOfItsOwnMayBeRightOrWrong) {
  FakeDenoiser model(fake_ar_spec(), half_certain_logits(16, 1));
  const GenerationOptions options{.max_tokens = 18, .temperature = 0.8, .seed = 5};
  const Ids prompt = {4, 5};
  const Written expected = write(model, prompt, options, 0);
  ASSERT_GT(expected.tokens.size(), 8u);
  const SamplingParams params = resolve(options, model.spec(), 2);
  const auto truth = [&](size_t place) {
    return place - prompt.size() < expected.tokens.size() ? expected.tokens[place - prompt.size()] : 0;
  };
  const Written right = write(model, prompt, params, {std::make_shared<ToldDrafter>(truth), make_fixed_planner(3)});
  EXPECT_EQ(right.tokens, expected.tokens);
  EXPECT_EQ(right.draft.accepted, right.draft.drafted);
  EXPECT_LT(right.outcome.nfe, expected.outcome.nfe / 2 + 2);
  const auto lie = [&](size_t place) { return truth(place) % 14 + 1; };
  const Written wrong = write(model, prompt, params, {std::make_shared<ToldDrafter>(lie), make_fixed_planner(3)});
  EXPECT_EQ(wrong.tokens, expected.tokens);
  EXPECT_EQ(wrong.draft.accepted, 0);
  EXPECT_EQ(wrong.outcome.nfe, expected.outcome.nfe);
}

TEST(Speculative, NothingIsWrittenBehindADraftedStopToken) {
  FakeDenoiser model(fake_ar_spec(), [](const Ids&, int32_t position) {
    std::vector<float> logits(16);
    logits[position == 4 ? 0 : static_cast<size_t>(position)] = 5;
    return logits;
  });
  const Written result = write(model, {1, 2}, {.max_tokens = 12, .temperature = 0}, 6);
  EXPECT_EQ(result.tokens, (Ids{1, 2, 3}));
  EXPECT_EQ(result.outcome.finish_reason, "stop");
  EXPECT_EQ(result.outcome.nfe, 2);
  EXPECT_EQ(result.draft, (DraftCount{3, 3})) << "cut at the stop token";
}

TEST(Speculative, ABudgetOfForwardsEndsIt) {
  FakeDenoiser model(fake_ar_spec(), half_certain_logits(16, 0));
  const Written result = write(model, {1, 2}, {.max_tokens = 12, .temperature = 0, .max_nfe = 1}, 4);
  EXPECT_EQ(result.outcome.finish_reason, "deadline");
  EXPECT_EQ(result.tokens.size(), 1u);
}

TEST(Speculative, ItsTracePaintsItsCanvas) {
  FakeDenoiser model(fake_ar_spec(), half_certain_logits(16, 0.2));
  const SamplingParams params =
      resolve({.mode = "speculative", .max_tokens = 15, .temperature = 0, .seed = 2}, model.spec(), 2);
  std::vector<Cell> cells;
  const Written result = write(model, {1, 7}, params, {make_mask_drafter(model.spec()), make_fixed_planner(4)},
                               [&](const TraceEvent& event) { paint(cells, event); });
  ASSERT_GE(cells.size(), 2 + result.tokens.size());
  for (size_t i = 0; i < result.tokens.size(); ++i) {
    EXPECT_EQ(cells[2 + i].token, result.tokens[i]);
    EXPECT_EQ(cells[2 + i].step, result.steps[i]);
  }
}

// Five tokens, strings of three: how often each of the 125 comes, against what autoregression says of it. Speculation writes six
// tokens, so that the three are drafted, accepted and dropped in all ways.
class FiveTokens : public ::testing::Test {
 protected:
  static constexpr int kStrings = 125, kDraws = 6000;

  FiveTokens() {
    ModelSpec spec = fake_ar_spec(5);
    spec.stop_ids = {};
    model_ = std::make_unique<FakeDenoiser>(spec, logits_);
  }

  static size_t index(const Ids& tokens) { return static_cast<size_t>(tokens[0] * 25 + tokens[1] * 5 + tokens[2]); }

  std::array<double, kStrings> exact() const {
    const auto distribution = [&](const Ids& seen) {
      std::array<double, 5> p{};
      const std::vector<float> z = logits_(seen, static_cast<int32_t>(seen.size()) - 1);
      double sum = 0;
      for (size_t i = 0; i < 5; ++i) sum += p[i] = std::exp(static_cast<double>(z[i]));
      for (double& each : p) each /= sum;
      return p;
    };
    std::array<double, kStrings> p{};
    for (int32_t a = 0; a < 5; ++a)
      for (int32_t b = 0; b < 5; ++b)
        for (int32_t c = 0; c < 5; ++c)
          p[index({a, b, c})] = distribution({1})[static_cast<size_t>(a)] *
                                distribution({1, a})[static_cast<size_t>(b)] *
                                distribution({1, a, b})[static_cast<size_t>(c)];
    return p;
  }

  std::array<int, kStrings> count(int draft_length, uint64_t first_seed, DraftCount& draft) {
    std::array<int, kStrings> counts{};
    for (uint64_t seed = first_seed; seed < first_seed + kDraws; ++seed) {
      const Written result = write(*model_, {1}, {.max_tokens = 6, .temperature = 1, .seed = seed}, draft_length);
      ++counts[index(result.tokens)];
      draft.drafted += result.draft.drafted;
      draft.accepted += result.draft.accepted;
    }
    return counts;
  }

  // The value that chi squared exceeds once in a thousand (Wilson and Hilferty 1931).
  static double critical(double freedom) {
    const double part = 2 / (9 * freedom);
    return freedom * std::pow(1 - part + 3.0902 * std::sqrt(part), 3);
  }

  FakeDenoiser::Logits logits_ = half_certain_logits(5, 0.7);
  std::unique_ptr<FakeDenoiser> model_;
};

TEST_F(FiveTokens, StringsAreDistributedAsAutoregressionSays) {
  const std::array<double, kStrings> p = exact();
  for (const int draft_length : {1, 2, 4}) {
    DraftCount draft;
    const std::array<int, kStrings> counts = count(draft_length, 1000000, draft);
    double chi_squared = 0;
    for (size_t i = 0; i < kStrings; ++i) {
      ASSERT_GT(p[i] * kDraws, 1);
      chi_squared += std::pow(counts[i] - p[i] * kDraws, 2) / (p[i] * kDraws);
    }
    EXPECT_LT(chi_squared, critical(kStrings - 1)) << "drafts of " << draft_length;
    EXPECT_GT(draft.accepted, draft.drafted / 5);
    EXPECT_LT(draft.accepted, draft.drafted * 4 / 5);
  }
}

TEST_F(FiveTokens, StringsAreThoseOfAutoregressionWithOtherSeeds) {
  DraftCount draft;
  const auto ours = count(2, 0, draft), theirs = count(0, 500000, draft);
  double chi_squared = 0;
  for (size_t i = 0; i < kStrings; ++i)
    if (ours[i] + theirs[i] > 0) chi_squared += std::pow(ours[i] - theirs[i], 2) / (ours[i] + theirs[i]);
  EXPECT_LT(chi_squared, critical(kStrings - 1));
}

// The test can fail: what the drafter alone would write is distributed otherwise.
TEST_F(FiveTokens, DraftsAloneAreDistributedOtherwise) {
  const std::array<double, kStrings> p = exact();
  DraftCount draft;
  std::array<int, kStrings> counts{};
  for (uint64_t seed = 0; seed < kDraws; ++seed) {
    Ids tokens;
    for (int32_t place = 0; place < 3; ++place) {  // each cell's row sees masks instead of what was drawn
      const std::vector<float> z = logits_(Ids(static_cast<size_t>(place) + 1, 1), place);
      double sum = 0, cumulative = 0;
      for (const float each : z) sum += std::exp(static_cast<double>(each));
      const double u = sum * draw_uniform({.seed = seed, .cell = static_cast<uint32_t>(place)});
      int32_t token = 0;
      while (token < 4 && (cumulative += std::exp(static_cast<double>(z[static_cast<size_t>(token)]))) <= u) ++token;
      tokens.push_back(token);
    }
    ++counts[index(tokens)];
  }
  double chi_squared = 0;
  for (size_t i = 0; i < kStrings; ++i) chi_squared += std::pow(counts[i] - p[i] * kDraws, 2) / (p[i] * kDraws);
  EXPECT_GT(chi_squared, critical(kStrings - 1));
}

TEST(Modes, AModelWritesInThoseItsMasksAllow) {
  using Modes = std::vector<Mode>;
  EXPECT_EQ(modes_of(fake_ar_spec()), (Modes{Mode::kAr, Mode::kSpeculative}));
  EXPECT_EQ(modes_of(fake_diffusion_spec()), Modes{Mode::kDiffusion});
  EXPECT_EQ(modes_of(shifted_spec(16)), (Modes{Mode::kDiffusion, Mode::kAr, Mode::kSpeculative}));
  ModelSpec canvas = fake_ar_spec();
  canvas.canvas_length = 256;
  EXPECT_EQ(modes_of(canvas), Modes{Mode::kDiffusion});
  EXPECT_EQ(draft_token(shifted_spec(16)), 15);
  EXPECT_EQ(draft_token(fake_ar_spec()), 0) << "its end token";
}

TEST(Modes, OthersAreRefusedWithTheReason) {
  const auto resolved = [](const ModelSpec& spec, GenerationOptions options) { return resolve(options, spec, 4); };
  for (const char* mode : {"ar", "speculative"})
    EXPECT_ERROR(
        resolved(fake_diffusion_spec(), {.mode = mode}), kInvalidArgument,
        fmt::format("--mode {} is not for this model (llada): its logits decide the cell they stand on", mode));
  EXPECT_ERROR(resolved(fake_ar_spec(), {.mode = "diffusion"}), kInvalidArgument,
               "--mode diffusion is not for this model (llama): it was not trained to fill masked cells");
  EXPECT_ERROR(resolved(fake_ar_spec(), {.mode = "fast"}), kInvalidArgument,
               "--mode is 'fast'; expected auto, ar, diffusion or speculative");
  EXPECT_ERROR(resolved(shifted_spec(16), {.preset = "dream", .mode = "speculative"}), kInvalidArgument,
               "preset 'dream' is for --mode diffusion, not speculative");
  EXPECT_ERROR(resolved(fake_ar_spec(), {.mode = "speculative", .steps = 4}), kInvalidArgument,
               "--steps is for diffusion presets; --mode speculative drafts --block-length tokens in one forward");
  EXPECT_ERROR(resolved(fake_ar_spec(), {.mode = "speculative", .block_length = 0}), kInvalidArgument,
               "--block-length is 0");
  EXPECT_ERROR(resolved(fake_ar_spec(), {.mode = "ar", .block_length = 4}), kInvalidArgument,
               "--block-length is for diffusion presets");
  EXPECT_EQ(resolved(fake_ar_spec(), {.mode = "speculative"}).draft_length, 4);
  EXPECT_EQ(resolved(fake_ar_spec(), {.mode = "speculative", .max_tokens = 3, .block_length = 9}).draft_length, 3);
  EXPECT_EQ(resolved(shifted_spec(16), {.mode = "speculative"}).preset, "ar");
  EXPECT_EQ(resolved(shifted_spec(16), {.mode = "auto"}).preset, "llada");
}

}  // namespace
}  // namespace pent
