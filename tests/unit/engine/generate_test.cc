#include "engine/generate.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "fake_model.h"
#include "support/expect_error.h"

namespace pent {
namespace {

using Ids = std::vector<TokenId>;

TEST(Generate, DiffusionAnswerIsTheTextBeforeTheFirstStopToken) {
  Model model = fake_model(fake_diffusion_spec(), writes({9, 1, 2, 4, 3, 0, 1, 1}));
  const Generation result = generate(model, {1}, {.max_tokens = 7});
  EXPECT_EQ(result.text, "ab c");
  EXPECT_EQ(result.token_ids, (Ids{1, 2, 4, 3}));
  EXPECT_EQ(result.finish_reason, "stop");
  EXPECT_EQ(result.prompt_tokens, 1);
  EXPECT_EQ(result.completion_tokens, 4);
  EXPECT_EQ(result.mode, Mode::kDiffusion);
  EXPECT_EQ(result.preset, "llada");
}

TEST(Generate, SaysWhatItCostAndWhichStepWroteEachToken) {
  Model model = fake_model(fake_diffusion_spec(), writes({9, 1, 2, 4, 3, 0, 1, 1}));
  const Generation result = generate(model, {1}, {.max_tokens = 7, .block_length = 1});
  EXPECT_EQ(result.nfe, 5);
  EXPECT_EQ(result.rows, 5 * 8);
  EXPECT_EQ(result.canvas_cells, 7);
  ASSERT_EQ(result.written.size(), 4u);
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(result.written[static_cast<size_t>(i)].token, result.token_ids[static_cast<size_t>(i)]);
    EXPECT_EQ(result.written[static_cast<size_t>(i)].step, i);
    EXPECT_GT(result.written[static_cast<size_t>(i)].confidence, 0.5f);
  }
}

TEST(Generate, AConstraintNeedsACanvasOfFixedLength) {
  Model model = fake_model(fake_diffusion_spec());
  EXPECT_ERROR(generate(model, {1}, {.preset = "daedal", .regex = "a+"}), kInvalidArgument,
               "a constraint is for a canvas of fixed length; use --length N");
  EXPECT_EQ(generate(model, {1}, {.length = "5", .regex = "a{5}"}).text, "aaaaa");
}

TEST(Generate, ArAnswerIsTheTextBeforeTheFirstStopToken) {
  Model model = fake_model(fake_ar_spec(), writes({1, 2, 4, 0}));
  const Generation result = generate(model, {1}, {});
  EXPECT_EQ(result.text, "ab ");
  EXPECT_EQ(result.finish_reason, "stop");
  EXPECT_EQ(result.nfe, 4);
  EXPECT_EQ(result.mode, Mode::kAr);
}

TEST(Generate, SpeculationKeepsToALanguageAsAutoregressionDoes) {
  int64_t accepted = 0;
  for (uint64_t seed = 0; seed < 30; ++seed)
    for (const char* regex : {"a{3,9}b*", "(ab| )+c?"}) {
      // Half of what a row says comes from its place alone, so that drafts are right now and then.
      Model model = fake_model(fake_ar_spec(), [](const Ids& seen, int32_t position) {
        std::vector<float> logits = scrambled_logits(16)({}, position);
        const std::vector<float> more = scrambled_logits(16, 2)(seen, position);
        for (size_t i = 0; i < logits.size(); ++i) logits[i] += more[i];
        return logits;
      });
      GenerationOptions options{.mode = "ar", .max_tokens = 12, .temperature = 1, .seed = seed, .regex = regex};
      const Generation expected = generate(model, {1}, options);
      options.mode = "speculative";
      const Generation drafted = generate(model, {1}, options);
      EXPECT_EQ(drafted.text, expected.text);
      EXPECT_EQ(drafted.token_ids, expected.token_ids);
      accepted += drafted.draft.accepted;
    }
  EXPECT_GT(accepted, 20);
}

TEST(Generate, AutoWritesTheTextOfTheModelsOwnModeAndSaysWhy) {
  Model model = fake_model(fake_ar_spec());
  for (uint64_t seed = 0; seed < 20; ++seed) {
    GenerationOptions options{.mode = "ar", .max_tokens = 80, .temperature = 1, .seed = seed};
    const Generation expected = generate(model, {1, 2}, options);
    EXPECT_EQ(expected.mode_reason, "as asked");
    EXPECT_EQ(model.planner != nullptr, seed > 0) << "made when it is first asked for";
    options.mode = "auto";
    const Generation result = generate(model, {1, 2}, options);
    EXPECT_EQ(result.token_ids, expected.token_ids);
    EXPECT_FALSE(result.mode_reason.empty());
  }
}

TEST(Generate, AutoHasAPlannerOnlyWhereItMayChoose) {
  const auto reason = [](ModelSpec spec, int max_tokens, int best_of = 1) {
    Model model = fake_model(std::move(spec));
    const Generation result =
        generate(model, {1}, {.mode = "auto", .max_tokens = max_tokens, .temperature = 1, .best_of = best_of});
    EXPECT_EQ(model.planner, nullptr);
    EXPECT_EQ(result.mode, own_mode(model.denoiser->spec()));
    return result.mode_reason;
  };
  EXPECT_EQ(reason(fake_diffusion_spec(), 80), "the model has no other");
  EXPECT_EQ(reason(fake_ar_spec(), 12), "an answer of at most 12 tokens is too short to try drafts in");
  EXPECT_EQ(reason(fake_ar_spec(), 80, 3), "answers written together share their forwards already");
  ModelSpec shifted = fake_diffusion_spec();
  shifted.shift = true;
  EXPECT_EQ(reason(shifted, 80), "the model's own; its others write another text");
  Model model = fake_model(fake_ar_spec());
  EXPECT_EQ(generate(model, {1}, {.mode = "auto", .max_tokens = 80, .max_nfe = 70}).mode_reason,
            "a budget of forwards buys a token with each");
  EXPECT_EQ(generate(model, {1}, {.mode = "auto", .max_tokens = 80, .deadline_ms = 1e6}).mode_reason,
            "a deadline leaves no time to measure this machine");
  EXPECT_EQ(generate(model, {1}, {.max_tokens = 80}).mode_reason, "the model's own");
  EXPECT_EQ(model.planner, nullptr) << "callers that do not ask for auto measure nothing";
}

TEST(Generate, BestOfAndStopStringsGoWithSpeculation) {
  Model model = fake_model(fake_ar_spec());
  GenerationOptions options{.mode = "ar", .max_tokens = 12, .temperature = 1, .seed = 3, .best_of = 4, .stop = {"b"}};
  const Generation expected = generate(model, {1}, options);
  options.mode = "speculative";
  const Generation drafted = generate(model, {1}, options);
  EXPECT_EQ(drafted.text, expected.text);
  EXPECT_EQ(drafted.finish_reason, expected.finish_reason);
}

TEST(Generate, StopStringsMayRunAcrossTokens) {
  for (const ModelSpec& spec : {fake_diffusion_spec(), fake_ar_spec()}) {
    // AR: the row at position i writes the token behind it.
    Model model = fake_model(spec, spec.is_diffusion() ? writes({9, 1, 2, 4, 5, 1, 1}) : writes({1, 2, 4, 5, 1, 1}));
    const Generation result = generate(
        model, {1},
        {.max_tokens = 6, .block_length = spec.is_diffusion() ? std::optional(1) : std::nullopt, .stop = {" a"}});
    EXPECT_EQ(result.text, "ab");
    EXPECT_EQ(result.token_ids, (Ids{1, 2}));
    EXPECT_EQ(result.finish_reason, "stop");
    EXPECT_EQ(result.nfe, 4) << "nothing is written behind the stop string";
  }
}

TEST(Generate, StopStringInsideATokenCutsTheText) {
  Model model = fake_model(fake_ar_spec(), writes({5, 5, 5, 5}));
  const Generation result = generate(model, {1}, {.max_tokens = 4, .stop = {"bab"}});
  EXPECT_EQ(result.text, "a");
  EXPECT_EQ(result.token_ids, Ids{5});
}

TEST(Generate, EmptyPromptStartsFromBosOrTheBareCanvas) {
  ModelSpec diffusion = fake_diffusion_spec(), ar = fake_ar_spec();
  Model bare = fake_model(diffusion);
  EXPECT_EQ(generate(bare, {}, {.max_tokens = 3}).prompt_tokens, 0);
  diffusion.bos_id = ar.bos_id = 8;
  for (const ModelSpec& spec : {diffusion, ar}) {
    Model model = fake_model(spec);
    EXPECT_EQ(generate(model, {}, {.max_tokens = 3}).prompt_tokens, 1);
  }
}

TEST(Generate, AModelTrainedBehindABosGetsItOnce) {
  ModelSpec spec = fake_diffusion_spec();
  spec.bos_id = 8;
  spec.starts_with_bos = true;
  Model model = fake_model(spec);
  for (const Ids& prompt : {Ids{}, Ids{1, 2}, Ids{8, 1, 2}})
    EXPECT_EQ(generate(model, prompt, {.max_tokens = 3}).prompt_tokens, prompt.empty() ? 1 : 3);
}

TEST(Generate, EmptyPromptOfAnArModelWithoutBosStartsFromItsEnd) {
  Model model = fake_model(fake_ar_spec(), [](const Ids& seen, int32_t) {
    EXPECT_EQ(seen.at(0), 0);
    return std::vector<float>(16, 1.0f);
  });
  EXPECT_EQ(generate(model, {}, {.max_tokens = 1}).prompt_tokens, 1);
  ModelSpec neither = fake_ar_spec();
  neither.eos_id = -1;
  Model lost = fake_model(neither);
  EXPECT_THROW(generate(lost, {}, {}), Error);
}

TEST(Generate, PromptBeyondTheContextIsRefusedBeforeAnyWork) {
  Model model = fake_model(fake_diffusion_spec());
  EXPECT_THROW(generate(model, Ids(510, 1), {.max_tokens = 3}), Error);
  EXPECT_EQ(static_cast<FakeDenoiser&>(*model.denoiser).forwards, 0);
}

TEST(Generate, PaddingOfTheVocabularyIsNeverWritten) {
  for (const ModelSpec& spec : {fake_diffusion_spec(), fake_ar_spec()}) {
    Model model = fake_model(spec, writes(Ids(40, 12)));
    for (const TokenId id : generate(model, {1}, {.max_tokens = 8}).token_ids) EXPECT_LT(id, 9);
  }
}

TEST(Generate, GenerationConfigFillsWhatIsUnsetUnlessAPresetIsNamed) {
  Model model = fake_model(fake_diffusion_spec());
  model.files.generation_config = {{"steps", 5}, {"temperature", 0.5}, {"top_k", 3}, {"block_length", 8}};
  EXPECT_LE(generate(model, {1}, {.max_tokens = 20}).nfe, 5);
  EXPECT_EQ(generate(model, {1}, {.preset = "llada", .max_tokens = 6, .steps = 2}).nfe, 2);
  model.files.generation_config["threshold"] = 0.5;
  EXPECT_NO_THROW(generate(model, {1}, {.max_tokens = 20, .steps = 4}))
      << "the caller's steps go over the file's threshold";
  model.files.generation_config = {{"min_p", 0.25}, {"repetition_penalty", 1.5}};
  EXPECT_EQ(resolved_params(model, {}, 1).min_p, 0.25f);
  EXPECT_EQ(resolved_params(model, {}, 1).repetition_penalty, 1.5f);
  model.files.generation_config = {{"remasking", "random"}};
  EXPECT_EQ(resolved_params(model, {}, 1).score, ScoreKind::kRandom);
  for (const auto& [name, score] : {std::pair{"entropy", ScoreKind::kEntropy},
                                    {"topk_margin", ScoreKind::kMargin},
                                    {"maskgit_plus", ScoreKind::kProbability},
                                    {"origin", ScoreKind::kRandom}}) {
    model.files.generation_config = {{"alg", name}};
    EXPECT_EQ(resolved_params(model, {}, 1).score, score) << name;
    EXPECT_EQ(resolved_params(model, {.score = "margin"}, 1).score, ScoreKind::kMargin);
  }
  model.files.generation_config = {{"alg", "p2"}};
  EXPECT_ERROR(resolved_params(model, {}, 1), kUnsupported, "alg is 'p2'", "'topk_margin'");
  model.files.generation_config = {{"remasking", "random"}};
  EXPECT_EQ(resolved_params(model, {.threshold = 0.9}, 1).score, ScoreKind::kProbability);
  model.files.generation_config = {{"max_new_tokens", 600}};
  EXPECT_EQ(generate(model, Ids(505, 1), {}).nfe, 7) << "the file's length gives way to the context";
  model.files.generation_config = {{"temperature", "warm"}};
  EXPECT_THROW(generate(model, {1}, {}), Error);
}

TEST(Generate, SameTokensAloneAndInABatch) {
  for (const ModelSpec& spec : {fake_diffusion_spec(), fake_ar_spec()}) {
    Model model = fake_model(spec);
    const GenerationOptions options{.max_tokens = 12, .temperature = 1.0};
    std::vector<BatchItem> items;
    for (uint32_t i = 0; i < 7; ++i) items.push_back({Ids(1 + i % 3, 1), i / 2, i % 2});
    for (const int width : {1, 3, 16}) {
      const auto batch = generate_batch(model, items, options, width);
      for (size_t i = 0; i < items.size(); ++i) {
        GenerationOptions alone = options;
        alone.seed = items[i].seed;
        alone.n_index = items[i].n_index;
        EXPECT_EQ(batch[i].token_ids, generate(model, items[i].prompt, alone).token_ids);
        EXPECT_EQ(batch[i].prompt_tokens, static_cast<int>(items[i].prompt.size()));
        EXPECT_EQ(batch[i].seed, items[i].seed);
      }
    }
  }
}

TEST(Generate, CancellingEndsABatchWithWhatIsFinal) {
  Model model = fake_model(fake_ar_spec(), writes(Ids(40, 1)));
  CancelToken cancel;
  auto& denoiser = static_cast<FakeDenoiser&>(*model.denoiser);
  denoiser.on_forward = [&] {
    if (denoiser.forwards == 3) cancel.cancel();
  };
  const auto batch = generate_batch(model, std::vector<BatchItem>(4, {{1}, 0, 0}), {.max_tokens = 10}, 2, {}, &cancel);
  EXPECT_EQ(batch[0].text, "aaa");
  EXPECT_EQ(batch[0].finish_reason, "cancelled");
  EXPECT_EQ(batch[3].text, "");
  EXPECT_EQ(batch[3].finish_reason, "cancelled");
}

TEST(MakePrompt, SystemNeedsATemplate) {
  Model model = fake_model(fake_ar_spec());
  EXPECT_EQ(make_prompt(model, "ab c", "", false), (Ids{5, 4, 3}));
  EXPECT_THROW(make_prompt(model, "a", "b", false), Error);
  EXPECT_THROW(make_prompt(model, "a", "b", true), Error);
}

TEST(Generate, ATextOfALanguageIsWholeOrNotThere) {
  for (const ModelSpec& spec : {fake_diffusion_spec(), fake_ar_spec()}) {
    Model model = fake_model(spec);
    const GenerationOptions options{.max_tokens = 12, .temperature = 1.0, .regex = "\\[(ab|c)*\\]"};
    std::string last;
    for (uint64_t seed = 0; seed < 10; ++seed) {
      GenerationOptions own = options;
      own.seed = seed;
      last = generate(model, {1, 2}, own).text;
      EXPECT_TRUE(last.starts_with('[') && last.ends_with(']') && last.find_first_not_of("[abc]") == std::string::npos)
          << last;
      EXPECT_EQ(generate(model, {1, 2}, own).text, last);
    }
    GenerationOptions cut = options;
    cut.max_nfe = 1;
    cut.block_length = spec.is_diffusion() ? std::optional(4) : std::nullopt;
    const Generation generation = generate(model, {1, 2}, cut);
    EXPECT_EQ(generation.finish_reason, "deadline");
    EXPECT_EQ(generation.nfe, 1);
    if (spec.is_diffusion()) {  // all was decided at once, and is of the language
      EXPECT_TRUE(generation.text.starts_with('[') && generation.text.ends_with(']')) << generation.text;
      EXPECT_GT(generation.hurried, 1);
    } else {
      EXPECT_EQ(generation.text, "");
      EXPECT_TRUE(generation.token_ids.empty());
    }
  }
}

TEST(Generate, JsonSchemasAndGrammarsAreLanguagesToo) {
  Model model = fake_model(fake_diffusion_spec());
  const std::string schema = R"({"type":"array","items":{"type":"array","maxItems":0},"maxItems":0})";
  EXPECT_EQ(generate(model, {1}, {.max_tokens = 6, .json_schema = schema}).text, "[]");
  const std::string text = generate(model, {1}, {.max_tokens = 9, .grammar = "root ::= \"[\" root \"]\" | [abc]"}).text;
  EXPECT_EQ(std::count(text.begin(), text.end(), '['), std::count(text.begin(), text.end(), ']')) << text;
}

TEST(Generate, RefusesConstraintsThatCannotHold) {
  Model model = fake_model(fake_diffusion_spec());
  EXPECT_ERROR(generate(model, {1}, {.max_tokens = 3, .regex = "c{4}"}), kInvalidArgument,
               "--regex: the shortest text that matches it has 4 tokens, and there is room for 3");
  EXPECT_ERROR(generate(model, {1}, {.stop = {"a"}, .regex = "c{4}"}), kInvalidArgument,
               "--stop could cut a text that --regex asks for");
  EXPECT_ERROR(generate(model, {1}, {.json_schema = "{"}), kInvalidArgument, "--json-schema: not valid JSON");
}

TEST(MakePrompt, TheTemplateSeesTheTokensOfTheConfigElseThoseOfTheModel) {
  Model model = fake_model(fake_ar_spec());
  model.chat_template = std::make_unique<ChatTemplate>(
      ChatTemplate::parse("[{{ bos_token }}|{{ eos_token }}]{% for m in messages %}{{ m.content }}{% endfor %}", "t"));
  const auto& spec = model.denoiser->spec();
  const auto token = [&](int32_t id) { return id < 0 ? "" : std::string(model.tokenizer->token_text(id)); };
  EXPECT_EQ(apply_chat_template(model, {{"user", "hi"}}), "[" + token(spec.bos_id) + "|" + token(spec.eos_id) + "]hi");
  model.files.tokenizer_config = {{"bos_token", nullptr}, {"eos_token", {{"content", "</s>"}}}};
  EXPECT_EQ(apply_chat_template(model, {{"system", "S"}, {"user", "hi"}}), "[|</s>]Shi");
}

TEST(MakePrompt, ToolsAreShownByTheTemplateOrRefused) {
  Model model = fake_model(fake_ar_spec());
  const Json tools = {{{"type", "function"}, {"function", {{"name", "ab"}}}}};
  EXPECT_ERROR(make_prompt(model, {{"user", "c"}}, /*raw=*/false, tools), kInvalidArgument,
               "--tools needs a chat template", "does not have");
  EXPECT_ERROR(make_prompt(model, {{"user", "c"}}, /*raw=*/true, tools), kInvalidArgument, "--raw");
  model.chat_template = std::make_unique<ChatTemplate>(ChatTemplate::parse(
      "{% for t in tools or [] %}[{{ t.function.name }}]{% endfor %}{% for m in messages %}{{ m.content }}"
      "{% for c in m.tool_calls or [] %} {{ c.function.name }}{% endfor %}{% endfor %}",
      "t"));
  EXPECT_EQ(apply_chat_template(model, {{"user", "c"}}, tools), "[ab]c");
  EXPECT_EQ(make_prompt(model, {{"user", "c"}}, /*raw=*/false, tools), (Ids{6, 5, 7, 3}));
  EXPECT_EQ(make_prompt(model, {{"user", "c"}}, /*raw=*/false), Ids{3});
  EXPECT_EQ(apply_chat_template(model, {{"assistant", "", {{"tool_calls", tools}}}}), " ab");
  model.chat_template = std::make_unique<ChatTemplate>(ChatTemplate::parse("{{ messages[0].content }}", "t"));
  EXPECT_ERROR(make_prompt(model, {{"user", "c"}}, /*raw=*/false, tools), kInvalidArgument,
               "the chat template of fake does not show tools to the model");
}

}  // namespace
}  // namespace pent
