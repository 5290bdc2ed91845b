// Every option at its edges, through the door of all requests. The walk is over the table of options: a new one that nobody here gave
// values that must be refused fails it.
#include <gtest/gtest.h>

#include <map>

#include "engine/request_json.h"
#include "fake_model.h"
#include "sample/option_table.h"

namespace pent {
namespace {

using Ids = std::vector<TokenId>;

// Of options that take words or texts.
const std::map<std::string, std::vector<Json>>& wrong_words() {
  static const std::map<std::string, std::vector<Json>> words = {
      {"preset", {"dreams", "llada ", "ar"}},
      {"mode", {"backwards", "", "ar"}},
      {"logit_bias", {{"3"}, {"3:x"}, {"3:1001"}, {"3:nan"}, {"16:1"}, {"-1:1"}, {""}}},
      {"stop", {{""}, {"a", ""}}},
      {"regex", {"a(", "[", "a{2,1}", "(?=a)", "xyz"}},
      {"json_schema", {"{", R"({"type": "thing"})", R"({"not": {}})"}},
      {"include", {{""}, {"a", ""}}},
      {"grammar", {"", "root ::= (", "a ::= \"b\"", "root ::= root \"a\""}},
      {"length", {"", "0", "9..8", "16777217", "-4", "1.5", "many"}},
      {"trim_tail", {"yes", 1}},
      {"select", {"", "best", "threshold:1.1", "threshold:", "factor:-1", "entropy:nan", "cosine:2"}},
      {"remask", {"", "all", "edit:1.1", "edit:x", "wino:-0.1", "remdm-cap:2", "none:1", "levenshtein:nan"}},
      {"settle", {"", "often", "1", "1:0", "-1:1"}},
      {"score", {"", "luck"}},
      {"score_of", {"", "draw"}},
      {"cache", {"", "warm", "block"}}};
  return words;
}

const char* section_of(OptionGroup group) {
  return group == OptionGroup::kBudget ? "budget" : group == OptionGroup::kDiffusion ? "diffusion" : "";
}

// What answering the request says; empty: it was answered.
std::string refusal(const Json& request) {
  Model model = fake_model(fake_diffusion_spec());
  try {
    answer(model, parse_request(to_json_line(request), "r"));
  } catch (const Error& error) {
    EXPECT_TRUE(error.kind() == ErrorKind::kInvalidArgument || error.kind() == ErrorKind::kUnsupported) << error.what();
    return error.what();
  }
  return "";
}

Json request_with(const char* key, OptionGroup group, const Json& value) {
  Json request = {{"prompt", "ab"}};
  const std::string section = section_of(group);
  (section.empty() ? request : request[section])[key] = value;
  return request;
}

TEST(Options, EachOutOfItsRangeIsRefusedInOneLineThatNamesIt) {
  for_each_option([&](const char* key, OptionGroup group, auto member, auto range) {
    std::vector<Json> wrong = {Json::object()};  // no value of any option
    if constexpr (std::is_same_v<decltype(range), NumberRange>) {
      const bool whole = std::is_integral_v<std::decay_t<decltype(GenerationOptions{}.*member)>> ||
                         std::is_same_v<std::decay_t<decltype(GenerationOptions{}.*member)>, std::optional<int>>;
      wrong.insert(wrong.end(), {"many", "", true, range.low - 1, range.high * 2 + 1, -1e300, 1e300, "Infinity"});
      if (whole) wrong.insert(wrong.end(), {1.5, static_cast<int64_t>(range.high) + 1});
      if (range.above) wrong.push_back(range.low);
    } else {
      ASSERT_TRUE(wrong_words().contains(key)) << key << " is new: say here what it must refuse";
      for (const Json& value : wrong_words().at(key)) wrong.push_back(value);
      if (std::string(key) == "json_schema") wrong.erase(wrong.begin());  // {} is a schema
    }
    for (const Json& value : wrong) {
      const std::string why = refusal(request_with(key, group, value));
      EXPECT_FALSE(why.empty()) << key << " " << value;
      EXPECT_EQ(why.find('\n'), std::string::npos) << why;
      const bool named = why.find(option_name(key)) != std::string::npos || why.find(key) != std::string::npos;
      EXPECT_TRUE(named) << key << " " << value << ": " << why;
    }
  });
}

// ------------------------------------------------------------------------------------------------ edges that docs/decoding.md defines

ModelSpec in_blocks_of_four() {
  ModelSpec spec = fake_diffusion_spec();
  spec.family = "sdar";
  spec.attention = AttentionKind::kBlockCausal;
  spec.block_size = 4;
  spec.default_preset = "sdar";
  return spec;
}

// visit(options naming a preset, spec): each preset with every kind of model that it fits and that it is not refused for.
template <typename Visit>
void for_each_preset(const Visit& visit) {
  for (const ModelSpec& spec : {fake_diffusion_spec(), fake_editing_spec(), in_blocks_of_four(), fake_canvas_spec()})
    for (const Preset& preset : presets()) {
      const bool whole = preset.select.kind == SelectKind::kAncestral ||
                         preset.remask.kind == RemaskKind::kPathPlanning || preset.remask.kind == RemaskKind::kWino ||
                         preset.length.kind == LengthKind::kDaedal;
      const bool blocks = spec.attention == AttentionKind::kBlockCausal;
      if (!preset.diffusion || !fits(preset, spec) || (whole && blocks)) continue;
      GenerationOptions options{.preset = std::string(preset.name), .temperature = 0.0};
      visit(options, spec);
    }
}

TEST(Edges, ABlockLongerThanTheCanvasIsTheCanvas) {
  for_each_preset([](GenerationOptions options, const ModelSpec& spec) {
    if (spec.attention != AttentionKind::kFull) return;  // whose blocks are the model's
    options.max_tokens = 6;
    std::vector<Ids> texts;
    for (const int block : {6, 7, 1 << 24}) {
      Model model = fake_model(spec);
      options.block_length = block;
      texts.push_back(generate(model, {1}, options).token_ids);
    }
    EXPECT_EQ(texts[1], texts[0]) << options.preset;
    EXPECT_EQ(texts[2], texts[0]) << options.preset;
  });
}

TEST(Edges, AThresholdOfZeroTakesEveryCellAndOneOneAtATime) {
  for (const ModelSpec& spec : {fake_diffusion_spec(), in_blocks_of_four()})
    for (const char* preset : {"llada", "fast-dllm", "llada2", "sdar"}) {
      const auto forwards = [&](double threshold) {
        ModelSpec endless = spec;
        endless.stop_ids.clear();
        Model model = fake_model(endless);
        // With a prompt of 4 the canvas is two whole blocks of the model.
        return generate(model, {1, 2, 3, 4},
                        {.preset = preset, .max_tokens = 8, .threshold = threshold, .temperature = 0.0})
            .nfe;
      };
      EXPECT_EQ(forwards(0), spec.block_size > 0 ? 2 : 1) << preset;
      EXPECT_EQ(forwards(1), 8) << preset;
      EXPECT_ANY_THROW(forwards(1.1)) << preset;
    }
}

// "ab ab…": the stop string " a" lies in two cells, the second of which has more than it.
TEST(Edges, AStopStringMayRunOverCells) {
  for_each_preset([](GenerationOptions options, const ModelSpec& spec) {
    Model model = fake_model(spec, writes({9, 1, 2, 4, 5, 1, 1, 1, 1, 1, 1, 1}));
    options.max_tokens = 6;
    options.stop = {" a"};
    const Generation result = generate(model, {1}, options);
    EXPECT_EQ(result.text, "ab") << options.preset << " " << spec.family;
    EXPECT_EQ(result.token_ids, (Ids{1, 2})) << options.preset << " " << spec.family;
    EXPECT_EQ(result.finish_reason, "stop") << options.preset << " " << spec.family;
  });
}

TEST(Edges, AnEndTokenInTheMiddleOfABlockEndsTheAnswer) {
  for_each_preset([](GenerationOptions options, const ModelSpec& spec) {
    Model model = fake_model(spec, writes({9, 1, 2, 0, 5, 0, 1, 1, 1, 1, 1, 1}));
    options.max_tokens = 6;
    const Generation result = generate(model, {1}, options);
    EXPECT_EQ(result.text, "ab") << options.preset << " " << spec.family;
    EXPECT_EQ(result.completion_tokens, 2) << options.preset << " " << spec.family;
    EXPECT_EQ(result.finish_reason, "stop") << options.preset << " " << spec.family;
  });
}

// The context is the limit of every way to get longer.
TEST(Edges, NothingIsInsertedBeyondTheContextsEnd) {
  const auto unsure = scrambled_logits(16, 1);  // and never of an end: DAEDAL wants more cells, everywhere
  for (const int room : {1, 7, 8, 9, 20}) {
    ModelSpec spec = fake_diffusion_spec();
    spec.max_positions = 2 + room;
    Model model = fake_model(spec, [&](const std::vector<int32_t>& seen, int32_t position) {
      EXPECT_LE(seen.size(), static_cast<size_t>(2 + room));
      std::vector<float> logits = unsure(seen, position);
      logits[0] = -30;
      return logits;
    });
    const Generation grown = generate(model, {1, 2}, {.preset = "daedal", .tau_low = 1.0});
    EXPECT_EQ(grown.completion_tokens, room);
    EXPECT_EQ(grown.finish_reason, "length");
    ModelSpec editing = fake_editing_spec();
    editing.max_positions = 2 + room;
    Model inserting = fake_model(editing, [&](const std::vector<int32_t>& seen, int32_t position) {
      EXPECT_LE(seen.size(), static_cast<size_t>(2 + room));
      std::vector<float> logits = unsure(seen, position);
      logits[14] += 2;  // inserts wherever it may
      logits[0] = -30;
      return logits;
    });
    inserting.tokenizer = std::make_shared<FakeTokenizer>(std::vector<std::string>{
        "<eos>", "a", "b", "c", " ", "ab", "[", "]", "<bos>", "d", "e", "f", "g", "<delete>", "<insert>"});
    EXPECT_EQ(generate(inserting, {1, 2}, {}).canvas_cells, room);
  }
}

}  // namespace
}  // namespace pent
