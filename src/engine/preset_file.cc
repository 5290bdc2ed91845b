// Presets from TOML.
#include "engine/preset_file.h"

#include <algorithm>
#include <utility>

#include "io/toml_section.h"
#include "sample/option_table.h"

namespace pent {
namespace {

using Options = GenerationOptions;

template <typename T>
T& value_in(T& field) {
  return field;
}
template <typename T>
T& value_in(std::optional<T>& field) {
  return field.emplace();
}

template <typename T>
void read(TomlSection& file, const char* key, T& value, const NumberRange& range) {
  if constexpr (std::is_integral_v<T>)
    file.read(key, value, static_cast<int64_t>(range.low), static_cast<int64_t>(range.high));
  else
    file.read(key, value, range.low, range.high);
}
template <typename T>
void read(TomlSection& file, const char* key, T& value, NoNumber) {
  file.read(key, value);
}

// Whatever of the two was asked for, the file has no say.
template <typename A, typename B>
void forget_both(const Options& asked, const Options& unasked, Options& from_file, std::optional<A> Options::* one,
                 std::optional<B> Options::* other) {
  if (asked.*one == unasked.*one && asked.*other == unasked.*other) return;
  (from_file.*one).reset();
  (from_file.*other).reset();
}

}  // namespace

GenerationOptions with_preset_file(GenerationOptions options, const GenerationOptions& unasked, std::string_view toml,
                                   const std::string& where) {
  const toml::table root = parse_toml(toml, where, {});
  TomlSection file(&root, where);
  const std::vector<std::string> keys = file.keys();
  Options from_file = unasked;
  for_each_option([&](const char* key, OptionGroup, auto member, auto range) {
    Options scratch;  // an optional would be filled by the asking
    read(file, key, value_in(scratch.*member), range);
    if (std::find(keys.begin(), keys.end(), key) != keys.end()) from_file.*member = scratch.*member;
  });
  file.refuse_unknown();
  forget_both(options, unasked, from_file, &Options::steps, &Options::steps_per_block);
  forget_both(options, unasked, from_file, &Options::select, &Options::threshold);
  forget_both(options, unasked, from_file, &Options::max_tokens, &Options::length);
  for_each_option([&](const char*, OptionGroup, auto member, auto) {
    if (options.*member == unasked.*member) options.*member = from_file.*member;
  });
  check_ranges(options);
  return options;
}

}  // namespace pent
