#include "text/grammar/schema_scalars.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "text/grammar/json_text.h"
#include "text/grammar/regex_syntax.h"

namespace pent::grammar {
namespace {

constexpr std::pair<std::string_view, std::string_view> kFormats[] = {
    {"date", R"(\d{4}-(0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8]))"},
    {"time", R"(([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d))"},
    {"date-time",
     R"(\d{4}-(0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d))"},
    {"uuid", R"([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"},
    {"ipv4", R"(((25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\.){3}(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d))"},
    {"email", R"([A-Za-z0-9_+-]+(\.[A-Za-z0-9_+-]+)*@[A-Za-z0-9]+(-[A-Za-z0-9]+)*(\.[A-Za-z0-9]+(-[A-Za-z0-9]+)*)+)"}};

NumberBounds bounds_of(const SchemaPlace& place) {
  NumberBounds bounds;
  const auto bound = [&](const char* key, bool is_min, bool excluded) {
    if (!place.has(key)) return;
    if (!place[key].is_number()) place.refuse(fmt::format("'{}' is no number", key));
    const double value = place[key].get<double>();
    std::optional<double>& old = is_min ? bounds.min : bounds.max;
    bool& old_excluded = is_min ? bounds.min_excluded : bounds.max_excluded;
    if (old && (is_min ? *old > value : *old < value)) return;
    old_excluded = excluded || (old == value && old_excluded);
    old = value;
  };
  bound("minimum", true, false);
  bound("exclusiveMinimum", true, true);
  bound("maximum", false, false);
  bound("exclusiveMaximum", false, true);
  return bounds;
}

}  // namespace

Expr schema_string(const SchemaPlace& place) {
  if (place.has("pattern")) {
    if (!place["pattern"].is_string()) place.refuse("'pattern' is no string");
    for (const char* key : {"minLength", "maxLength"})
      if (place.has(key)) place.refuse_pair("pattern", key);
    return json_string_of(parse_regex_search(place["pattern"].get<std::string>(),
                                             fmt::format("{}: {}/pattern", place.what, printable(place.path))));
  }
  if (place.has("format") && place["format"].is_string() && !place.has("minLength") && !place.has("maxLength")) {
    const std::string format = place["format"].get<std::string>();
    for (const auto& [name, regex] : kFormats)
      if (name == format) return json_string_of(parse_regex(regex, place.what));
  }
  const auto [min, max] = place.counts("minLength", "maxLength");
  return json_string(min, max);
}

Expr schema_number(const SchemaPlace& place, bool integer) {
  const NumberBounds bounds = bounds_of(place);
  if (place.has("multipleOf")) {
    if (place["multipleOf"] != 1) place.refuse("'multipleOf' is not supported, but for 1", ErrorKind::kUnsupported);
    integer = true;
  }
  if (!integer && !bounds.min && !bounds.max) return json_number();
  if (!integer) {
    Expr made = json_number(bounds);
    if (made->kind == Expression::Kind::kChoice && made->items.empty())
      place.refuse("between the bounds there is neither a whole number nor room from one to the next",
                   ErrorKind::kUnsupported);
    return made;
  }
  const auto most = static_cast<double>(kMaxInteger);
  double first = std::ceil(std::max(bounds.min.value_or(-most), -most));
  double last = std::floor(std::min(bounds.max.value_or(most), most));
  if (bounds.min_excluded && first == bounds.min) ++first;
  if (bounds.max_excluded && last == bounds.max) --last;
  if (first > last) place.refuse("no whole number of at most 16 digits is between the bounds");
  return json_integer(static_cast<int64_t>(first), static_cast<int64_t>(last));
}

}  // namespace pent::grammar
