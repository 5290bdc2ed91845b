#include "text/jinja/filters.h"

#include <algorithm>

namespace pent::jinja {
namespace {

const Filter* find_filter(std::string_view name) {
  for (const auto& table : {text_filters(), sequence_filters()}) {
    const auto found = std::find_if(table.begin(), table.end(), [&](const Filter& f) { return f.name == name; });
    if (found != table.end()) return &*found;
  }
  return nullptr;
}

}  // namespace

Value apply_filter(std::string_view name, const Value& input, const Arguments& arguments, Runtime& runtime) {
  const Filter* filter = find_filter(name);
  if (!filter) {
    throw error(ErrorKind::kUnsupported, "the filter '{}' is not supported in chat templates yet", printable(name, 40));
  }
  return filter->apply(runtime, input, arguments);
}

}  // namespace pent::jinja
