#include "engine/preset_file.h"

#include <gtest/gtest.h>

#include "sample/option_table.h"
#include "support/expect_error.h"

namespace pent {
namespace {

GenerationOptions read(const std::string& toml, const GenerationOptions& asked = {}) {
  return with_preset_file(asked, {}, toml, "mine.toml");
}

TEST(PresetFile, SaysWhatTheCommandLineLeavesOpen) {
  const std::string toml = R"(
preset = "fast-dllm"
threshold = 0.7
cache = "dual"
temperature = 1        # a whole number is a number
tau_low = 0.2
trim_tail = true
stop = ["a", "b"]
best_of = 3
seed = 9007199254740992
)";
  const GenerationOptions expected{.preset = "fast-dllm",
                                   .tau_low = 0.2,
                                   .trim_tail = true,
                                   .threshold = 0.7,
                                   .temperature = 1,
                                   .cache = "dual",
                                   .seed = uint64_t{1} << 53,
                                   .best_of = 3,
                                   .stop = {"a", "b"}};
  EXPECT_EQ(read(toml), expected);
  GenerationOptions asked{.threshold = 0.3, .temperature = 0, .max_nfe = 5, .seed = 4};
  const GenerationOptions both = read(toml, asked);
  EXPECT_EQ(both.threshold, 0.3);
  EXPECT_EQ(both.temperature, 0);
  EXPECT_EQ(both.max_nfe, 5);
  EXPECT_EQ(both.seed, 4u);
  EXPECT_EQ(both.cache, "dual");
  EXPECT_EQ(read(""), GenerationOptions{});
}

TEST(PresetFile, WhatExcludesAnOptionThatWasAskedForGivesWay) {
  const std::string toml = "steps_per_block = 8\nselect = \"cosine\"\nmax_tokens = 64\n";
  EXPECT_EQ(read(toml, {.steps = 4}).steps_per_block, std::nullopt);
  EXPECT_EQ(read(toml, {.threshold = 0.5}).select, std::nullopt);
  EXPECT_EQ(read(toml, {.length = "8..20"}).max_tokens, std::nullopt);
  EXPECT_EQ(read(toml, {.temperature = 1}).select, "cosine");
}

TEST(PresetFile, WhatIsWrongIsToldWithItsLine) {
  const std::pair<const char*, const char*> wrong[] = {
      {"\nthreshold = 1.1", "mine.toml:2: 'threshold' must be a number from 0 to 1"},
      {"threshold = nan", "mine.toml:1: 'threshold' must be a number from 0 to 1"},
      {"threshold = \"0.5\"", "'threshold' must be a number from 0 to 1"},
      {"steps = 0", "'steps' must be a whole number from 1 to 16777216"},
      {"steps = 1.5", "'steps' must be a whole number"},
      {"top_p = 0", "--top-p is 0; expected more than 0"},
      {"stop = [\"\"]", "--stop is empty"},
      {"stop = \"x\"", "'stop' must be a list of strings"},
      {"trim_tail = 1", "'trim_tail' must be true or false"},
      {"preset = 3", "'preset' must be a string"},
      {"treshold = 0.5", "unknown key 'treshold'; known here: "},
      {"[diffusion]\nsteps = 3", "unknown key 'diffusion'"},
      {"steps = ", "mine.toml:1: not valid TOML"}};
  for (const auto& [toml, why] : wrong) EXPECT_ERROR(read(toml), kInvalidArgument, why) << toml;
}

// A key for every option, each with its range.
TEST(PresetFile, RefusesEveryNumberOutOfItsRange) {
  for_each_option([&](const char* key, OptionGroup, auto, auto range) {
    if constexpr (std::is_same_v<decltype(range), NumberRange>)
      for (const double value : {range.low - 1, range.high * 2 + 2})
        EXPECT_ERROR(read(fmt::format("{} = {}", key, static_cast<int64_t>(value))), kInvalidArgument, key) << value;
  });
}

}  // namespace
}  // namespace pent
