// The tiny DiffusionGemma against transformers' own class (tests/parity/gemma_goldens.py): the encoder's logits, the decoder's over
// a kept prompt without and with self-conditioning, and over a prompt with a committed canvas.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "unit/parity/golden.h"

namespace pent {
namespace {

constexpr float kTemperature = 0.7f;  // of the logits that condition

// Of one prompt: the canvas first shown, the second, conditioned on what the first gave, and a third behind the second committed.
struct Case {
  std::vector<int32_t> prompt;
  std::vector<int32_t> canvases[3];
};

class DiffusionGemma : public ::testing::Test {
 protected:
  static std::unique_ptr<Denoiser> load(ThreadPool& pool, bool precise) {
    return load_native(open_model_files(golden_dir() / "tiny-diffusion-gemma"), pool, {.precise = precise});
  }

  std::vector<Case> cases() const {
    const std::vector<int32_t> canvases = golden_.ints("canvases");
    std::vector<Case> cases;
    auto at = canvases.begin();
    for (const auto& prompt : golden_.texts()) {
      cases.push_back({.prompt = prompt, .canvases = {}});
      for (auto& canvas : cases.back().canvases) {
        canvas.assign(at, at + 8);
        at += 8;
      }
    }
    return cases;
  }

  // Rows of all canvases of a step over kept prompts, or with the text before them encoded in the same pass.
  static void add_canvas(PassPlan& plan, int32_t sequence, const std::vector<int32_t>& canvas, int32_t begin,
                         bool conditioned) {
    plan.add_full(sequence, canvas, begin);
    plan.sequences.back().denoises = true;
    plan.sequences.back().conditioned = conditioned;
    for (uint32_t row = plan.sequences.back().row_begin; row < plan.rows.size(); ++row) plan.head_rows.push_back(row);
  }

  static std::vector<float> forward(Denoiser& denoiser, const PassPlan& plan, float divisor = 1) {
    HeadRequest request{.full_logits = true, .keep_means = true};
    request.divisors.assign(plan.head_rows.size(), divisor);
    PassResult result;
    denoiser.forward(plan, request, result);
    for (float& z : result.logits) z *= divisor;
    return result.logits;
  }

  // The three denoising passes of a case, in the golden's order. fused: text is encoded in the pass that denoises behind it.
  static std::vector<float> denoise(Denoiser& denoiser, const Case& item, bool fused) {
    const auto size = static_cast<int32_t>(item.prompt.size());
    const OpenSequence sequence(denoiser, size + 16);
    std::vector<float> logits;
    PassPlan plan;
    const auto step = [&](const std::vector<int32_t>* text, int32_t text_begin, const std::vector<int32_t>& canvas,
                          int32_t begin, bool conditioned) {
      plan.clear();
      if (text != nullptr) plan.add_causal(sequence.handle(), *text, text_begin);
      if (text != nullptr && !fused) {
        forward(denoiser, plan);
        plan.clear();
      }
      add_canvas(plan, sequence.handle(), canvas, begin, conditioned);
      const auto rows = forward(denoiser, plan, kTemperature);
      logits.insert(logits.end(), rows.begin(), rows.end());
    };
    step(&item.prompt, 0, item.canvases[0], size, false);
    step(nullptr, 0, item.canvases[1], size, true);
    step(&item.canvases[1], size, item.canvases[2], size + 8, false);
    return logits;
  }

  static void expect_close(std::span<const float> got, std::span<const float> want, size_t vocab) {
    ASSERT_EQ(got.size(), want.size());
    float worst = 0;
    for (size_t i = 0; i < got.size(); ++i) worst = std::max(worst, std::abs(got[i] - want[i]));
    EXPECT_LE(worst, 5e-4f);
    const auto best = [](std::span<const float> row) { return std::max_element(row.begin(), row.end()) - row.begin(); };
    for (size_t i = 0; i < got.size(); i += vocab)
      EXPECT_EQ(best(got.subspan(i, vocab)), best(want.subspan(i, vocab))) << "row " << i / vocab;
  }

  ThreadPool pool_{2};
  GoldenTensors golden_{"tiny-diffusion-gemma.safetensors"};
};

TEST_F(DiffusionGemma, EncoderLogitsAgreeWithTransformersAtOnceAndRowByRow) {
  const auto denoiser = load(pool_, /*precise=*/true);
  std::vector<float> whole, stepwise;
  for (const auto& text : golden_.texts()) {
    const PassResult result = forward_all(*denoiser, text);
    whole.insert(whole.end(), result.logits.begin(), result.logits.end());
    const OpenSequence sequence(*denoiser, static_cast<int32_t>(text.size()));
    for (size_t i = 0; i < text.size(); ++i) {
      PassPlan plan;
      plan.add_causal(sequence.handle(), std::span(text).subspan(i, 1), static_cast<int32_t>(i));
      plan.head_rows = {0};
      PassResult row;
      denoiser->forward(plan, {.full_logits = true}, row);
      stepwise.insert(stepwise.end(), row.logits.begin(), row.logits.end());
    }
  }
  expect_close(whole, golden_.floats("logits"), 288);
  expect_close(stepwise, golden_.floats("logits"), 288);
}

TEST_F(DiffusionGemma, DenoisedLogitsAgreeWithTransformers) {
  const auto denoiser = load(pool_, /*precise=*/true);
  for (const bool fused : {false, true}) {
    std::vector<float> got;
    for (const Case& item : cases()) {
      const auto logits = denoise(*denoiser, item, fused);
      got.insert(got.end(), logits.begin(), logits.end());
    }
    expect_close(got, golden_.floats("denoised"), 288);
  }
}

TEST_F(DiffusionGemma, ARaggedBatchGivesTheSameBitsAsEachSequenceAlone) {
  for (const bool precise : {true, false}) {
    const auto denoiser = load(pool_, precise);
    std::vector<float> alone[2], together[2];
    const std::vector<Case> all = cases();
    std::vector<int32_t> handles;
    for (const Case& item : all)
      handles.push_back(denoiser->open_sequence(static_cast<int32_t>(item.prompt.size()) + 8));
    for (const int step : {0, 1}) {
      PassPlan plan;
      for (size_t i = 0; i < all.size(); ++i) {
        const auto size = static_cast<int32_t>(all[i].prompt.size());
        if (step == 0) plan.add_causal(handles[i], all[i].prompt);
        add_canvas(plan, handles[i], all[i].canvases[step], size, step == 1);
      }
      together[step] = forward(*denoiser, plan);
    }
    for (const Case& item : all) {
      const auto size = static_cast<int32_t>(item.prompt.size());
      const OpenSequence sequence(*denoiser, size + 8);
      for (const int step : {0, 1}) {
        PassPlan plan;
        if (step == 0) plan.add_causal(sequence.handle(), item.prompt);
        add_canvas(plan, sequence.handle(), item.canvases[step], size, step == 1);
        const auto rows = forward(*denoiser, plan);
        alone[step].insert(alone[step].end(), rows.begin(), rows.end());
      }
    }
    EXPECT_EQ(together[0], alone[0]);
    EXPECT_EQ(together[1], alone[1]);
  }
}

TEST_F(DiffusionGemma, Int8LogitsStayNearTheReference) {
  const auto denoiser = load(pool_, /*precise=*/false);
  const std::vector<float> want = golden_.floats("denoised");
  double off = 0, spread = 0;
  size_t at = 0;
  for (const Case& item : cases()) {
    for (const float z : denoise(*denoiser, item, /*fused=*/true)) {
      off += (z - want[at]) * (z - want[at]);
      spread += want[at] * want[at];
      ++at;
    }
  }
  EXPECT_EQ(at, want.size());
  EXPECT_LE(std::sqrt(off / spread), 0.25);  // a row near a tie may go to another expert
}

TEST_F(DiffusionGemma, AConditionedCanvasNeedsKeptMeans) {
  const auto denoiser = load(pool_, /*precise=*/true);
  const OpenSequence sequence(*denoiser, 16);
  PassPlan plan;
  plan.add_causal(sequence.handle(), std::vector<int32_t>{1, 2});
  add_canvas(plan, sequence.handle(), std::vector<int32_t>(8, 3), 2, /*conditioned=*/true);
  EXPECT_THROW(forward(*denoiser, plan), Error);
  plan.sequences.back().conditioned = false;
  EXPECT_NO_THROW(forward(*denoiser, plan));
  plan.head_rows.pop_back();  // a row whose mean would not be known
  EXPECT_THROW(forward(*denoiser, plan), Error);
}

}  // namespace
}  // namespace pent
