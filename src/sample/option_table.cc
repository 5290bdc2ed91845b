// What the table of options says of given ones.
#include "sample/option_table.h"

#include <utility>

#include "base/error.h"

namespace pent {
namespace {

template <typename T>
bool is_in(const NumberRange& range, T value) {
  if constexpr (std::is_integral_v<T>)  // 2^53 + 1 would be 2^53 as a double
    return std::cmp_greater_equal(value, static_cast<int64_t>(range.low)) &&
           std::cmp_less_equal(value, static_cast<int64_t>(range.high));
  else  // written so that NaN is not
    return (range.above ? value > range.low : value >= range.low) && value <= range.high;
}

template <typename T>
void check(const char* key, const T& value, const NumberRange& range) {
  if (is_in(range, value)) return;
  throw error(ErrorKind::kInvalidArgument, "{} is {}; expected {}", option_name(key), value,
              range.above ? fmt::format("more than {} and at most {}", range.low, range.high)
                          : fmt::format("{} to {}", range.low, range.high));
}
template <typename T>
void check(const char* key, const std::optional<T>& value, const NumberRange& range) {
  if (value) check(key, *value, range);
}
template <typename T>
void check(const char*, const T&, NoNumber) {}

}  // namespace

std::string option_name(const char* key) {
  std::string name = "--";
  for (; *key != 0; ++key) name += *key == '_' ? '-' : *key;
  return name;
}

void check_ranges(const GenerationOptions& options) {
  for_each_option([&](const char* key, OptionGroup, auto member, auto range) { check(key, options.*member, range); });
  for (const std::string& stop : options.stop)
    if (stop.empty()) throw error(ErrorKind::kInvalidArgument, "--stop is empty; expected a text to stop at");
}

std::string first_given(const GenerationOptions& options, OptionGroup group) {
  const GenerationOptions none;
  std::string first;
  for_each_option([&](const char* key, OptionGroup own, auto member, auto) {
    if (first.empty() && own == group && options.*member != none.*member) first = option_name(key);
  });
  return first;
}

}  // namespace pent
