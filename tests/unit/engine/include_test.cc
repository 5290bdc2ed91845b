// Texts that an answer must have in it: whatever decodes, they are there, and what cannot have them is refused.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "fake_model.h"
#include "support/expect_error.h"

namespace pent {
namespace {

const std::vector<std::string> kTokens = {"a", "b", "c", " ", "ab", "[", "]"};  // the text tokens of fake_model()

bool has_all(const std::string& text, const std::vector<std::string>& parts) {
  return std::all_of(parts.begin(), parts.end(),
                     [&](const std::string& part) { return text.find(part) != std::string::npos; });
}

// By trying every text of at most `cells` tokens.
bool is_possible(const std::vector<std::string>& parts, int cells, const std::string& text = {}) {
  if (has_all(text, parts)) return true;
  return cells > 0 && std::any_of(kTokens.begin(), kTokens.end(), [&](const std::string& token) {
           return is_possible(parts, cells - 1, text + token);
         });
}

std::vector<std::string> any_parts() {
  std::vector<std::string> parts;
  for (int count = *rc::gen::inRange(1, 4); count > 0; --count) {
    std::string part;
    for (int length = *rc::gen::inRange(1, 4); length > 0; --length)
      part += *rc::gen::element<std::string>("a", "b", "c", " ", "[");
    parts.push_back(part);
  }
  return parts;
}

GenerationOptions any_options(std::vector<std::string> parts) {
  GenerationOptions options{
      .preset = *rc::gen::element<std::string>("llada", "fast-dllm", "dream", "eb", "mdlm", "remdm", "p2", "wino"),
      .temperature = *rc::gen::element(0.0, 1.0),
      .seed = *rc::gen::inRange<uint64_t>(0, 1000),
      .include = std::move(parts)};
  if (*rc::gen::inRange(0, 4) == 0) options.max_nfe = *rc::gen::inRange(1, 4);
  return options;
}

TEST(IncludeProperty, AnAnswerHasThemOrIsRefused) {
  int answered = 0, refused = 0;
  EXPECT_TRUE(rc::check([&] {
    Request request{.prompt = "a", .options = any_options(any_parts())};
    const std::vector<std::string>& parts = request.options.include;
    const int cells = *rc::gen::inRange(1, 12);
    request.options.max_tokens = cells;
    Model model = fake_model(fake_diffusion_spec());
    try {
      const Filling filling = answer(model, request);
      RC_ASSERT(has_all(filling.generation.text, parts));
      ++answered;
    } catch (const Error& problem) {
      RC_ASSERT(problem.kind() == ErrorKind::kInvalidArgument);
      RC_ASSERT(static_cast<FakeDenoiser&>(*model.denoiser).forwards == 0);
      RC_ASSERT(cells < 9);  // three parts of three characters
      RC_ASSERT(cells > 4 || !is_possible(parts, cells));
      ++refused;
    }
  }));
  EXPECT_GT(answered, 20);
  EXPECT_GT(refused, 5);
}

TEST(IncludeProperty, AFilledTextHasThemWhereverTheyAre) {
  EXPECT_TRUE(rc::check([] {
    Model model = fake_model(fake_diffusion_spec());
    const auto parts = any_parts();
    // The last hole has room for all; the literals may hold parts of them.
    const std::string written =
        *rc::gen::element<std::string>("a[[2]]b[[12]]", "[[1]]ab c[[10]]]", "c[[3..12]]", "[[9]]");
    const Filling filling = fill(model, written, any_options(parts));
    RC_ASSERT(has_all(filling.generation.text, parts));
  }));
}

TEST(IncludeProperty, AnAutoregressiveAnswerHasThem) {
  EXPECT_TRUE(rc::check([] {
    Request request{.prompt = "a", .options = any_options(any_parts())};
    request.options.preset.clear();
    request.options.max_nfe.reset();
    request.options.max_tokens = *rc::gen::inRange(9, 20);
    Model model = fake_model(fake_ar_spec());
    RC_ASSERT(has_all(answer(model, request).generation.text, request.options.include));
  }));
}

TEST(Include, GoesTogetherWithALanguage) {
  Model model = fake_model(fake_diffusion_spec());
  for (uint64_t seed = 0; seed < 10; ++seed) {
    const GenerationOptions options{.temperature = 1.0, .seed = seed, .regex = "(a|b|c)+", .include = {"cab", "bb"}};
    const std::string text = fill(model, "a[[8]]", options).generation.text;
    EXPECT_TRUE(has_all(text, {"cab", "bb"})) << text;
    EXPECT_EQ(text.find_first_not_of("abc"), text.npos) << text;
  }
}

TEST(Include, RefusesWhatCannotBe) {
  Model model = fake_model(fake_diffusion_spec());
  EXPECT_ERROR(fill(model, "a[[2]]", {.include = {"ccc"}}), kInvalidArgument,
               "--include: no 2 tokens in the holes make a text that matches it");
  EXPECT_ERROR(answer(model, {.prompt = "a", .options = {.max_tokens = 2, .include = {"cccc"}}}), kInvalidArgument,
               "--include: the shortest text that matches it has 4 tokens, and there is room for 2");
  EXPECT_ERROR(fill(model, "a[[9]]", {.regex = "[ab]*", .include = {"c"}}), kInvalidArgument,
               "--regex with --include: no text matches it");
  EXPECT_ERROR(fill(model, "a[[9]]", {.include = {"xyz"}}), kInvalidArgument,
               "--include: the model's vocabulary cannot");
  EXPECT_ERROR(fill(model, "a[[9]]", {.include = {""}}), kInvalidArgument, "--include is empty");
  EXPECT_ERROR(fill(model, "a[[9]]", {.include = {"\xff"}}), kInvalidArgument, "--include is not UTF-8");
  EXPECT_ERROR(fill(model, "a[[9]][[regex:a]]", {.include = {"c"}}), kInvalidArgument,
               "--include says what the whole is");
  EXPECT_EQ(static_cast<FakeDenoiser&>(*model.denoiser).forwards, 0);
}

}  // namespace
}  // namespace pent
