// Prefix cache and dual cache of Fast-dLLM v1 as pass plans.
#include "sample/cache.h"

#include <array>
#include <utility>

#include "base/error.h"

namespace pent {
namespace {

constexpr std::array<std::pair<CacheKind, std::string_view>, 3> kNames = {
    {{CacheKind::kNone, "none"}, {CacheKind::kPrefix, "prefix"}, {CacheKind::kDual, "dual"}}};

}  // namespace

std::string_view to_string(CacheKind kind) {
  for (const auto& [value, name] : kNames)
    if (value == kind) return name;
  PENT_CHECK(false, "cache kind {}", static_cast<int>(kind));
}

std::optional<CacheKind> parse_cache(std::string_view name) {
  for (const auto& [value, text] : kNames)
    if (text == name) return value;
  return std::nullopt;
}

int32_t plan_canvas(CacheKind kind, int32_t sequence, std::span<const int32_t> tokens, Block block, bool first_of_block,
                    PassPlan& plan) {
  const auto size = static_cast<int32_t>(tokens.size());
  const bool whole = kind == CacheKind::kNone || first_of_block;
  const int32_t begin = whole ? 0 : block.begin, end = whole || kind == CacheKind::kPrefix ? size : block.end;
  plan.add_window(sequence, tokens.subspan(static_cast<size_t>(begin), static_cast<size_t>(end - begin)), begin, size);
  return begin;
}

}  // namespace pent
