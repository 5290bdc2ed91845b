// The table of options: every number has a range, and its ends are in it.
#include "sample/option_table.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"

namespace pent {
namespace {

std::string refusal(const GenerationOptions& options) {
  try {
    check_ranges(options);
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

template <typename T>
T& number_in(std::optional<T>& field) {
  return field.emplace();
}
template <typename T>
T& number_in(T& field) {
  return field;
}

// visit(key, set, range): set(options, value) puts a value of the option's own type; `whole`: an integer.
template <typename Visit>
void for_each_number(const Visit& visit) {
  for_each_option([&](const char* key, OptionGroup, auto member, auto range) {
    if constexpr (std::is_same_v<decltype(range), NumberRange>) {
      using T = std::remove_reference_t<decltype(number_in(std::declval<GenerationOptions&>().*member))>;
      const auto with = [member](double value) {
        GenerationOptions options;
        number_in(options.*member) = static_cast<T>(value);
        return options;
      };
      visit(key, with, range, std::is_integral_v<T>);
    }
  });
}

TEST(OptionTable, EveryNumberOutOfItsRangeIsRefusedInOneLineThatNamesIt) {
  int numbers = 0;
  for_each_number([&](const char* key, const auto& with, const NumberRange& range, bool whole) {
    ++numbers;
    std::vector<double> wrong = {range.high + (whole ? 2 : 0.01 * range.high)};
    if (range.above) wrong.push_back(range.low);
    if (std::string(key) != "seed") wrong.push_back(range.low - (whole ? 1 : 0.01));  // whose type is unsigned
    if (!whole) wrong.insert(wrong.end(), {NAN, INFINITY, -INFINITY});
    for (const double value : wrong) {
      const std::string why = refusal(with(value));
      EXPECT_TRUE(why.starts_with(option_name(key) + " is ")) << key << " " << value << ": " << why;
      EXPECT_NE(why.find("; expected "), std::string::npos) << why;
      EXPECT_EQ(why.find('\n'), std::string::npos);
    }
    for (const double value : {range.high, range.above ? range.high / 2 : range.low})
      EXPECT_EQ(refusal(with(value)), "accepted") << key << " " << value;
  });
  EXPECT_GE(numbers, 20);
}

TEST(OptionTable, TheNextWholeNumberBehindARangeIsOutOfIt) {
  GenerationOptions options;
  options.seed = (uint64_t{1} << 53) + 1;  // as a double it would be 2^53
  EXPECT_EQ(refusal(options), "--seed is 9007199254740993; expected 0 to 9007199254740992");
  EXPECT_EQ(refusal({.top_p = 0}), "--top-p is 0; expected more than 0 and at most 1");
  EXPECT_EQ(refusal({.stop = {"a", ""}}), "--stop is empty; expected a text to stop at");
}

TEST(OptionTable, KnowsWhatWasGiven) {
  EXPECT_EQ(first_given({}, OptionGroup::kDiffusion), "");
  EXPECT_EQ(first_given({.max_tokens = 3, .temperature = 0.0}, OptionGroup::kDiffusion), "");
  EXPECT_EQ(first_given({.trim_tail = true}, OptionGroup::kDiffusion), "--trim-tail");
  EXPECT_EQ(first_given({.score_of = "draws", .cache = "none"}, OptionGroup::kDiffusion), "--score-of");
}

}  // namespace
}  // namespace pent
